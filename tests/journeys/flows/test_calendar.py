from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.lib.durations import parse_duration
from journeys.flows.calendar import Window, add, at_local, next_open

BANGKOK = ZoneInfo("Asia/Bangkok")
NEW_YORK = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")
APIA = ZoneInfo("Pacific/Apia")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
WEEKDAYS = frozenset(range(5))


def local(zone: ZoneInfo, text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


def after(start: datetime, duration: str, zone: ZoneInfo) -> str:
    return add(start, parse_duration(duration), zone).astimezone(zone).isoformat()


def test_a_day_is_the_same_wall_time_tomorrow_across_the_spring_change() -> None:
    start = local(NEW_YORK, "2026-03-07T09:00")
    assert after(start, "P1D", NEW_YORK) == "2026-03-08T09:00:00-04:00"
    assert add(start, parse_duration("P1D"), NEW_YORK) - start == timedelta(hours=23)


def test_twenty_four_hours_are_exactly_that_across_the_spring_change() -> None:
    assert after(local(NEW_YORK, "2026-03-07T09:00"), "PT24H", NEW_YORK) == "2026-03-08T10:00:00-04:00"


def test_a_day_and_twenty_four_hours_differ_by_an_hour_in_autumn_too() -> None:
    start = local(NEW_YORK, "2026-10-31T09:00")
    assert after(start, "P1D", NEW_YORK) == "2026-11-01T09:00:00-05:00"
    assert after(start, "PT24H", NEW_YORK) == "2026-11-01T08:00:00-05:00"


def test_half_past_two_that_does_not_exist_becomes_the_first_instant_after_the_gap() -> None:
    assert after(local(NEW_YORK, "2026-03-07T02:30"), "P1D", NEW_YORK) == "2026-03-08T03:00:00-04:00"


def test_half_past_one_that_occurs_twice_is_the_first_of_the_two() -> None:
    moved = add(local(NEW_YORK, "2026-10-31T01:30"), parse_duration("P1D"), NEW_YORK)
    assert moved == local(NEW_YORK, "2026-11-01T01:30", fold=0)
    assert moved != local(NEW_YORK, "2026-11-01T01:30", fold=1)


def test_berlin_turns_its_clocks_back_on_the_twenty_fifth_of_october() -> None:
    assert after(local(BERLIN, "2026-10-24T02:30"), "P1D", BERLIN) == "2026-10-25T02:30:00+02:00"
    assert after(local(BERLIN, "2026-10-24T12:00"), "P1D", BERLIN) == "2026-10-25T12:00:00+01:00"


def test_a_whole_day_that_samoa_skipped_becomes_the_day_after() -> None:
    assert at_local(date(2011, 12, 30), time(15, 0), APIA) == local(APIA, "2011-12-31T00:00")


def test_a_gap_of_half_an_hour_ends_where_it_ends() -> None:
    assert at_local(date(2026, 10, 4), time(2, 10), LORD_HOWE) == local(LORD_HOWE, "2026-10-04T02:30")


def test_a_month_after_the_thirty_first_is_the_last_day_of_the_next() -> None:
    assert after(local(BANGKOK, "2026-01-31T10:00"), "P1M", BANGKOK) == "2026-02-28T10:00:00+07:00"
    assert after(local(BANGKOK, "2028-02-29T10:00"), "P1Y", BANGKOK) == "2029-02-28T10:00:00+07:00"


def test_a_duration_moves_the_calendar_first_and_the_clock_after() -> None:
    assert after(local(BANGKOK, "2026-01-31T20:00"), "P1M1DT5H30M", BANGKOK) == "2026-03-02T01:30:00+07:00"


def test_a_duration_can_be_taken_back() -> None:
    start = local(BANGKOK, "2026-03-31T10:00")
    assert add(start, parse_duration("P1M"), BANGKOK, sign=-1) == local(BANGKOK, "2026-02-28T10:00")
    assert add(start, parse_duration("PT36H"), BANGKOK, sign=-1) == local(BANGKOK, "2026-03-29T22:00")


OFFICE = Window(time(9), time(19), WEEKDAYS)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("2026-06-05T10:00", "2026-06-05T10:00"),  # Friday, open
        ("2026-06-05T08:59", "2026-06-05T09:00"),
        ("2026-06-05T19:00", "2026-06-08T09:00"),  # closing time is outside
        ("2026-06-06T10:00", "2026-06-08T09:00"),  # Saturday
        ("2026-06-07T23:59", "2026-06-08T09:00"),
    ],
)
def test_an_office_hours_window_in_bangkok_opens_on_weekdays_only(given_: str, expected: str) -> None:
    assert next_open(local(BANGKOK, given_), OFFICE, BANGKOK) == local(BANGKOK, expected)


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ("2026-06-06T01:00", "2026-06-06T01:00"),  # Saturday night belongs to Friday's opening
        ("2026-06-06T02:00", "2026-06-08T22:00"),
        ("2026-06-08T01:00", "2026-06-08T22:00"),  # Sunday did not open, so Monday at one is shut
        ("2026-06-09T00:30", "2026-06-09T00:30"),
    ],
)
def test_a_weekday_names_the_day_a_window_across_midnight_opens(given_: str, expected: str) -> None:
    window = Window(time(22), time(2), WEEKDAYS)
    assert next_open(local(BANGKOK, given_), window, BANGKOK) == local(BANGKOK, expected)


def test_a_window_that_lies_in_the_skipped_hour_does_not_open_that_day() -> None:
    window = Window(time(2, 10), time(2, 50))
    assert next_open(local(NEW_YORK, "2026-03-08T01:00"), window, NEW_YORK) == local(NEW_YORK, "2026-03-09T02:10")


def test_a_weekly_window_swallowed_by_the_clock_change_opens_a_week_later() -> None:
    sundays = Window(time(2, 10), time(2, 50), frozenset({6}))
    assert next_open(local(NEW_YORK, "2026-03-08T01:00"), sundays, NEW_YORK) == local(NEW_YORK, "2026-03-15T02:10")


ZONES = st.sampled_from(["Asia/Bangkok", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"])
INSTANTS = st.integers(946_684_800, 2_145_916_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
WINDOWS = st.builds(
    Window,
    st.times().map(lambda clock: clock.replace(second=0, microsecond=0)),
    st.times().map(lambda clock: clock.replace(second=0, microsecond=0)),
    st.frozensets(st.integers(0, 6), min_size=1),
).filter(lambda window: window.opens != window.closes)


@given(INSTANTS, WINDOWS, ZONES)
def test_a_window_opens_within_two_weeks_and_never_in_the_past(instant: datetime, window: Window, zone: str) -> None:
    opening = next_open(instant, window, ZoneInfo(zone))
    assert instant <= opening <= instant + timedelta(days=15)
    assert next_open(opening, window, ZoneInfo(zone)) == opening


@given(INSTANTS, st.integers(0, 400), st.integers(0, 24), ZONES)
def test_time_never_runs_backwards(instant: datetime, days: int, months: int, zone: str) -> None:
    duration = parse_duration(f"P{months}M{days}D")
    assert add(instant, duration, ZoneInfo(zone)) >= instant
    assert add(instant, parse_duration("PT0S"), ZoneInfo(zone)) == instant
