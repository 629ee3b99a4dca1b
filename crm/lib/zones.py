"""IANA time zones: names in, `ZoneInfo` out; wall times in, instants out."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones


@cache
def zone_names() -> frozenset[str]:
    """Every IANA name this machine knows."""
    return frozenset(available_timezones())


def zone(name: str, fallback: str) -> ZoneInfo:
    """The zone called `name`, or `fallback`'s when `name` is empty or unknown (an offset is never a zone)."""
    return ZoneInfo(name if name in zone_names() else fallback)


def instant(wall: datetime, tz: ZoneInfo) -> datetime:
    """
    The UTC instant at which clocks in `tz` show the naive `wall`.

    A wall time that comes twice means the first; one that is skipped means the first instant after the gap.
    """
    found = wall.replace(tzinfo=tz, fold=0).astimezone(UTC)
    if found.astimezone(tz).replace(tzinfo=None) == wall:
        return found
    # In a gap, fold=1 reads the clock as after the change, so it lies before the change, and fold=0 lies behind it.
    before, behind = wall.replace(tzinfo=tz, fold=1).astimezone(UTC), found
    old_offset = before.astimezone(tz).utcoffset()
    while behind - before > timedelta(seconds=1):
        middle = before + (behind - before) / 2
        if middle.astimezone(tz).utcoffset() == old_offset:
            before = middle
        else:
            behind = middle
    return behind.replace(microsecond=0)
