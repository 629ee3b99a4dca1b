from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from crm.lib.zones import instant


@pytest.mark.parametrize(
    ("zone", "wall", "expected"),
    [
        ("Asia/Bangkok", "2026-03-04T09:00", "2026-03-04T02:00"),
        # 02:30 came twice on 25 October 2026 in Berlin: the first is meant.
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30"),
        # 02:00 to 03:00 was skipped on 29 March 2026: the first instant after the gap.
        ("Europe/Berlin", "2026-03-29T02:00", "2026-03-29T01:00"),
        ("Europe/Berlin", "2026-03-29T02:59:59", "2026-03-29T01:00"),
        # A midnight that did not exist.
        ("America/Sao_Paulo", "2017-10-15T00:00", "2017-10-15T03:00"),
        # A whole day that did not exist: Samoa crossed the date line.
        ("Pacific/Apia", "2011-12-30T10:00", "2011-12-30T10:00"),
        # Half an hour of daylight saving.
        ("Australia/Lord_Howe", "2026-10-04T02:15", "2026-10-03T15:30"),
    ],
)
def test_a_wall_time_is_one_instant_also_where_clocks_change(zone: str, wall: str, expected: str) -> None:
    found = instant(datetime.fromisoformat(wall), ZoneInfo(zone))
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)
