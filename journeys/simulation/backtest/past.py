"""What really happened: the events that would have started the flow, and the people behind them. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice

from django.db.models import F

from crm.lib import zones
from crm.lib.among import Among
from crm.models import Customer, Event, Shop
from crm.rules import properties
from journeys.facts import Fact
from journeys.flows.answers import DATE_FIELDS
from journeys.flows.enrolment import STALE
from journeys.flows.holdout import in_control_group
from journeys.flows.plan import Plan
from journeys.flows.steps import WaitRule
from journeys.simulation.backtest.lives import Person, Slot

CHUNK = 5_000
# How long before the window began an event may have occurred for a step that looks back.
LOOK_BACK = timedelta(days=30)


def starting_events(plan: Plan, *, since: datetime, until: datetime, most: int) -> list[tuple[int, Fact]]:
    """(customer, fact) of what starts the flow, in the order it occurred; the latest `most` of them."""
    events = Event.objects.filter(
        properties.condition(plan.trigger_where),
        name=plan.trigger,
        occurred_at__gte=since,
        occurred_at__lt=until,
        received_at__lte=F("occurred_at") + STALE,
    )
    rows = events.order_by("-occurred_at", "-pk").values_list("customer", "pk", "name", "occurred_at", "properties")
    found = [(customer, Fact(pk, name, at, said)) for customer, pk, name, at, said in rows[:most].iterator(CHUNK)]
    return found[::-1]


def count_starting(plan: Plan, *, since: datetime, until: datetime) -> int:
    """How many events would have started the flow, those we learnt of too late included."""
    events = Event.objects.filter(
        properties.condition(plan.trigger_where), name=plan.trigger, occurred_at__gte=since, occurred_at__lt=until
    )
    return events.count()


def slots(events: Sequence[tuple[int, Fact]], plan: Plan, *, until: datetime, fallback: str) -> list[Slot]:
    """The entries by customer and key, with what their customers did; people who are gone are left out."""
    entries: dict[tuple[int, str], list[Fact]] = defaultdict(list)
    for customer, fact in events:
        entries[customer, plan.key_of(fact)].append(fact)
    if not entries:
        return []
    since = events[0][1].at
    people: dict[int, Person] = {}
    for ids in chunks({customer for customer, _ in entries}):
        people |= _people(ids, plan, since, until, fallback)
    return [Slot(people[customer], key, facts) for (customer, key), facts in entries.items() if customer in people]


def chunks(ids: Collection[int]) -> Iterator[list[int]]:
    """`ids` in order, a few thousand at a time."""
    ordered = iter(sorted(ids))
    while chunk := list(islice(ordered, CHUNK)):
        yield chunk


def _people(ids: Collection[int], plan: Plan, since: datetime, until: datetime, fallback: str) -> dict[int, Person]:
    facts, share = _facts(ids, plan, since, until), Shop.current().control_group
    rows = Customer.objects.filter(Among("pk", ids), merged_into=None, erased_at=None)
    return {
        row["pk"]: Person(
            row["pk"], zones.zone(row["time_zone"], fallback), row, facts.get(row["pk"], ()),
            in_control=in_control_group(row["pk"], share),
        )  # fmt: skip
        for row in rows.values("pk", "time_zone", "attributes", *DATE_FIELDS)
    }


def _facts(ids: Collection[int], plan: Plan, since: datetime, until: datetime) -> Mapping[int, list[Fact]]:
    """
    What the flow listens to, of these customers; everything they did when it asks rules on whatever they do.

    From before the window too as far as a step looks back: a wait asks for what came before it began.
    """
    found: dict[int, list[Fact]] = defaultdict(list)
    asks_always = bool(plan.exit_rules) or any(isinstance(step, WaitRule) for step in plan.steps.values())
    if not asks_always and not plan.hears:
        return found
    events = Event.objects.filter(Among("customer", ids), occurred_at__gte=since - LOOK_BACK, occurred_at__lt=until)
    if not asks_always:
        events = events.filter(name__in=plan.hears)
    rows = events.order_by("occurred_at", "pk").values_list("customer", "pk", "name", "occurred_at", "properties")
    for customer, pk, name, at, said in rows.iterator(CHUNK):
        found[customer].append(Fact(pk, name, at, said))
    return found
