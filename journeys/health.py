"""What `manage.py doctor` should know about journeys and flows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Q

from crm.lib import health
from crm.lib.health import Finding
from crm.rules import InvalidRule
from journeys.flows import punctuality
from journeys.flows.definition import InvalidDefinition, parse_definition
from journeys.models import Enrolment, FlowVersion, StageRule
from journeys.stages import rulebook

OVERDUE = timedelta(minutes=15)


@health.check("flows")
def flows(now: datetime) -> Iterator[Finding]:
    """Every run under way rests on exactly one thing that is not long past; none has failed unseen."""
    lifeless = Enrolment.objects.active().filter(
        Q(due_at=None) | (Q(stand="event") & Q(awaits="")) | (~Q(stand="event") & ~Q(awaits=""))
    )
    if lost := lifeless.count():
        yield health.error(f"{lost} enrolments rest on nothing, or on two things", "This is a bug: report their ids.")
    if overdue := Enrolment.objects.due(now - OVERDUE).count():
        yield health.error(f"{overdue} steps are overdue by more than 15 minutes", "Is `manage.py worker` running?")
    if failed := Enrolment.objects.filter(state=Enrolment.State.FAILED).count():
        yield health.warning(
            f"{failed} enrolments have failed", "Read the error on each in the admin, then retry them."
        )
    if not lost and not overdue:
        yield health.ok("every enrolment rests on one thing, and none is overdue")


@health.check("punctuality of flows")
def lateness(now: datetime) -> Iterator[Finding]:
    """Steps are taken when they are due."""
    found = punctuality.of_last_hour(now)
    if not found.runs:
        yield health.ok("no step was due in the last hour")
        return
    said = f"of {found.runs:,} steps in the last hour half were at most {found.p50:g} s late, 95 of 100 {found.p95:g} s"
    if found.p95 > punctuality.GOOD:
        yield health.warning(said, "More workers share the work: TASK_WORKERS, or another `manage.py worker`.")
    else:
        yield health.ok(said)


@health.check("stage rules and flow definitions")
def definitions(now: datetime) -> Iterator[Finding]:
    """Everything in force can still be read."""
    broken = False
    for rule in StageRule.objects.in_force():
        try:
            rulebook.read(rule, rank=0)
        except InvalidRule as error:
            broken = True
            yield health.error(f"the stage rule “{rule}” is not applied: {error}", "Mend it in the admin.")
    for version in FlowVersion.objects.filter(flow__state__in=["live", "paused"]).select_related("flow"):
        try:
            parse_definition(version.definition)
        except InvalidDefinition as error:
            broken = True
            yield health.error(f"{version} cannot be run: {error}", "Publish the flow again without this fault.")
    if not broken:
        yield health.ok("stage rules and flow definitions can be read")
