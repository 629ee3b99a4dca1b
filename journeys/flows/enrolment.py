"""
Put customers into flows, many at a time.

A customer enters when an event starts a live flow, when staff or a program say so, and once per entry: the same event
again, or two workers at once, enter nobody twice. An event that we learnt of more than three days late starts nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from crm.events.recall import recall
from crm.lib import bell, bulk, zones
from crm.lib.among import Among
from crm.lib.durations import parse_duration
from crm.models import Customer, Event, Shop
from crm.rules import matches
from journeys.facts import Fact
from journeys.flows import calendar, interpreter, plans, rows
from journeys.flows.definition import Reentry
from journeys.flows.holdout import in_control_group, why_held_out
from journeys.flows.interpreter import State, Status
from journeys.flows.listening import BELL, GOAL, why_it_ends
from journeys.flows.plan import Plan
from journeys.models import Enrolment, Flow, FlowVersion

STALE = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Entry:
    """
    Somebody about to enter a flow.

    Attributes:
        at: when the run begins; for an event when it occurred.
        fact: the event that starts it, None by hand.
        token: tells entries without an event apart; the same again is the same entry.
        context: what messages may name: {"event": properties}.
        since: when what starts the run was so, if that was before the run begins.
    """

    version: FlowVersion
    customer: int
    at: datetime
    fact: Fact | None = None
    token: str = ""
    context: Mapping[str, Any] = field(default_factory=dict)
    since: datetime | None = None

    @property
    def from_when(self) -> datetime:
        """Exits and goals from here on say that it is over already."""
        return self.since or self.at


class NotLive(ValueError):
    """Nobody can enter this flow now."""


@dataclass(frozen=True, slots=True)
class _Person:
    id: int
    zone: ZoneInfo
    in_control: bool


@dataclass(slots=True)
class Past:
    """The last entry with one flow, customer and key; `is_active` while a run of them is under way."""

    entered_at: datetime
    is_active: bool


Slot = tuple[int, int, str]  # flow, customer, key


def enter_on(events: Sequence[Event], *, now: datetime) -> list[Enrolment]:
    """Enrol the customers of `events` in the live flows that these events start; return the new enrolments."""
    fresh = [event for event in events if event.received_at - event.occurred_at <= STALE]
    started_by: dict[str, list[tuple[FlowVersion, Plan]]] = defaultdict(list)
    for version in plans.live_versions() if fresh else ():
        plan = plans.plan_of(version)
        started_by[plan.trigger].append((version, plan))
    entries: list[Entry] = []
    starting = [event for event in fresh if event.name in started_by]
    for event in sorted(starting, key=lambda event: (event.occurred_at, event.pk)):
        fact, at, context = Fact.of(event), min(event.occurred_at, now), {"event": event.properties}
        entries += [
            Entry(version, event.customer_id, at, fact, context=context)
            for version, plan in started_by[event.name]
            if plan.starts_on(fact)
        ]
    return enrol_many(entries, now=now)


def enrol_by_hand(flow: Flow, customers: Iterable[Customer], *, now: datetime, token: str = "") -> list[Enrolment]:
    """
    Enrol customers because staff or a program say so; audience and re-entry are asked as ever.

    Args:
        token: the same token again enters nobody a second time; by default every instant is an entry of its own.

    Raises:
        NotLive: the flow is a draft, paused or archived.
    """
    version = flow.live_version
    if flow.state != Flow.State.LIVE or version is None:
        raise NotLive(_("Only a live flow takes people in."))
    entries = [Entry(version, customer.pk, now, token=token or now.isoformat()) for customer in customers]
    return enrol_many(entries, now=now)


@transaction.atomic(savepoint=False)
def enrol_many(entries: Sequence[Entry], *, now: datetime) -> list[Enrolment]:
    """
    Enrol whoever may enter; a fixed number of queries, and one per flow with an audience.

    Left out are customers merged away or erased, those outside the audience, and those whom the re-entry policy
    refuses. Who was reached by an exit or the goal between entry and now is enrolled and has left; who is held out is
    enrolled and only watched.

    Args:
        entries: in the order they happened.
    """
    people = _people({entry.customer for entry in entries})
    admitted = _admitted([entry for entry in entries if entry.customer in people], now)
    if not admitted:
        return []
    past = _past(admitted)
    since = _happened_since(admitted)
    enrolments: list[Enrolment] = []
    for entry in admitted:
        plan = plans.plan_of(entry.version)
        slot = _slot(entry, plan)
        if not may_enter(plan.definition.reentry, past.get(slot), at=entry.at, zone=people[entry.customer].zone):
            continue
        *_, key = slot
        enrolment = _begin(entry, plan, key, people[entry.customer], since.get(entry.customer, ()), now)
        past[slot] = Past(entry.at, enrolment.state == Enrolment.State.ACTIVE)
        enrolments.append(enrolment)
    new = bulk.insert_new(Enrolment, enrolments, unique=("flow_id", "entry_key"))
    if any(enrolment.due_at is not None and enrolment.due_at <= now for enrolment in new):
        bell.ring(BELL)
    return new


def _people(ids: Collection[int]) -> dict[int, _Person]:
    """Those of them who are still there, with their time zones."""
    if not ids:
        return {}
    shop = Shop.current()
    # Sorted out here: to a database without fresh statistics "not merged" looks like the rarer, better index.
    found = Customer.objects.filter(Among("pk", ids)).values_list("pk", "time_zone", "merged_into", "erased_at")
    return {
        pk: _Person(pk, zones.zone(name, shop.time_zone), in_control_group(pk, shop.control_group))
        for pk, name, merged_into, erased_at in found
        if merged_into is None and erased_at is None
    }


def _admitted(entries: Sequence[Entry], now: datetime) -> list[Entry]:
    """The entries whose customers are in their flow's audience."""
    by_flow: dict[int, set[int]] = defaultdict(set)
    audiences = {}
    for entry in entries:
        by_flow[entry.version.flow_id].add(entry.customer)
        audiences[entry.version.flow_id] = plans.plan_of(entry.version).audience
    inside = {flow: matches(audiences[flow], customers, now=now) for flow, customers in by_flow.items()}
    return [entry for entry in entries if entry.customer in inside[entry.version.flow_id]]


