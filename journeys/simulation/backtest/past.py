"""What really happened: the events that would have started the flow, and the people behind them. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from django.db.models import F, QuerySet

from crm.lib import zones
from crm.lib.among import Among
from crm.models import Customer, Event, Shop
from crm.rules import properties
from journeys.facts import Fact
from journeys.flows import orders
from journeys.flows.answers import DATE_FIELDS
from journeys.flows.enrolment import STALE
from journeys.flows.holdout import in_control_group
from journeys.flows.plan import Plan
from journeys.flows.steps import Wait, WaitRule
from journeys.flows.steps.base import Bought
from journeys.simulation.backtest.lives import Person, Slot

CHUNK = 5_000
# How long before the window began an event may have occurred for a step that looks back.
LOOK_BACK = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Part:
    """
    Some customers' starting events.

    Attributes:
        events: (customer, fact) in the order they occurred.
        last: the highest number among the customers; None when none are left behind it.
    """

    events: Sequence[tuple[int, Fact]]
    last: int | None


def part(plan: Plan, *, since: datetime, until: datetime, most: int, after: int, size: int) -> Part:
    """What starts the flow, of the customers behind `after`: about `size` of the latest `most` events."""
    events = _fresh(plan, since, until)
    # The oldest that is tried; those that occurred with it are, too.
    oldest = events.order_by("-occurred_at", "-pk").values_list("occurred_at", flat=True)[most - 1 : most].first()
    tried = events.filter(occurred_at__gte=oldest) if oldest else events
    ahead = tried.filter(customer__gt=after).order_by("customer")
    last = ahead.values_list("customer", flat=True)[size - 1 : size].first()
    if last is not None and ahead.filter(customer__gt=last).exists():
        ahead = ahead.filter(customer__lte=last)
    else:
        last = None
    rows = ahead.order_by("occurred_at", "pk").values_list("customer", "pk", "name", "occurred_at", "properties")
    found = [(customer, Fact(pk, name, at, said)) for customer, pk, name, at, said in rows.iterator(CHUNK)]
    return Part(found, last)


def count_starting(plan: Plan, *, since: datetime, until: datetime) -> tuple[int, int]:
    """How many events would have started the flow: all, and without those we learnt of too late."""
    return _starting(plan, since, until).count(), _fresh(plan, since, until).count()


def _starting(plan: Plan, since: datetime, until: datetime) -> QuerySet[Event]:
    where = properties.condition(plan.trigger_where)
    return Event.objects.filter(where, name=plan.trigger, occurred_at__gte=since, occurred_at__lt=until)


def _fresh(plan: Plan, since: datetime, until: datetime) -> QuerySet[Event]:
    return _starting(plan, since, until).filter(received_at__lte=F("occurred_at") + STALE)


def slots(events: Sequence[tuple[int, Fact]], plan: Plan, *, until: datetime, fallback: str) -> list[Slot]:
    """The entries by customer and key, with what their customers did; people who are gone are left out."""
    entries: dict[tuple[int, str], list[Fact]] = defaultdict(list)
    for customer, fact in events:
        entries[customer, plan.key_of(fact)].append(fact)
    if not entries:
        return []
    since, behind = events[0][1].at, _orders(events, plan)
    people: dict[int, Person] = {}
    for ids in chunks({customer for customer, _ in entries}):
        people |= _people(ids, plan, since, until, fallback, behind)
    return [Slot(people[customer], key, facts) for (customer, key), facts in entries.items() if customer in people]


def chunks(ids: Collection[int]) -> Iterator[list[int]]:
    """`ids` in order, a few thousand at a time."""
    ordered = iter(sorted(ids))
    while chunk := list(islice(ordered, CHUNK)):
        yield chunk


def _orders(events: Sequence[tuple[int, Fact]], plan: Plan) -> dict[int, dict[int, Bought]]:
    """Customer → event → the order behind it, when a wait of the flow is by product."""
    if not any(isinstance(step, Wait) and step.until and step.until.product for step in plan.steps.values()):
        return {}
    found = orders.behind([orders.Beginning(customer, fact.id, fact.properties) for customer, fact in events])
    behind: dict[int, dict[int, Bought]] = defaultdict(dict)
    for (customer, fact), order in zip(events, found, strict=True):
        if order:
            behind[customer][fact.id] = order
    return behind


def _people(
    ids: Collection[int], plan: Plan, since: datetime, until: datetime, fallback: str,
    behind: Mapping[int, Mapping[int, Bought]],
) -> dict[int, Person]:  # fmt: skip
    facts, share = _facts(ids, plan, since, until), Shop.current().control_group
    rows = Customer.objects.filter(Among("pk", ids), merged_into=None, erased_at=None)
    return {
        row["pk"]: Person(
            row["pk"],
            zones.zone(row["time_zone"], fallback),
            row,
            facts.get(row["pk"], ()),
            in_control=in_control_group(row["pk"], share),
            orders=behind.get(row["pk"], {}),
        )
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
