"""Have the messages that are already on the ledger follow when a broadcast is paused, goes on or is cancelled."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from messaging.broadcasts.pace import MINUTE
from messaging.channels.reasons import Reason
from messaging.models import Broadcast, Message
from messaging.models.message import MessageQuerySet
from messaging.outbox import holding
from messaging.outbox.cancel import cancel_messages

BATCH = 2_000
State = Broadcast.State


def settle(broadcast: Broadcast, *, now: datetime) -> None:
    """
    Settle all there is, batch by batch, each in a transaction of its own.

    Whoever is killed here, or has a message come back from a provider later, leaves the rest to the worker.
    """
    while _settle_one(broadcast.pk, now):
        pass


def settle_batch(broadcast: Broadcast, *, now: datetime) -> int:
    """Settle up to BATCH messages, in the caller's transaction, which has locked `broadcast`; return how many."""
    done = _SETTLERS[State(broadcast.state)](broadcast, now) if broadcast.state in _SETTLERS else 0
    if not done:
        broadcast.is_settling = broadcast.state == State.CANCELLED and _leaving(broadcast).exists()
    return done


@transaction.atomic
def _settle_one(pk: int, now: datetime) -> int:
    broadcast = Broadcast.objects.select_for_update().get(pk=pk)
    done = settle_batch(broadcast, now=now)
    broadcast.save(update_fields=["is_settling", "next_slot_at"])
    return done


def _hold(broadcast: Broadcast, now: datetime) -> int:
    waiting = _leaving(broadcast).filter(wire_at=None).exclude(reason=Reason.PAUSED, state=Message.State.QUEUED)
    return holding.hold_back(_some(waiting))


def _let_go(broadcast: Broadcast, now: datetime) -> int:
    held = _some(_leaving(broadcast).filter(state=Message.State.QUEUED, reason=Reason.PAUSED))
    if not held:
        return 0
    apart = MINUTE / broadcast.per_minute if broadcast.per_minute else MINUTE * 0
    first = max(broadcast.next_slot_at or now, now)
    holding.let_go(held, at=first, apart=apart)
    broadcast.next_slot_at = first + len(held) * apart
    return len(held)


def _cancel(broadcast: Broadcast, now: datetime) -> int:
    return cancel_messages(_some(_leaving(broadcast).filter(wire_at=None)), now=now)


_SETTLERS = {State.PAUSED: _hold, State.SENDING: _let_go, State.CANCELLED: _cancel}


def _leaving(broadcast: Broadcast) -> MessageQuerySet:
    return Message.objects.filter(
        recipient__broadcast=broadcast, state__in=[Message.State.QUEUED, Message.State.SENDING]
    )


def _some(rows: MessageQuerySet) -> list[int]:
    return list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH])
