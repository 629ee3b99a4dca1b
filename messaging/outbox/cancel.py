"""Take messages back that have not left."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from crm.lib.among import Among
from messaging.channels.reasons import Reason
from messaging.models import Message
from messaging.models.message import MessageQuerySet


def cancel_queued(*, customer_ids: Collection[int], now: datetime, enrolment_ids: Collection[int] | None = None) -> int:
    """
    Cancel what waits for these customers and is not on the wire; return how many. One statement.

    A message that a worker holds, but has not begun to send, is taken from it. One whose earlier call may have got
    through is left alone.

    Args:
        enrolment_ids: only messages whose cause names one of these enrolments.
    """
    waiting = Message.objects.filter(customer__in=customer_ids)
    if enrolment_ids is not None:
        waiting = waiting.filter(cause__enrolment__in=list(enrolment_ids))
    return _cancel(waiting, now)


def cancel_messages(message_ids: Collection[int], *, now: datetime) -> int:
    """Cancel those of these that have not left; return how many. One statement."""
    return _cancel(Message.objects.filter(Among("pk", message_ids)), now)


def cancel_message(message: Message, *, now: datetime) -> bool:
    """Cancel this one; False when it has left, or its call has begun."""
    return bool(_cancel(Message.objects.filter(pk=message.pk), now))


def _cancel(rows: MessageQuerySet, now: datetime) -> int:
    waiting = rows.filter(state__in=[Message.State.QUEUED, Message.State.SENDING], wire_at=None)
    return waiting.update(
        state=Message.State.CANCELLED, reason=Reason.STOPPED, ended_at=now, lease_token="", lease_until=None
    )
