import pytest
from django.utils import translation

from crm.lib.spans import span_in_words


@pytest.mark.parametrize(
    ("iso", "said"),
    [
        ("P1D", "1 day"),
        ("PT24H", "24 hours"),
        ("P1Y2M", "1 year 2 months"),
        ("P2W", "14 days"),
        ("P1DT12H30M", "1 day 12 hours 30 minutes"),
        ("PT0S", "0 seconds"),
    ],
)
def test_durations_are_said_as_people_say_them(iso: str, said: str) -> None:
    with translation.override("en"):
        assert span_in_words(iso) == said


def test_what_is_no_duration_is_refused() -> None:
    with pytest.raises(ValueError, match="duration"):
        span_in_words("soon")
