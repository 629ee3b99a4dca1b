"""What workers do about broadcasts: one batch of one broadcast at a time, each in a transaction of its own."""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Min

from crm.rules import InvalidRule
from messaging.broadcasts import audience, expansion, settling, trial
from messaging.broadcasts.pace import Lines
from messaging.models import Broadcast, BroadcastRecipient, Message

logger = logging.getLogger("waymark.broadcasts")
State = Broadcast.State
Halt = Broadcast.Halt
# Written after a batch; what staff may change at the same time is not among them.
_KEPT = (
    "state", "halt", "started_at", "cursor", "looked_at", "people", "gathered_at", "next_slot_at", "tested_at",
    "winner", "winner_decided_at", "ended_at", "recount_at", "is_settling",
)  # fmt: skip


def work_due(*, now: datetime, limit: int = expansion.BATCH) -> int:
    """
    Do one batch of every broadcast that is under way; return how many people or messages that touched, 0 when nothing
    is left to do at `now`, or nothing can be done before messages that wait have been sent.

    Several workers may call this at once: each broadcast is in the hands of one of them at a time, and nobody waits.
    """
    lines = Lines(now)
    done, failed = 0, []
    for pk in list(Broadcast.objects.at_work(now).order_by("pk").values_list("pk", flat=True)):
        try:
            done += _work_on(pk, now, limit, lines)
        except Exception as error:  # whatever is wrong with one, the others have their turn
            logger.exception("a batch of broadcast no. %s failed", pk)
            failed.append(error)
    if failed and not done:
        raise failed[0]
    return done


def is_under_way() -> bool:
    """Whether any broadcast is being sent, which may wait for messages to leave their line."""
    return Broadcast.objects.filter(state=State.SENDING).exists()


def next_due_at() -> datetime | None:
    """When a broadcast starts, somebody's turn comes or a winner is to be decided; None when nothing waits."""
    under_way = Broadcast.objects.filter(state=State.SENDING)
    turns = BroadcastRecipient.objects.filter(broadcast__in=under_way, state=BroadcastRecipient.State.WAITING)
    times = [
        Broadcast.objects.filter(state=State.SCHEDULED).aggregate(at=Min("starts_at"))["at"],
        turns.exclude(variant=None, broadcast__winner=None).aggregate(at=Min("due_at"))["at"],
        *(trial.decided_at(broadcast) for broadcast in under_way.filter(winner=None, tested_at__isnull=False)),
        under_way.filter(gathered_at=None).aggregate(at=Min("started_at"))["at"],
    ]
    return min((at for at in times if at), default=None)


@transaction.atomic
def _work_on(pk: int, now: datetime, limit: int, lines: Lines) -> int:
    rows = Broadcast.objects.at_work(now).select_related("topic").filter(pk=pk)
    skip = connection.features.has_select_for_update_skip_locked
    broadcast = rows.select_for_update(of=("self",), skip_locked=skip).first()
    if broadcast is None:
        return 0
    try:
        with transaction.atomic():
            done = _batch(broadcast, now, limit, lines)
    except InvalidRule:
        logger.exception("broadcast %s cannot go on", broadcast.public_id)
        Broadcast.objects.filter(pk=pk).update(state=State.PAUSED, halt=Halt.BAD_RULE, is_settling=True)
        return 1
    broadcast.save(update_fields=_KEPT)
    return done


def _batch(broadcast: Broadcast, now: datetime, limit: int, lines: Lines) -> int:
    if broadcast.state == State.SCHEDULED:
        broadcast.state, broadcast.started_at = State.SENDING, now
    if broadcast.state != State.SENDING or broadcast.is_settling:
        return settling.settle_batch(broadcast, now=now)
    at_once = expansion.goes_at_once(broadcast)
    done = 0
    if audience.is_being_gathered(broadcast, now) and not at_once:
        done = _gather(broadcast, now, audience.LOOKED_AT, with_messages=False)
        if _is_too_large(broadcast):
            broadcast.state, broadcast.halt, broadcast.is_settling = State.PAUSED, Halt.TOO_MANY, True
            return 1
        if broadcast.gathered_at is None:
            return done
    has_room = not lines.are_full(broadcast)
    if has_room:
        done += expansion.queue_batch(broadcast, now=now, limit=limit)
    if at_once and not done and (has_room or expansion.needs_a_start(broadcast, now=now, limit=limit)):
        done = _gather(broadcast, now, limit if has_room else audience.LOOKED_AT, with_messages=has_room)
    done += trial.go_on(broadcast, now=now)
    if not done and _is_through(broadcast):
        broadcast.state, broadcast.ended_at, broadcast.recount_at = State.DONE, now, None
        done = 1
    return done


def _gather(broadcast: Broadcast, now: datetime, limit: int, *, with_messages: bool) -> int:
    found = audience.look_through(broadcast, now=now, limit=limit)
    expansion.enlist(broadcast, found.places, with_messages=with_messages, now=now)
    return found.looked_at


def _is_too_large(broadcast: Broadcast) -> bool:
    return broadcast.most_people is not None and broadcast.people > broadcast.most_people


def _is_through(broadcast: Broadcast) -> bool:
    """Whether everybody is on the list and has had their turn, and every message has left the line."""
    if broadcast.gathered_at is None:
        return False
    if broadcast.recipients.filter(state=BroadcastRecipient.State.WAITING).exists():
        return False
    return not Message.objects.filter(
        recipient__broadcast=broadcast, state__in=[Message.State.QUEUED, Message.State.SENDING]
    ).exists()
