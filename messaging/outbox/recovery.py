"""
After a restore: go through the ledger, put in question whatever may have gone out, and let sending go on.

A row that waits in the backup may have been sent since, under the same key. It becomes unclear, and is settled as
whatever is unclear is (`outbox.reconcile`): looked up, sent again under its key, or left to a person. What flows and
broadcasts wrote anew for the lost time bears keys that no provider knows; that is left to a person at once.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime

from django.db import connection, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.lib import bell, bulk
from crm.models import User
from messaging.channels.reasons import Reason
from messaging.models import ChannelSettings, Message, Restoration
from messaging.outbox import reconcile
from messaging.outbox.holding import NEVER
from messaging.outbox.queue import BELL
from messaging.outbox.restores import ImpossibleTime

logger = logging.getLogger("waymark.outbox")
State = Message.State
Verdict = Restoration.Verdict

AT_ONCE = 500
# What writes by itself, and so writes again what it has written in the time that is lost.
BY_ITSELF = ("flow", "broadcast")
_QUESTIONED = (
    "state", "reason", "wire_at", "cleared_at", "unknown_at", "ended_at", "provider", "lease_token", "lease_until",
)  # fmt: skip


class NotHeld(ValueError):
    """There is nothing to decide; says why."""

    def __init__(self, message: str | Promise) -> None:
        super().__init__(message)
        self.message = message


@transaction.atomic
def ask_to_reconcile(
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    actor: User | None = None,
    actor_name: str,
    now: datetime,
) -> Restoration:
    """
    A person says what is missing: workers go through the ledger now, and sending goes on after that.

    Asked again while they are at it, it stays as it is.

    Args:
        since: when the backup was made; None leaves it at the last that the ledger knows of itself.
        until: when the last worker on the lost database stopped; None leaves it at the moment of noticing.

    Raises:
        NotHeld: nothing was restored.
        messaging.outbox.restores.ImpossibleTime: they lie ahead, or the wrong way round.
    """
    row = _held()
    if row.asked_at is not None:
        return row
    row.lost_from, row.lost_until = since or row.lost_from, until or row.lost_until
    if max(row.lost_from, row.lost_until) > now:
        raise ImpossibleTime(_("Neither time can lie ahead."))
    if row.lost_from > row.lost_until:
        raise ImpossibleTime(_("The backup was made before the last worker stopped."))
    row.asked_at, row.asked_by, row.asked_as = now, actor, actor_name[:150]
    row.save()
    return row


@transaction.atomic
def call_false_alarm(*, remark: str, actor: User | None = None, actor_name: str, now: datetime) -> Restoration:
    """
    A person says that nothing is missing: sending goes on at once.

    Raises:
        NotHeld: nothing was restored, or it is being reconciled already.
    """
    row = _held()
    if row.asked_at is not None:
        raise NotHeld(_("It is being reconciled already."))
    row.asked_at, row.asked_by, row.asked_as = now, actor, actor_name[:150]
    row.verdict, row.remark = Verdict.FALSE_ALARM, remark[:500]
    _end(row, now)
    return row


def go_on(*, now: datetime) -> int:
    """
    Do a batch of what a person has asked for, and let sending go on once all is done; how many messages it moved.

    Any worker may call it, and one that is killed leaves the rest to the next.
    """
    if not Restoration.objects.open().exclude(asked_at=None).exists():
        return 0
    settled = reconcile.reconcile(now=now)
    with transaction.atomic():
        rows = Restoration.objects.open().exclude(asked_at=None)
        row = rows.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked).first()
        if row is None:
            return 0
        counts = Counter(row.counts) + Counter({f"settled_{state}": n for state, n in settled.items()})
        batch = _next(row)
        counts += _put_in_question(batch, row, now)
        row.position = batch[-1].pk if batch else row.position
        row.counts = counts
        row.save(update_fields=["position", "counts"])
        # What a worker had in hand as the backup was made comes back in line when its lease ends.
        is_through = not batch and not settled and not Message.objects.filter(state=State.SENDING).exists()
        if is_through:
            _end(row, now)
    return len(batch) + settled.total()


def _next(row: Restoration) -> list[Message]:
    """The next messages that wait, by number; none while one of before them is still in a dead worker's hands."""
    if Message.objects.filter(state=State.SENDING).exists():
        return []
    rows = Message.objects.filter(state=State.QUEUED, pk__gt=row.position).order_by("pk")
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(of=("self",), no_key=True)
    return list(rows[:AT_ONCE])


def _put_in_question(batch: list[Message], row: Restoration, now: datetime) -> Counter[str]:
    providers = dict(ChannelSettings.objects.values_list("channel", "provider"))
    counts: Counter[str] = Counter()
    changed: list[Message] = []
    for message in batch:
        if fate := _fate(message, row):
            _question(message, fate, row, providers.get(message.channel, ""))
            message.ended_at = now if fate == State.UNKNOWN_FINAL else None
            counts[fate] += 1
            changed.append(message)
    values = [{"id": message.pk, **{name: getattr(message, name) for name in _QUESTIONED}} for message in changed]
    bulk.update_rows(Message, values, fields=_QUESTIONED)
    return counts


def _fate(message: Message, row: Restoration) -> State | None:
    """What becomes of a message that waits: unclear, left to a person, or None: it cannot have gone out."""
    writes_itself = message.cause.get("kind") in BY_ITSELF
    if message.queued_at > row.noticed_at:
        # Nothing has gone out since: only what is written a second time can be out.
        return State.UNKNOWN_FINAL if writes_itself and row.may_have_sent(message.planned_at) else None
    if message.queued_at > row.lost_from and writes_itself:
        return State.UNKNOWN_FINAL
    is_paused = message.due_at >= NEVER
    # A lease that ended since made it due anew.
    was_due = message.due_at <= row.lost_until or message.crashes > 0
    return State.UNKNOWN if is_paused or was_due or message.wire_at else None


def _question(message: Message, fate: State, row: Restoration, provider: str) -> None:
    earliest = max(row.lost_from, message.planned_at) if message.planned_at <= row.lost_until else row.lost_from
    message.provider = message.provider if message.wire_at else provider
    # No provider can have known its key before, so from then on counts how long it remembers it.
    message.wire_at = message.wire_at or earliest
    message.cleared_at = message.cleared_at or earliest
    message.state, message.reason, message.unknown_at = fate, Reason.RESTORED, row.lost_from
    message.lease_token, message.lease_until = "", None


def _held() -> Restoration:
    row = Restoration.objects.open().select_for_update().first()
    if row is None:
        raise NotHeld(_("Nothing was restored: messages go out."))
    return row


def _end(row: Restoration, now: datetime) -> None:
    row.ended_at, row.verdict = now, row.verdict or Verdict.RECONCILED
    row.save()
    logger.warning("sending goes on: %s, by %s: %s", row.verdict, row.asked_as, row.counts or row.remark)
    bell.ring(BELL)
