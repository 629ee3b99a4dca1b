"""One round of all due work in the foreground: the worker's tick, for tests, replays and `manage.py tick`."""

from datetime import datetime, timedelta

from django.db.models import Min

from crm.events import log
from crm.models import FailedReaction, Purchase
from crm.services import purchases
from journeys.flows import runner
from journeys.models import Enrolment
from messaging.outbox import reconcile, sender


def tick(now: datetime, *, limit: int = 500) -> dict[str, int]:
    """
    Do what is due at `now`, at most `limit` rows of each kind, in the order in which one makes work for the next.

    Returns how many rows each kind of work touched; all zero means that nothing is left.
    """
    return {
        "reactions": log.retry_reactions(now=now, limit=limit),
        "late": purchases.flag_late(now=now, limit=limit),
        "steps": runner.run_due(now=now, limit=limit).total(),
        "reconciled": reconcile.reconcile(now=now).total(),
        "messages": sender.send_due(now=now, limit=limit).total(),
    }


def next_due_at() -> datetime | None:
    """The earliest instant at which anything falls due; None when nothing waits. Four reads of an index's first row."""
    promise = Purchase.objects.awaited().filter(late_since=None).aggregate(at=Min("promised_at"))["at"]
    times = (
        Enrolment.objects.active().filter(is_paused=False).aggregate(at=Min("due_at")),
        {"at": sender.next_due_at()},
        # A promise breaks when its moment is over.
        {"at": promise and promise + timedelta.resolution},
        FailedReaction.objects.open().aggregate(at=Min("retry_at")),
    )
    return min((found["at"] for found in times if found["at"]), default=None)
