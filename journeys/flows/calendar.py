"""
When a wait ends: durations in a person's own time zone, and windows of the week. Pure.

`P1D` is the same wall time tomorrow, `PT24H` is exactly 24 hours. A wall time that the clocks skip means the first
instant after the gap; one that happens twice means the first of the two.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from crm.lib.durations import Duration

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY = frozenset(range(7))
# A window opens within a week; one whose only day lies wholly in a clock change needs a second week.
_SEARCH_DAYS = 16


@dataclass(frozen=True, slots=True)
class Window:
    """
    The part of the day in which something may happen, local time, open at `opens`, closed again at `closes`.

    Attributes:
        closes: not after `opens` means it closes on the next day.
        days: weekdays (Monday 0) on which the window *opens*.
    """

    opens: time
    closes: time
    days: frozenset[int] = EVERY_DAY


def add(instant: datetime, duration: Duration, zone: ZoneInfo, *, sign: int = 1) -> datetime:
    """
    `instant` (aware) moved by `duration`, as UTC.

    The calendar part moves the wall clock in `zone` (31 January + P1M is the last day of February), the clock part is
    exact. `sign` -1 moves back.
    """
    moved = instant.astimezone(UTC)
    if duration.months or duration.days:
        wall = instant.astimezone(zone).replace(tzinfo=None)
        moved = at_local(shift(wall.date(), duration, sign=sign), wall.time(), zone)
    return moved + sign * duration.clock


def shift(day: date, duration: Duration, *, sign: int = 1) -> date:
    """`day` moved by the calendar part of `duration`: months first, then days."""
    return _add_months(day, sign * duration.months) + timedelta(days=sign * duration.days)


def at_local(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The UTC instant at which clocks in `zone` first show `clock` on `day`, or pass it when they skip it."""
    wall = datetime.combine(day, clock).replace(tzinfo=zone, fold=0)
    instant = wall.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return instant
    return _end_of_gap(instant, zone)


def next_open(instant: datetime, window: Window, zone: ZoneInfo) -> datetime:
    """`instant` itself when the window is open then, else when it opens next; UTC."""
    for opens, closes in _openings(instant.astimezone(zone).date() - timedelta(days=1), window, zone):
        if instant < closes:
            return max(instant.astimezone(UTC), opens)
    raise ValueError("the window never opens")


def _openings(first: date, window: Window, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    overnight = timedelta(days=1 if window.closes <= window.opens else 0)
    for day in (first + timedelta(days=offset) for offset in range(_SEARCH_DAYS)):
        if day.weekday() in window.days:
            opens = at_local(day, window.opens, zone)
            closes = at_local(day + overnight, window.closes, zone)
            if opens < closes:
                yield opens, closes


def _add_months(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _end_of_gap(after: datetime, zone: ZoneInfo) -> datetime:
    """The instant the clocks sprang forward, at most a day before `after`; offsets change on whole seconds."""
    offset = after.astimezone(zone).utcoffset()
    early, late = after - timedelta(days=1), after.replace(microsecond=0)
    while late - early > timedelta(seconds=1):
        middle = (early + (late - early) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            late = middle
        else:
            early = middle
    return late
