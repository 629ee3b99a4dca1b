"""One round of all due work in the foreground: the worker's tick, for tests, replays and `manage.py tick`."""

from datetime import datetime

from crm.events import log
from crm.services import purchases
from journeys.flows import runner
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
