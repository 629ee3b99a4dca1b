"""Drafting and publishing flows. A published version never changes; who is inside finishes the one they entered."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

import orjson
from django.db import transaction
from django.utils.translation import gettext as _

from crm.models import User
from journeys.flows import checking
from journeys.flows.definition import Fault, InvalidDefinition, parse_definition
from journeys.models import Enrolment, Flow, FlowVersion


class CannotPublish(ValueError):
    """The flow is in no state for what was asked; the message says why."""


def create_flow(
    *, slug: str, name: str, definition: Any, now: datetime, name_th: str = "", description: str = ""
) -> Flow:
    """
    Store a new draft. It may still have faults: publishing asks.

    Raises:
        CannotPublish: the slug is taken.
    """
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


@transaction.atomic
def publish(flow: Flow, *, actor: User | None, now: datetime) -> FlowVersion:
    """
    Freeze the draft as the next version and let customers in; an unchanged draft keeps its version.

    Runs under way stay on the version they entered with.

    Raises:
        InvalidDefinition: the draft has faults.
        CannotPublish: the flow is archived.
    """
    stored = Flow.objects.select_for_update().get(pk=flow.pk)
    if stored.state == Flow.State.ARCHIVED:
        raise CannotPublish(_("This flow is archived."))
    faults = faults_of(stored.draft, slug=stored.slug)
    if faults:
        raise InvalidDefinition(faults)
    print_ = fingerprint(stored.draft)
    version = stored.live_version
    if version is None or version.fingerprint != print_:
        number = stored.versions.count() + 1
        version = FlowVersion.objects.create(
            flow=stored, number=number, definition=stored.draft, fingerprint=print_, published_at=now,
            published_by=actor,
        )  # fmt: skip
    for row in (stored, flow):
        row.live_version, row.state, row.updated_at = version, Flow.State.LIVE, now
    stored.save(update_fields=["live_version", "state", "updated_at"])
    Enrolment.objects.active().filter(flow=flow, is_paused=True).update(is_paused=False)
    return version


@transaction.atomic
def pause(flow: Flow, *, now: datetime) -> None:
    """
    Let nobody in and take no step; people inside stay where they are. Exits still apply.

    Raises:
        CannotPublish: the flow is not live.
    """
    _change(flow, Flow.State.LIVE, Flow.State.PAUSED, now)
    Enrolment.objects.active().filter(flow=flow).update(is_paused=True)


@transaction.atomic
def resume(flow: Flow, *, now: datetime) -> None:
    """
    Go on where `pause` stopped; what fell due meanwhile is done at the next tick.

    Raises:
        CannotPublish: the flow is not paused.
    """
    _change(flow, Flow.State.PAUSED, Flow.State.LIVE, now)
    Enrolment.objects.active().filter(flow=flow).update(is_paused=False)


def fingerprint(definition: Any) -> str:
    return hashlib.sha256(orjson.dumps(definition, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _change(flow: Flow, before: Flow.State, after: Flow.State, now: datetime) -> None:
    if not Flow.objects.filter(pk=flow.pk, state=before).update(state=after, updated_at=now):
        raise CannotPublish(_("This flow is not %(state)s.") % {"state": before.label})
    flow.state, flow.updated_at = after, now
