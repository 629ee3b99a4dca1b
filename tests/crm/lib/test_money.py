from decimal import Decimal

import pytest

from crm.lib.money import InvalidMoney, Money


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("1112.80", "THB", 111280),
        (19.99, "EUR", 1999),
        ("500", "JPY", 500),
        (Decimal("1.234"), "KWD", 1234),
        (-3, "THB", -300),
    ],
)
def test_an_amount_is_kept_in_the_currencys_own_minor_unit(amount: object, currency: str, minor: int) -> None:
    assert Money.of(amount, currency).minor == minor  # type: ignore[arg-type]


def test_an_amount_goes_out_with_the_currencys_own_places() -> None:
    assert Money(111280, "THB").as_json() == {"amount": "1112.80", "currency": "THB"}
    assert Money(500, "JPY").as_json() == {"amount": "500", "currency": "JPY"}


@pytest.mark.parametrize("amount", ["", "abc", "NaN", "Infinity", True, "1e999", "-1e9999999"])
def test_what_is_no_number_is_refused(amount: object) -> None:
    with pytest.raises(InvalidMoney, match=r"not a number|too large"):
        Money.of(amount, "THB")  # type: ignore[arg-type]


@pytest.mark.parametrize("currency", ["", "thb", "BAHT", "฿฿฿"])
def test_a_currency_is_three_capital_letters(currency: str) -> None:
    with pytest.raises(InvalidMoney, match="ISO 4217"):
        Money.of("1", currency)


def test_an_amount_no_column_could_hold_is_refused() -> None:
    with pytest.raises(InvalidMoney, match="too large"):
        Money.of("1" + "0" * 15, "THB")
