"""Take messages back that have not left."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from messaging.channels.reasons import Reason
from messaging.models import Message


def cancel_queued(*, customer_ids: Collection[int], now: datetime, enrolment_ids: Collection[int] | None = None) -> int:
    """
    Cancel what waits for these customers and is not on the wire; return how many. One statement.

    A message that a worker holds, but has not begun to send, is taken from it. One whose earlier call may have got
    through is left alone.

    Args:
        enrolment_ids: only messages whose cause names one of these enrolments.
    """
    waiting = Message.objects.filter(
        customer__in=customer_ids, state__in=[Message.State.QUEUED, Message.State.SENDING], wire_at=None
    )
    if enrolment_ids is not None:
        waiting = waiting.filter(cause__enrolment__in=list(enrolment_ids))
    return waiting.update(
        state=Message.State.CANCELLED, reason=Reason.STOPPED, ended_at=now, lease_token="", lease_until=None
    )
