from datetime import timedelta

import pytest

from crm.lib.durations import Duration, parse_duration


def test_days_and_hours_are_kept_apart() -> None:
    assert parse_duration("P1D") == Duration(0, 1, timedelta(0))
    assert parse_duration("PT24H") == Duration(0, 0, timedelta(hours=24))
    assert parse_duration("P1Y2M3W4DT5H6M7S") == Duration(14, 25, timedelta(hours=5, minutes=6, seconds=7))


def test_looking_back_a_month_means_thirty_days() -> None:
    assert parse_duration("P1M").rough == timedelta(days=30)
    assert parse_duration("P1Y").rough == timedelta(days=365)


@pytest.mark.parametrize("text", ["", "P", "PT", "7 days", "-P1D", "P1.5D", "P1DT", "p1d", "P1H", "P٣D"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["P101Y", "P99999999999999D", "PT999999999999999999H"])
def test_nobody_waits_longer_than_a_century(text: str) -> None:
    with pytest.raises(ValueError, match="century"):
        parse_duration(text)
