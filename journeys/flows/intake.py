"""
Let many people in, bit by bit: those whose trigger holds already, and everybody in a segment at a time of the schedule.

Only the row `Intake` says how far it has come: a worker that dies loses nothing, and the next goes on where it was.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from crm.lib import bell
from crm.lib.among import Among
from crm.models import Customer, Event, SegmentMember
from crm.rules import matching, parse_rule, properties
from journeys.facts import Fact
from journeys.flows import plans
from journeys.flows.chunks import CHUNK
from journeys.flows.definition import Definition, ScheduleTrigger, SegmentTrigger, StageTrigger, parse_definition
from journeys.flows.enrolment import Entry, enrol_many
from journeys.flows.listening import BELL
from journeys.flows.plan import Plan
from journeys.models import FlowVersion, Intake, Position

# An event as old as that no longer "holds": what it was about is over.
RECENT = timedelta(days=30)


def begin(version: FlowVersion, kind: Intake.Kind, *, at: datetime) -> None:
    """Let people in from now on; asking for the same again changes nothing."""
    Intake.objects.get_or_create(version=version, kind=kind, at=at)
    bell.ring(BELL)


def count(definition: Any, *, now: datetime) -> int:
    """
    How many customers a backfill would let in, at most: in the audience, and their trigger holds. Re-entry is asked
    when they enter.

    Raises:
        InvalidDefinition: it cannot be read.
    """
    parsed = parse_definition(definition)
    inside = matching(parse_rule(parsed.audience), now=now)
    return inside.filter(_holds(parsed, now), erased_at=None).count()


def go_on(*, now: datetime) -> int:
    """Let in up to a thousand people of the oldest intake; return how many were looked at."""
    with transaction.atomic():
        intake = Intake.objects.open().select_for_update(of=("self",), skip_locked=True).first()
        if intake is None:
            return 0
        version = plans.versions({intake.version_id})[intake.version_id]
        plan = plans.plan_of(version)
        people = _next(plan, intake, now)
        intake.entered += len(enrol_many(_entries(plan, version, intake, people, now), now=now))
        intake.after = people[-1] if people else intake.after
        if len(people) < CHUNK:
            intake.done_at = now
        intake.save(update_fields=["after", "entered", "done_at"])
        return len(people)


def _next(plan: Plan, intake: Intake, now: datetime) -> list[int]:
    waiting = Customer.objects.filter(_holds(plan.definition, now), merged_into=None, erased_at=None)
    return list(waiting.filter(pk__gt=intake.after).order_by("pk").values_list("pk", flat=True)[:CHUNK])


def _holds(definition: Definition, now: datetime) -> Q:
    """Customers of whom the trigger is true now; of the calendar's days and of people's hands it never is."""
    trigger = definition.trigger
    if isinstance(trigger, StageTrigger):
        stage = trigger.stage
        here = Position.objects.filter(journey__slug=stage.journey, stage__slug=stage.stage)
        return Q(Exists(here.filter(customer=OuterRef("pk"))))
    if isinstance(trigger, ScheduleTrigger):
        return _is_member(trigger.schedule.segment)
    if isinstance(trigger, SegmentTrigger) and trigger.on == "enter":
        return _is_member(trigger.segment)
    plan = Plan(definition)
    if not plan.trigger:
        return Q(pk__in=[])
    recent = Q(Exists(_events(plan, now).filter(customer=OuterRef("pk"))))
    return recent & ~_is_member(trigger.segment) if isinstance(trigger, SegmentTrigger) else recent


def _is_member(segment: str) -> Q:
    return Q(Exists(SegmentMember.objects.filter(segment__slug=segment, customer=OuterRef("pk"))))


def _events(plan: Plan, now: datetime) -> QuerySet[Event]:
    """What starts the flow and happened lately."""
    return Event.objects.filter(
        properties.condition(plan.trigger_where), name=plan.trigger, occurred_at__gt=now - RECENT, occurred_at__lte=now
    )


def _entries(plan: Plan, version: FlowVersion, intake: Intake, people: Collection[int], now: datetime) -> list[Entry]:
    """Everybody enters now; the event that a flow starts on comes with them, the latest of each order or cart."""
    if intake.kind == Intake.Kind.SCHEDULE or isinstance(plan.definition.trigger, StageTrigger):
        at = intake.at if intake.kind == Intake.Kind.SCHEDULE else now
        token = f"{intake.kind}:{intake.at.isoformat()}"
        return [Entry(version, customer, at, token=token) for customer in people]
    if isinstance(plan.definition.trigger, SegmentTrigger):
        return [
            Entry(version, customer, now, token=f"backfill:{intake.at.isoformat()}", context=_segment_context(plan))
            for customer in people
        ]
    latest: dict[tuple[int, str], Fact] = {}
    for event in _events(plan, now).filter(Among("customer", people)).order_by("occurred_at", "pk"):
        fact = Fact.of(event)
        latest[event.customer_id, plan.key_of(fact)] = fact
    return [
        Entry(version, customer, now, fact, context={"event": fact.properties}, since=fact.at)
        for (customer, _key), fact in sorted(latest.items(), key=lambda item: item[0])
    ]


def _segment_context(plan: Plan) -> dict[str, Any]:
    trigger = plan.definition.trigger
    return {"event": {"segment": trigger.segment}} if isinstance(trigger, SegmentTrigger) else {}
