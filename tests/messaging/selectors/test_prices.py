"""What messages cost."""

import pytest

from crm.lib import configuration
from messaging.models import Price
from messaging.selectors.prices import Prices, about, in_money
from messaging.services.prices import THAI_EXAMPLE, add_example

TABLE = Prices(
    {("sms", "TH"): 350_000, ("sms", ""): 2_000_000, ("sms", "US"): 0, ("line", ""): 100_000},
)


@pytest.mark.parametrize(
    ("channel", "address", "segments", "micros"),
    [
        ("sms", "+66812345678", 1, 350_000),
        ("sms", "+66812345678", 3, 1_050_000),
        ("sms", "+442071838750", 2, 4_000_000),  # no price of its own: any other country's
        ("sms", "+12025550123", 2, 0),  # a price of nothing is a price
        ("sms", "not a number", 1, 2_000_000),
        ("sms", "+66812345678", 0, 0),
        ("line", "U1234", 0, 100_000),
        ("email", "a@example.com", 0, 0),
    ],
)
def test_a_message_costs_what_the_table_says(channel: str, address: str, segments: int, micros: int) -> None:
    assert TABLE.of(channel, address, segments) == micros


def test_an_empty_table_makes_everything_free() -> None:
    assert Prices({}).of("sms", "+66812345678", 2) == 0


@pytest.mark.parametrize(
    ("micros", "currency", "said"),
    [
        (700_000, "THB", "0.70 THB"),
        (0, "THB", "0.00 THB"),
        (12_500, "THB", "0.0125 THB"),
        (1, "THB", "0.000001 THB"),
        (1_234_000_000, "THB", "1,234.00 THB"),
        (2_000_000, "JPY", "2 JPY"),
        (2_500_000, "JPY", "2.5 JPY"),
        (1_000_000, "KWD", "1.000 KWD"),
    ],
)
def test_fractions_are_shown_where_there_are_some(micros: int, currency: str, said: str) -> None:
    assert in_money(micros, currency) == said


@pytest.mark.django_db
def test_the_table_is_remembered_until_it_changes() -> None:
    with configuration.for_batch():
        assert Prices.current().of("sms", "+66812345678", 1) == 0
    Price.objects.create(channel="sms", country="TH", micros=7)
    with configuration.for_batch():
        assert Prices.current().of("sms", "+66812345678", 1) == 7


@pytest.mark.django_db
def test_the_example_fills_gaps_and_leaves_what_the_shop_has_set() -> None:
    Price.objects.create(channel="sms", country="TH", micros=7)
    assert add_example() == len(THAI_EXAMPLE) - 1
    assert add_example() == 0
    assert Price.objects.get(channel="sms", country="TH").micros == 7


def test_a_sum_is_told_to_the_nearest_coin() -> None:
    assert about(76_469_242, "THB") == "76.47 THB"
    assert about(76_469_242, "JPY") == "76 JPY"
    assert about(4_000, "THB") == "0.00 THB"
