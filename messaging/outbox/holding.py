"""Hold back messages that have not left, and let them go again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from django.db.models import Case, F, IntegerField, When

from crm.lib import bell, bulk
from crm.lib.among import Among
from messaging.channels.reasons import Reason
from messaging.models import Message
from messaging.outbox.queue import BELL

State = Message.State
# Of a message that is held until somebody lets it go. It stands in nobody's way in the customer's line.
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


def hold_back(message_ids: Collection[int]) -> int:
    """
    Hold those of these messages that are not on the wire; return how many. One statement.

    One that a worker has in hand, but has not begun to send, is taken from it. One whose earlier call may have got
    through is left alone.
    """
    # The row's own columns, which PostgreSQL looks at again when it had to wait for a worker that changed them.
    rows = Message.objects.filter(Among("pk", message_ids), state__in=[State.QUEUED, State.SENDING], wire_at=None)
    tries = Case(When(state=State.SENDING, then=F("attempts") - 1), default=F("attempts"), output_field=IntegerField())
    return rows.update(
        state=State.QUEUED, reason=Reason.PAUSED, due_at=NEVER, planned_at=NEVER, lease_token="", lease_until=None,
        cleared_at=None, attempts=tries,
    )  # fmt: skip


def let_go(message_ids: Sequence[int], *, at: datetime, apart: timedelta = timedelta(0)) -> None:
    """Put messages that are held back in line: the first for `at`, each of the others so much later than the last."""
    rows = [
        {"id": pk, "state": State.QUEUED, "reason": "", "due_at": due, "planned_at": due}
        for number, pk in enumerate(message_ids)
        for due in (at + number * apart,)
    ]
    bulk.update_rows(Message, rows, fields=("reason", "due_at", "planned_at"), match=("id", "state"))
    bell.ring(BELL)
