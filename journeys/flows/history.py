"""Undo and redo for drafts: every edit is kept, so that the last of them can be taken back, and back again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from journeys.flows.versions import CannotPublish
from journeys.models import DraftEdit, Flow

KEPT = 50


@transaction.atomic
def edit(flow: Flow, change: Callable[[Any], Any], *, now: datetime) -> Flow:
    """
    Change the draft by `change`, which takes the definition as it is now and gives the new one.

    What was undone before is forgotten; so is what lies more than `KEPT` edits back. A change that changes nothing
    leaves no trace.

    Raises:
        CannotPublish: the flow is archived.
        what `change` raises; then nothing is written.
    """
    stored = _locked(flow)
    after = change(stored.draft)
    if after == stored.draft:
        return stored
    current = _current(stored, now)
    stored.edits.filter(number__gt=current.number).delete()
    stored.edits.filter(number__lte=current.number + 1 - KEPT).delete()
    DraftEdit.objects.filter(pk=current.pk).update(is_current=False)
    DraftEdit.objects.create(
        flow=stored, number=current.number + 1, definition=after, is_current=True, edited_at=now
    )  # fmt: skip
    return _write(stored, after, now)


@transaction.atomic
def undo(flow: Flow, *, now: datetime) -> Flow:
    """
    Take the last edit back; nothing happens when there is none.

    Raises:
        CannotPublish: the flow is archived.
    """
    return _step(flow, now, "number__lt", "-number")


@transaction.atomic
def redo(flow: Flow, *, now: datetime) -> Flow:
    """
    Do again what was undone last; nothing happens when there is nothing.

    Raises:
        CannotPublish: the flow is archived.
    """
    return _step(flow, now, "number__gt", "number")


def can(flow: Flow) -> tuple[bool, bool]:
    """Whether there is something to undo, and to redo; one query."""
    rows = dict(flow.edits.values_list("number", "is_current"))
    current = next((number for number, is_current in rows.items() if is_current), None)
    if current is None:
        return False, False
    return min(rows) < current, max(rows) > current


def _step(flow: Flow, now: datetime, which: str, order: str) -> Flow:
    stored = _locked(flow)
    current = _current(stored, now)
    target = stored.edits.filter(**{which: current.number}).order_by(order).first()
    if target is None:
        return stored
    DraftEdit.objects.filter(pk=current.pk).update(is_current=False)
    DraftEdit.objects.filter(pk=target.pk).update(is_current=True)
    return _write(stored, target.definition, now)


def _locked(flow: Flow) -> Flow:
    stored = Flow.objects.select_for_update().get(pk=flow.pk)
    if stored.state == Flow.State.ARCHIVED:
        raise CannotPublish(_("This flow is archived."))
    return stored


def _current(flow: Flow, now: datetime) -> DraftEdit:
    """Where in the stack the draft is; one that was changed by another way (a program) is put on the stack first."""
    current = flow.edits.filter(is_current=True).first()
    if current is not None and current.definition == flow.draft:
        return current
    number = 1
    if current is not None:
        flow.edits.filter(number__gt=current.number).delete()
        DraftEdit.objects.filter(pk=current.pk).update(is_current=False)
        number = current.number + 1
    return DraftEdit.objects.create(flow=flow, number=number, definition=flow.draft, is_current=True, edited_at=now)


def _write(flow: Flow, definition: Any, now: datetime) -> Flow:
    flow.draft, flow.updated_at = definition, now
    flow.save(update_fields=["draft", "updated_at"])
    return flow
