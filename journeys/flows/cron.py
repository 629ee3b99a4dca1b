"""
When something recurs: five fields of cron, minute · hour · day of month · month · weekday, on local clocks. Pure.

`*`, numbers, names (`mon`, `jan`), lists, ranges and steps: `0 9 * * mon-fri`, `*/15 8-18 1,15 * *`. Sunday is 0 or 7.
When both days are restricted either will do, as in Vixie cron. A time the clocks skip is taken when they resume, one
that comes twice is taken the first time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import product
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from crm.lib.numbers import whole
from journeys.flows import calendar

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART = re.compile(r"^(?:\*|(?P<from>[0-9a-z]+)(?:-(?P<to>[0-9a-z]+))?)(?:/(?P<step>[0-9]{1,3}))?$")
_LEAP_DAY = 29


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    first_name: int = 0

    def number(self, text: str) -> int:
        if text in self.names:
            return self.names.index(text) + self.first_name
        number = whole(text, most=self.high)
        if number is None or number < self.low:
            raise ValueError(
                _("%(field)s: “%(text)s” is not within %(low)s–%(high)s")
                % {"field": self.name, "text": text[:20], "low": self.low, "high": self.high}
            )
        return number


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS, 1),
    _Field("weekday", 0, 7, _WEEKDAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression. `weekdays` count from Monday 0; None where the field was `*`."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None

    def between(self, after: datetime, until: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """The instants after `after`, up to and with `until`, in order; UTC."""
        day = after.astimezone(zone).date()
        last = until.astimezone(zone).date()
        # A clock change may make two wall times one instant.
        latest = after
        while day <= last:
            if self._falls_on(day):
                for hour, minute in product(self.hours, self.minutes):
                    instant = calendar.at_local(day, time(hour, minute), zone)
                    if latest < instant <= until:
                        latest = instant
                        yield instant
            day += timedelta(days=1)

    def _falls_on(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_day = self.days is None or day.day in self.days
        by_weekday = self.weekdays is None or day.weekday() in self.weekdays
        if self.days is not None and self.weekdays is not None:
            return by_day or by_weekday
        return by_day and by_weekday


@lru_cache(maxsize=256)
def parse_cron(text: str) -> Cron:
    """
    Read five fields.

    Raises:
        ValueError: says which field is wrong, or that no day ever fits.
    """
    parts = text.lower().split() if isinstance(text, str) and len(text) <= 200 else []
    if len(parts) != len(_FIELDS):
        raise ValueError(_("needs five fields: minute, hour, day of month, month, weekday"))
    minutes, hours, days, months, weekdays = (_values(field, part) for field, part in zip(_FIELDS, parts, strict=True))
    cron = Cron(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=None if parts[2] == "*" else frozenset(days),
        months=frozenset(months),
        weekdays=None if parts[4] == "*" else frozenset((number - 1) % 7 for number in weekdays),
    )
    if cron.days is not None and cron.weekdays is None and not _some_day_fits(cron.days, cron.months):
        raise ValueError(_("no month that it names has such a day"))
    return cron


def _values(field: _Field, text: str) -> set[int]:
    values: set[int] = set()
    for part in text.split(","):
        match = _PART.match(part)
        if match is None:
            raise ValueError(_("%(field)s: “%(text)s” cannot be read") % {"field": field.name, "text": part[:20]})
        low = field.number(match["from"]) if match["from"] else field.low
        # A single number is itself, but begins a run when it has a step: 5/15 is 5, 20, 35, 50.
        high = field.number(match["to"]) if match["to"] else low if match["from"] and not match["step"] else field.high
        step = int(match["step"] or 1)
        if low > high or not step:
            raise ValueError(_("%(field)s: “%(text)s” goes nowhere") % {"field": field.name, "text": part[:20]})
        values.update(range(low, high + 1, step))
    return values


def _some_day_fits(days: frozenset[int], months: frozenset[int]) -> bool:
    longest = {2: _LEAP_DAY, 4: 30, 6: 30, 9: 30, 11: 30}
    return any(min(days) <= longest.get(month, 31) for month in months)
