"""ISO 8601 durations, as rules and flows write them."""

import re
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

_PATTERN = re.compile(
    r"^P(?!$)(?:(?P<years>[0-9]+)Y)?(?:(?P<months>[0-9]+)M)?(?:(?P<weeks>[0-9]+)W)?(?:(?P<days>[0-9]+)D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>[0-9]+)H)?(?:(?P<minutes>[0-9]+)M)?(?:(?P<seconds>[0-9]+)S)?)?$"
)
_LONGEST = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class Duration:
    """
    Calendar part and clock part apart: `P1D` is "the same wall time tomorrow", `PT24H` is 24 hours.

    Attributes:
        months: whole months, years counted as twelve.
        days: whole days, weeks counted as seven.
        clock: the exact part.
    """

    months: int
    days: int
    clock: timedelta

    @property
    def rough(self) -> timedelta:
        """As one length for looking back: a month is 30 days, a year 365."""
        years, months = divmod(self.months, 12)
        return timedelta(days=365 * years + 30 * months + self.days) + self.clock


@lru_cache(maxsize=1024)
def parse_duration(text: str) -> Duration:
    """
    Read an ISO 8601 duration such as P7D, PT24H, P1M or P1DT12H.

    Raises:
        ValueError: not one, or longer than a century.
    """
    match = _PATTERN.match(text) if isinstance(text, str) and len(text) <= 40 else None
    if match is None:
        raise ValueError("not an ISO 8601 duration")
    part = {name: int(value or 0) for name, value in match.groupdict().items()}
    if max(part.values()) > 10**10:
        raise ValueError("longer than a century")
    try:
        duration = Duration(
            months=12 * part["years"] + part["months"],
            days=7 * part["weeks"] + part["days"],
            clock=timedelta(hours=part["hours"], minutes=part["minutes"], seconds=part["seconds"]),
        )
        too_long = duration.rough > _LONGEST
    except OverflowError:
        too_long = True
    if too_long:
        raise ValueError("longer than a century")
    return duration
