"""
What fell due while a flow was paused: seen by its age, left out when it is too old, let go at a pace.

Nobody's times are changed by it: a run keeps the time it was due, and only waits to be let go.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Q

from crm.lib import bell, bulk
from journeys.flows import leaving
from journeys.flows.chunks import CHUNK, chunks
from journeys.flows.listening import BELL
from journeys.models import Enrolment, Flow
from journeys.models.enrolment import EnrolmentQuerySet

SKIPPED = "too old after a pause"
AGES = (timedelta(hours=1), timedelta(days=1), timedelta(days=3), timedelta(days=7))


@dataclass(frozen=True, slots=True)
class Backlog:
    """
    Runs of a paused flow that are due.

    Attributes:
        by_age: (overdue by at most this, how many), each run in the first it fits; None is longer than all.
    """

    by_age: tuple[tuple[timedelta | None, int], ...]

    @property
    def total(self) -> int:
        return sum(number for _age, number in self.by_age)


def backlog_of(flow: Flow, *, now: datetime) -> Backlog:
    """What would be done at once if the flow were resumed; one query."""
    bounds: list[tuple[timedelta | None, Q]] = []
    younger = Q()
    for age in AGES:
        bounds.append((age, younger & Q(due_at__gte=now - age)))
        younger = Q(due_at__lt=now - age)
    bounds.append((None, younger))
    found = _due(flow, now).aggregate(**{f"n{index}": Count("pk", filter=q) for index, (_age, q) in enumerate(bounds)})
    return Backlog(tuple((age, found[f"n{index}"]) for index, (age, _q) in enumerate(bounds)))


@dataclass(frozen=True, slots=True)
class Prospect:
    """
    What resuming a flow would do to the runs that are due, so and so many of each.

    Attributes:
        leave: have been due for too long.
        at_once: go on with the next tick.
        later: wait for their minute.
        until: when the last of these goes on; None when none has to wait.
        resting: others under way, whose time has not come.
    """

    leave: int
    at_once: int
    later: int
    until: datetime | None
    resting: int


def prospect(flow: Flow, *, skip_older_than: timedelta | None, per_minute: int | None, now: datetime) -> Prospect:
    """What `versions.resume` would do, were it asked the same now; one query."""
    old = Q(due_at__lt=now - skip_older_than) if skip_older_than is not None else Q(pk=None)
    due = Q(due_at__lte=now)
    found = Enrolment.objects.active().filter(flow=flow, is_paused=True).aggregate(
        leave=Count("pk", filter=due & old), due=Count("pk", filter=due), all=Count("pk")
    )  # fmt: skip
    going = found["due"] - found["leave"]
    at_once = going if per_minute is None else min(going, per_minute)
    later = going - at_once
    until = now + timedelta(minutes=1 + (later - 1) // per_minute) if later and per_minute else None
    return Prospect(found["leave"], at_once, later, until, found["all"] - found["due"])


def skip(flow: Flow, *, older_than: timedelta, now: datetime) -> int:
    """End the runs that have been due for longer than that; return how many."""
    skipped = 0
    old = _due(flow, now).filter(due_at__lt=now - older_than)
    while chunk := list(old.order_by("pk").locked()[:CHUNK]):
        leaving.leave(chunk, now=now, reason=SKIPPED)
        skipped += len(chunk)
    return skipped


def spread(flow: Flow, *, per_minute: int, now: datetime) -> int:
    """
    Let the runs that are due go `per_minute` at a time, longest overdue first, the first of them at once; return how
    many have to wait for their minute.
    """
    waiting = 0
    due = _due(flow, now).order_by("due_at", "pk").values_list("pk", flat=True)[per_minute:]
    for chunk in chunks(due.iterator(chunk_size=CHUNK)):
        released = [
            {"id": pk, "release_at": now + timedelta(minutes=1 + (waiting + index) // per_minute)}
            for index, pk in enumerate(chunk)
        ]
        waiting += bulk.update_rows(Enrolment, released, fields=["release_at"])
    return waiting


def release(*, now: datetime) -> int:
    """Let go whose minute has come; one statement."""
    released = Enrolment.objects.filter(release_at__lte=now).update(
        is_paused=False, release_at=None, ready_at=F("release_at")
    )
    if released:
        bell.ring(BELL)
    return released


def _due(flow: Flow, now: datetime) -> EnrolmentQuerySet:
    return Enrolment.objects.active().filter(flow=flow, is_paused=True, due_at__lte=now)
