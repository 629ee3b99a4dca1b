"""Times as programs write them."""

from datetime import UTC, datetime, timedelta

import pytest

from crm.lib.moments import TOLERANCE, InvalidMoment, read_moment, read_past

NOW = datetime(2026, 4, 6, 4, 33, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["2026-04-06T04:33:20Z", "2026-04-06T11:33:20+07:00", "2026-04-06 04:33:20.000000000Z", "20260406T043320Z"],
)
def test_any_offset_is_read_as_utc(text: str) -> None:
    assert read_moment(text) == NOW
    assert read_moment(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("yesterday", "invalid_time"),
        ("2026-02-30T00:00:00Z", "invalid_time"),
        ("2026-04-06T04:33:20", "no_zone"),
        ("2026-04-06", "no_zone"),
        ("1969-12-31T23:59:59Z", "out_of_range"),
        ("0001-01-01T00:00:00+14:00", "out_of_range"),
        ("2100-01-01T00:00:00Z", "out_of_range"),
    ],
)
def test_what_is_no_time_is_refused_by_name(text: str, code: str) -> None:
    with pytest.raises(InvalidMoment) as caught:
        read_moment(text)
    assert caught.value.code == code


def test_what_happened_may_lie_ahead_by_no_more_than_clocks_differ() -> None:
    assert read_past((NOW + TOLERANCE).isoformat(), NOW) == NOW + TOLERANCE
    with pytest.raises(InvalidMoment) as caught:
        read_past((NOW + TOLERANCE + timedelta(seconds=1)).isoformat(), NOW)
    assert caught.value.code == "future"
