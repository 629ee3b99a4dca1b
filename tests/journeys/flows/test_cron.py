from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from journeys.flows.cron import parse_cron

BANGKOK, NEW_YORK = ZoneInfo("Asia/Bangkok"), ZoneInfo("America/New_York")


def times(text: str, after: str, until: str, zone: ZoneInfo = BANGKOK) -> list[str]:
    """Local times after one local time, up to another."""
    begin, end = (datetime.fromisoformat(day).replace(tzinfo=zone) for day in (after, until))
    return [f"{at.astimezone(zone):%m-%d %H:%M}" for at in parse_cron(text).between(begin, end, zone)]


def test_every_weekday_at_nine_where_the_shop_is() -> None:
    found = times("0 9 * * mon-fri", "2026-06-04T00:00", "2026-06-09T00:00")
    assert found == ["06-04 09:00", "06-05 09:00", "06-08 09:00"]
    [first, *_] = parse_cron("0 9 * * 1-5").between(
        datetime(2026, 6, 3, 12, tzinfo=UTC), datetime(2026, 6, 4, 12, tzinfo=UTC), BANGKOK
    )
    assert first == datetime(2026, 6, 4, 2, tzinfo=UTC)


def test_an_instant_belongs_to_the_span_it_ends_and_not_to_the_one_it_begins() -> None:
    assert times("0 9 * * *", "2026-06-04T09:00", "2026-06-05T09:00") == ["06-05 09:00"]


@pytest.mark.parametrize("text", ["0 0 * * 0", "0 0 * * 7", "0 0 * * sun", "0 0 * * SUN"])
def test_sunday_has_two_numbers_and_a_name(text: str) -> None:
    assert times(text, "2026-06-01T00:00", "2026-06-14T23:00") == ["06-07 00:00", "06-14 00:00"]


def test_lists_ranges_and_steps() -> None:
    assert times("*/30 8-9 * * *", "2026-06-01T00:00", "2026-06-01T23:00") == [
        "06-01 08:00", "06-01 08:30", "06-01 09:00", "06-01 09:30",
    ]  # fmt: skip
    assert times("5/25 12 1,3 jun *", "2026-05-01T00:00", "2026-07-30T00:00") == [
        "06-01 12:05", "06-01 12:30", "06-01 12:55", "06-03 12:05", "06-03 12:30", "06-03 12:55",
    ]  # fmt: skip


def test_of_two_kinds_of_days_either_will_do() -> None:
    assert times("0 0 15 * mon", "2026-06-01T00:00", "2026-06-17T00:00") == [
        "06-08 00:00", "06-15 00:00",
    ]  # fmt: skip
    assert times("0 0 13 * fri", "2026-06-10T00:00", "2026-06-19T00:00") == [
        "06-12 00:00",
        "06-13 00:00",
        "06-19 00:00",
    ]


def test_the_last_day_of_february_comes_when_there_is_one() -> None:
    assert times("0 0 29 2 *", "2026-01-01T00:00", "2029-01-01T00:00") == ["02-29 00:00"]


def test_a_time_that_does_not_exist_is_taken_when_the_clocks_resume_and_once() -> None:
    assert times("30 2 * * *", "2026-03-07T12:00", "2026-03-09T12:00", NEW_YORK) == ["03-08 03:00", "03-09 02:30"]
    assert times("0,30 2,3 8 3 *", "2026-03-07T12:00", "2026-03-09T12:00", NEW_YORK) == ["03-08 03:00", "03-08 03:30"]


def test_a_time_that_comes_twice_is_taken_the_first_time() -> None:
    found = list(
        parse_cron("30 1 * * *").between(
            datetime(2026, 11, 1, 0, tzinfo=NEW_YORK), datetime(2026, 11, 1, 12, tzinfo=NEW_YORK), NEW_YORK
        )
    )
    assert found == [datetime(2026, 11, 1, 5, 30, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "needs five fields"),
        ("0 9 * *", "needs five fields"),
        ("0 9 * * * *", "needs five fields"),
        ("@daily", "needs five fields"),
        ("60 9 * * *", "minute: “60” is not within 0–59"),
        ("0 24 * * *", "hour: “24” is not within 0–23"),
        ("0 9 0 * *", "day of month: “0” is not within 1–31"),
        ("0 9 * 13 *", "month: “13” is not within 1–12"),
        ("0 9 * * 8", "weekday: “8” is not within 0–7"),
        ("0 9 * * monday", "weekday: “monday” is not within 0–7"),
        ("-5 9 * * *", "minute: “-5” cannot be read"),
        ("0 9 ? * *", "day of month: “?” cannot be read"),
        ("0 9 L * *", "day of month: “l” is not within 1–31"),
        ("*/0 9 * * *", "minute: “*/0” goes nowhere"),
        ("0 18-9 * * *", "hour: “18-9” goes nowhere"),
        ("0 9 31 4,6 *", "no month that it names has such a day"),
        ("0 9 ๑ * *", "day of month: “๑” cannot be read"),
    ],
)
def test_what_cannot_be_says_which_field_and_why(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?").replace("*", r"\*")):
        parse_cron(text)
