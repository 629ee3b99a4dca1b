"""
How late steps are taken, from when they were due to when a worker took them up.

A step is not due before it can be taken: an event that we learn of late, a pause and a failure put that off
(`Enrolment.ready_at`). A batch counts its runs by seconds, to two digits; the quantiles of an hour are read from these
counts, so they are exact to one part in twenty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from journeys.models import Enrolment, Lateness

SPAN = timedelta(hours=1)
KEPT = timedelta(days=1)
# What a runner that is kept working stays under, for 95 of 100 steps.
GOOD = 5.0


@dataclass(frozen=True, slots=True)
class Punctuality:
    """`runs` taken in the last hour; half of them at most `p50` seconds late, 95 of 100 at most `p95`."""

    runs: int
    p50: float
    p95: float


def note(taken: Iterable[Enrolment], *, now: datetime) -> None:
    """Write down how late these runs are taken, as they were before."""
    counts = Counter(_seconds(run, now) for run in taken)
    Lateness.objects.create(at=now, counts={f"{seconds:g}": number for seconds, number in counts.items()})


def of_last_hour(now: datetime) -> Punctuality:
    """One query."""
    counts: Counter[float] = Counter()
    for of_batch in Lateness.objects.filter(at__gt=now - SPAN, at__lte=now).values_list("counts", flat=True):
        counts.update({float(seconds): number for seconds, number in of_batch.items()})
    return Punctuality(counts.total(), _quantile(counts, 50), _quantile(counts, 95))


def forget(now: datetime) -> int:
    """Delete what is older than a day; return how many batches that was."""
    return Lateness.objects.filter(at__lt=now - KEPT).delete()[0]


def _seconds(run: Enrolment, now: datetime) -> float:
    ready = max(at for at in (run.due_at, run.ready_at) if at)
    return float(f"{max((now - ready).total_seconds(), 0):.2g}")


def _quantile(counts: Counter[float], percent: int) -> float:
    """The seconds that `percent` of 100 do not exceed; 0 when there are none."""
    passed = 0
    for seconds, number in sorted(counts.items()):
        passed += number
        if passed * 100 >= counts.total() * percent:
            return seconds
    return 0.0