def _past(entries: Sequence[Entry]) -> dict[Slot, Past]:
    """For flows that ask about it, each customer's last entry by key, and whether a run is under way."""
    asking = [entry for entry in entries if _policy(entry) in {"after_exit", "cooldown"}]
    past: dict[Slot, Past] = {}
    if not asking:
        return past
    known = Enrolment.objects.filter(
        Among("customer", (entry.customer for entry in asking)), flow__in={entry.version.flow_id for entry in asking}
    ).values_list("flow", "customer", "key", "entered_at", "state")
    for flow, customer, key, entered_at, state in known:
        slot = (flow, customer, key)
        before = past.get(slot)
        active = state == Enrolment.State.ACTIVE
        if before:
            entered_at, active = max(entered_at, before.entered_at), active or before.is_active
        past[slot] = Past(entered_at, active)
    return past


def _happened_since(entries: Sequence[Entry]) -> dict[int, list[Fact]]:
    """Exits and goals of these flows that occurred after the entry and are on the log already, by customer."""
    wanted: dict[int, dict[str, datetime | None]] = defaultdict(dict)
    for entry in entries:
        names = wanted[entry.customer]
        for name in plans.plan_of(entry.version).ends_on:
            names[name] = min(entry.from_when, names.get(name) or entry.from_when)
    found: dict[int, list[Fact]] = defaultdict(list)
    for customer, *fact in recall(wanted):
        found[customer].append(Fact(*fact))
    return found


def _policy(entry: Entry) -> str:
    return plans.plan_of(entry.version).definition.reentry.policy


def _slot(entry: Entry, plan: Plan) -> Slot:
    return entry.version.flow_id, entry.customer, _key(entry, plan)


def _key(entry: Entry, plan: Plan) -> str:
    """The order or cart the run is about: the event's own, else that of the run it comes from."""
    return plan.key_of(entry.fact or Fact(0, "", entry.at, entry.context.get("event") or {}))


def may_enter(reentry: Reentry, past: Past | None, *, at: datetime, zone: ZoneInfo) -> bool:
    """What the re-entry policy says at `at`; `once` is the entry key's own business."""
    if past is None or reentry.policy in {"once", "always"}:
        return True
    if past.is_active:
        return False
    return reentry.cooldown is None or at >= calendar.add(past.entered_at, parse_duration(reentry.cooldown), zone)


def _begin(entry: Entry, plan: Plan, key: str, person: _Person, since: Sequence[Fact], now: datetime) -> Enrolment:
    """The row of a new run."""
    policy = plan.definition.reentry.policy
    occasion = f"event:{entry.fact.id}" if entry.fact else f"hand:{entry.token}"
    goal = plan.definition.goal
    return bulk.new_row(
        Enrolment,
        flow=entry.version.flow,
        version=entry.version,
        customer_id=entry.customer,
        entry_key=f"{entry.customer}:{key}" if policy == "once" else f"{entry.customer}:{key}:{occasion}"[:300],
        key=key,
        slot="" if policy == "always" else f"{entry.customer}:{key}",
        event_id=entry.fact.id if entry.fact else None,
        context=dict(entry.context),
        entered_at=entry.at,
        ready_at=now,
        goal_until=calendar.add(entry.at, parse_duration(goal.within), person.zone) if goal else None,
        **_first_columns(entry, plan, key, person, since, now),
    )


def _first_columns(
    entry: Entry, plan: Plan, key: str, person: _Person, since: Sequence[Fact], now: datetime
) -> rows.Row:
    """Where a new run stands: held out, over already, or before its first step."""
    state = interpreter.start(plan, at=entry.at)
    who = f"{entry.version.flow.slug}:{entry.customer}"
    flow, share = entry.version.flow.slug, plan.definition.holdout
    if reason := why_held_out(flow, entry.customer, share, in_control=person.in_control):
        return rows.ended(state, now=now, as_=Enrolment.State.HELD_OUT, reason=reason)
    for fact in since:
        reason = why_it_ends(plan, fact, key=key, entered_at=entry.from_when)
        if reason and not (entry.fact and fact.id == entry.fact.id):
            goal_at = fact.at if reason == GOAL else None
            return rows.ended(state, now=now, as_=Enrolment.State.EXITED, reason=reason, goal_at=goal_at)
    return rows.under_way(_first_rest(plan, state, person.zone, now, who))


def _first_rest(plan: Plan, state: State, zone: ZoneInfo, now: datetime, who: str) -> State:
    """A flow that begins by waiting is put to rest at once and costs the runner nothing until then."""
    outcome = interpreter.walk(plan, state, now=now, zone=zone, who=who)
    quiet = outcome.status is Status.RESTING and not outcome.visits and not outcome.effects
    return outcome.state if quiet else state
