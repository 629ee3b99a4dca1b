"""
What came of broadcasts in all, counted now and then and kept, so that a list of them need not count.

Counted anew, a total cannot drift. Most happens at first, so it is counted often at first and ever less often
afterwards: what comes late, such as a receipt or a click, is little beside what is there.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import F

from messaging.models import Broadcast
from messaging.selectors import broadcasts as results

AT_ONCE = 10
NO_SOONER = timedelta(minutes=1)
# Of the time since it started; so of a broadcast a day old its totals are an hour old at most.
SHARE = 24


def count_due(*, now: datetime, limit: int = AT_ONCE) -> int:
    """Count those that are due, the longest waiting first; return how many. Two statements for each."""
    due = Broadcast.objects.to_be_counted(now).order_by(F("recount_at").asc(nulls_first=True), "pk")[:limit]
    for broadcast in due:
        count(broadcast, now=now)
    return len(due)


def count(broadcast: Broadcast, *, now: datetime) -> None:
    """Keep its totals as of `now`; of one that has started."""
    age = now - (broadcast.started_at or now)
    Broadcast.objects.filter(pk=broadcast.pk).update(
        totals=results.total_of(results.counted(broadcast)).as_json(),
        counted_at=now,
        recount_at=now + max(NO_SOONER, age / SHARE),
    )
