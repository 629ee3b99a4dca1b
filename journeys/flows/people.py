"""People inside a flow that is edited: count what would become of them, and let it become so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Q

from crm.lib import bell, bulk, zones
from crm.lib.durations import parse_duration
from crm.models import Shop
from journeys.flows import calendar, leaving, plans, rows
from journeys.flows.chunks import CHUNK
from journeys.flows.definition import parse_definition
from journeys.flows.impact import Carried, Fate, Impact, PeopleInside, carry, fate_of_all
from journeys.flows.listening import BELL
from journeys.flows.plan import Plan
from journeys.models import Enrolment, Flow, FlowVersion


def preview(flow: Flow, definition: Any, choice: PeopleInside, *, now: datetime) -> Impact:
    """
    What would become of the people inside `flow` if `definition` were published now.

    Raises:
        InvalidDefinition: it cannot be read.
    """
    new, impact = Plan(parse_definition(definition)), Impact()
    asked, old = Q(pk__in=[]), _plans(flow)
    for version, step, number in _standing(flow):
        fate = fate_of_all(old[version], new, step, choice)
        if fate is None:
            asked |= Q(version=version, step=step)
        else:
            impact.note(step, fate, number)
    people = Enrolment.objects.active().filter(asked, flow=flow).with_customer().order_by("pk")
    fallback = Shop.current().time_zone
    for row in people.defer("context").iterator(chunk_size=CHUNK):
        zone = zones.zone(row.time_zone, fallback)
        impact.note(row.step, carry(old[row.version_id], new, rows.state_of(row), choice, now=now, zone=zone).fate)
    return impact


def carry_over(flow: Flow, version: FlowVersion, choice: PeopleInside, *, now: datetime) -> Impact:
    """
    Take everybody inside to `version` as `choice` says; within the transaction that publishes it.

    Whose step was not edited are carried by one statement, the others in chunks.
    """
    impact = Impact()
    if choice is PeopleInside.PIN:
        for _version, step, number in _standing(flow):
            impact.note(step, Fate.STAYS, number)
        return impact
    new = plans.plan_of(version)
    inside = Enrolment.objects.active().filter(flow=flow)
    if choice is PeopleInside.FOLLOW:
        inside = inside.exclude(version=version)
        _carry_unedited(flow, version, impact)
    while chunk := list(inside.with_customer().order_by("pk").locked()[:CHUNK]):
        _carry_chunk(chunk, version, new, choice, impact, now)
    bell.ring(BELL)
    return impact


def _carry_unedited(flow: Flow, version: FlowVersion, impact: Impact) -> None:
    """As `carry` does for a step that was not edited; a goal that counts for another time is told row by row."""
    new, old = plans.plan_of(version), _plans(flow)
    steps_of: dict[int, list[str]] = defaultdict(list)
    for version_id, step, number in _standing(flow):
        if version_id == version.pk:
            impact.note(step, Fate.GOES_ON, number)
        elif _within(old[version_id]) == _within(new) and (
            fate_of_all(old[version_id], new, step, PeopleInside.FOLLOW) is Fate.GOES_ON
        ):
            steps_of[version_id].append(step)
    for version_id, steps in steps_of.items():
        for step in steps:
            people = Enrolment.objects.active().filter(flow=flow, version=version_id, step=step)
            impact.note(step, Fate.GOES_ON, people.update(version=version, visit=F("visit") + 1))


def _carry_chunk(
    chunk: Sequence[Enrolment], version: FlowVersion, new: Plan, choice: PeopleInside, impact: Impact, now: datetime
) -> None:
    fallback = Shop.current().time_zone
    versions = plans.versions({row.version_id for row in chunk})
    leaving_for: dict[str, list[Enrolment]] = defaultdict(list)
    staying: list[dict[str, Any]] = []
    for row in chunk:
        zone, old = zones.zone(row.time_zone, fallback), plans.plan_of(versions[row.version_id])
        carried = carry(old, new, rows.state_of(row), choice, now=now, zone=zone)
        impact.note(row.step, carried.fate)
        if carried.fate is Fate.LEAVES:
            leaving_for[carried.reason].append(row)
        else:
            staying.append(_columns(row, carried, version, new, zone))
    for reason, people in leaving_for.items():
        leaving.leave(people, now=now, reason=reason)
    bulk.update_rows(Enrolment, staying, fields=[*rows.COLUMNS, "version_id", "goal_until"])


def _columns(row: Enrolment, carried: Carried, version: FlowVersion, new: Plan, zone: ZoneInfo) -> dict[str, Any]:
    within = _within(new)
    return {
        "id": row.pk,
        "version_id": version.pk,
        "goal_until": calendar.add(row.entered_at, parse_duration(within), zone) if within else None,
        **rows.under_way(carried.state, goal_at=row.goal_at),
    }


def _within(plan: Plan) -> str:
    return plan.definition.goal.within if plan.definition.goal else ""


def _standing(flow: Flow) -> Iterator[tuple[int, str, int]]:
    """(version, step, how many people stand there)."""
    groups = Enrolment.objects.active().filter(flow=flow).values_list("version", "step").annotate(n=Count("pk"))
    yield from groups.order_by("version", "step")


def _plans(flow: Flow) -> dict[int, Plan]:
    """The plans of the versions that somebody is still in."""
    ids = set(Enrolment.objects.active().filter(flow=flow).values_list("version", flat=True))
    return {pk: plans.plan_of(version) for pk, version in plans.versions(ids).items()}
