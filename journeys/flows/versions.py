"""Drafting, publishing, pausing and putting away flows. A published version never changes."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import transaction
from django.utils.translation import gettext as _

from crm.lib import bell
from crm.models import User
from journeys.flows import backlog, checking, intake, leaving, people, references
from journeys.flows.definition import Fault, InvalidDefinition, parse_definition
from journeys.flows.impact import PeopleInside
from journeys.flows.listening import BELL
from journeys.models import Enrolment, Flow, FlowVersion, Intake

ARCHIVED = "flow archived"
RESERVED = frozenset({"new", "simulate", "backtest"})  # pages and calls of their own


class CannotPublish(ValueError):
    """The flow is in no state for what was asked; the message says why."""


def create_flow(
    *, slug: str, name: str, definition: Any, now: datetime, name_th: str = "", description: str = ""
) -> Flow:
    """
    Store a new draft. It may still have faults: publishing asks.

    Raises:
        CannotPublish: the slug is taken, or is the address of a page.
    """
    if slug in RESERVED:
        raise CannotPublish(_("Another slug, please: a page has this address."))
    flow, created = Flow.objects.get_or_create(
        slug=slug,
        defaults={
            "name": name, "name_th": name_th, "description": description, "draft": definition, "created_at": now,
            "updated_at": now,
        },
    )  # fmt: skip
    if not created:
        raise CannotPublish(_("There is a flow with this slug already."))
    return flow


def faults_of(data: Any, *, slug: str = "") -> list[Fault]:
    """
    Everything that stands in the way of publishing: of the definition itself, and of what it names in this shop.

    Args:
        slug: of the flow, so that others that lead back to it are found.
    """
    try:
        definition = parse_definition(data)
    except InvalidDefinition as error:
        return error.faults
    return [*checking.faults_in_shop(definition, slug=slug)]


def warnings_of(data: Any) -> list[Fault]:
    """What looks like a slip and stands in nobody's way."""
    try:
        definition = parse_definition(data)
    except InvalidDefinition:
        return [*references.never_seen(data)]
    return [*references.never_seen(data), *checking.slips(definition)]


@transaction.atomic
def publish(
    flow: Flow,
    *,
    actor: User | None,
    now: datetime,
    people_inside: PeopleInside = PeopleInside.PIN,
    backfill: bool = False,
) -> FlowVersion:
    """
    Freeze the draft as the next version and let customers in; an unchanged draft keeps its version.

    A paused flow stays paused: `resume` lets it go on.

    Args:
        people_inside: what becomes of runs under way; `people.preview` counts it beforehand.
        backfill: also let in, bit by bit, whose trigger holds already; `intake.count` counts them beforehand.

    Raises:
        InvalidDefinition: the draft has faults.
        CannotPublish: the flow is archived.
    """
    # Without its key: the runner, whose rows this waits for, needs to refer to the flow when it commits.
    locked = Flow.objects.select_for_update(of=("self",), no_key=True)
    stored = locked.select_related("live_version").get(pk=flow.pk)
    if stored.state == Flow.State.ARCHIVED:
        raise CannotPublish(_("This flow is archived."))
    faults = faults_of(stored.draft, slug=stored.slug)
    if faults:
        raise InvalidDefinition(faults)
    before, version = stored.live_version, _version_of(stored, actor, now)
    if stored.state != Flow.State.LIVE or before is None or before.definition["trigger"] != stored.draft["trigger"]:
        stored.looked_at = now
    if stored.state == Flow.State.DRAFT:
        stored.state = Flow.State.LIVE
    for row in (stored, flow):
        row.live_version, row.state, row.looked_at, row.updated_at = version, stored.state, stored.looked_at, now
    stored.save(update_fields=["live_version", "state", "looked_at", "updated_at"])
    version.people_inside = people_inside.value
    version.impact = people.carry_over(stored, version, people_inside, now=now).as_json()
    version.save(update_fields=["people_inside", "impact"])
    if backfill:
        intake.begin(version, Intake.Kind.BACKFILL, at=now)
    return version


def _version_of(flow: Flow, actor: User | None, now: datetime) -> FlowVersion:
    """The live version while the draft says the same, else the next."""
    print_, live = fingerprint(flow.draft), flow.live_version
    if live is not None and live.fingerprint == print_:
        return live
    number = flow.versions.count() + 1
    return FlowVersion.objects.create(
        flow=flow, number=number, definition=flow.draft, fingerprint=print_, published_at=now, published_by=actor
    )


@transaction.atomic
def pause(flow: Flow, *, now: datetime) -> None:
    """
    Let nobody in and take no step; people inside stay where they are. Exits still apply.

    Raises:
        CannotPublish: the flow is not live.
    """
    _change(flow, (Flow.State.LIVE,), Flow.State.PAUSED, now)
    Enrolment.objects.active().filter(flow=flow).update(is_paused=True, release_at=None)


@transaction.atomic
def resume(
    flow: Flow, *, now: datetime, skip_older_than: timedelta | None = None, per_minute: int | None = None
) -> None:
    """
    Go on where `pause` stopped; what fell due meanwhile (`backlog.backlog_of`) is done at the next tick.

    Args:
        skip_older_than: runs that have been due for longer leave the flow.
        per_minute: so many of the runs that are due go on each minute, longest overdue first; all at once without it.

    Raises:
        CannotPublish: the flow is not paused.
        ValueError: `per_minute` is less than 1.
    """
    if per_minute is not None and per_minute < 1:
        raise ValueError("per_minute is less than 1")
    _change(flow, (Flow.State.PAUSED,), Flow.State.LIVE, now)
    Flow.objects.filter(pk=flow.pk).update(looked_at=now)
    if skip_older_than is not None:
        backlog.skip(flow, older_than=skip_older_than, now=now)
    if per_minute is not None:
        backlog.spread(flow, per_minute=per_minute, now=now)
    Enrolment.objects.active().filter(flow=flow, release_at=None).update(is_paused=False, ready_at=now)
    bell.ring(BELL)


@transaction.atomic
def archive(flow: Flow, *, now: datetime) -> int:
    """
    Put the flow away: nobody enters any more, whoever is inside leaves. Its history stays. Returns how many left.

    Raises:
        CannotPublish: the flow is archived already.
    """
    _change(flow, (Flow.State.DRAFT, Flow.State.LIVE, Flow.State.PAUSED), Flow.State.ARCHIVED, now)
    return leaving.leave_all(flow, now=now, reason=ARCHIVED)


def fingerprint(definition: Any) -> str:
    return hashlib.sha256(orjson.dumps(definition, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _change(flow: Flow, before: tuple[Flow.State, ...], after: Flow.State, now: datetime) -> None:
    if not Flow.objects.filter(pk=flow.pk, state__in=before).update(state=after, updated_at=now):
        if after is Flow.State.ARCHIVED:
            raise CannotPublish(_("This flow is archived."))
        raise CannotPublish(_("This flow is not %(state)s.") % {"state": before[0].label})
    flow.state, flow.updated_at = after, now
