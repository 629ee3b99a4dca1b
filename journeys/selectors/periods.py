"""The days a report is about, read from an address; what a page and the API take alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext as _

ALL_TIME = "all"
LENGTHS = ("7", "30", "90", "365", ALL_TIME)


class InvalidPeriod(ValueError):
    """What was given is no period; `param` names the parameter at fault."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(message)
        self.param = param
        self.message = message


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` (None: ever) until before `until`; `first` and `last` are the days when these were given."""

    since: datetime | None
    until: datetime
    first: date | None = None
    last: date | None = None

    @property
    def in_words(self) -> str:
        """The days, as far as they were given: "3 Mar 2026 – 9 Mar 2026"."""
        days = [date_format(day, "j M Y") if day else "" for day in (self.first, self.last)]
        return " – ".join(days).strip() if any(days) else ""

    @property
    def stretch(self) -> str:
        """How to divide it: by "day" up to a month, by "week" up to a year, else by "month"."""
        length = self.until - self.since if self.since else timedelta.max
        if length <= timedelta(days=31):
            return "day"
        return "week" if length <= timedelta(days=366) else "month"


def period_of(given: Mapping[str, str], *, days: str, now: datetime) -> Period:
    """
    The period from the day `from` to the day `to`, either of which may be left out, on the current clock.

    Args:
        given: the parameters of an address.
        days: one of LENGTHS, back from `now`, where neither is given.

    Raises:
        InvalidPeriod: what is given is no day, or the period ends before it begins.
    """
    first, last = _day(given, "from", _("From")), _day(given, "to", _("Until"))
    if first and last and last < first:
        raise InvalidPeriod("to", _("The period ends before it begins."))
    if first is None and last is None:
        return Period(None if days == ALL_TIME else now - timedelta(days=int(days)), now)
    until = min(_midnight(last + timedelta(days=1)), now) if last else now
    return Period(_midnight(first) if first else None, until, first, last)


def _day(given: Mapping[str, str], param: str, label: str) -> date | None:
    text = given.get(param, "")
    if not text:
        return None
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None or not 1970 <= day.year <= 2200:
        raise InvalidPeriod(param, _("%(field)s is no day: %(value)s") % {"field": label, "value": text[:60]})
    return day


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, timezone.get_current_timezone())
