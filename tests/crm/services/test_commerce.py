"""What the e-commerce events of storefronts mean. Pure: no database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm.lib.money import Money
from crm.services.commerce import KnownOrder, Unusable, order_id, read_order, read_refund, read_review
from crm.services.purchases import PurchaseIn

NOON = datetime(2026, 4, 6, 12, tzinfo=UTC)
KNOWN = KnownOrder(customer_id=7, placed_at=NOON, total=Money(50_000, "THB"))


def order(
    name: str = "Order Completed", known: KnownOrder | None = None, at: datetime = NOON, **said: Any
) -> PurchaseIn:
    return read_order(
        name, {"order_id": "1", **said}, customer_id=9, source="web", occurred_at=at, known=known, currency="THB"
    )


@pytest.mark.parametrize(
    ("said", "total"),
    [
        ({"total": 1112.8, "revenue": 990}, "1,112.80 THB"),
        ({"total": "1,112.80"}, "1,112.80 THB"),
        ({"total": "", "value": "5"}, "5.00 THB"),
        ({"revenue": 990.0, "shipping": "50", "tax": 72.8}, "1,112.80 THB"),
        ({"subtotal": 990}, "990.00 THB"),
        ({"products": [{"price": "19.99", "quantity": 3}, {"price": 1}], "discount": 1}, "59.97 THB"),
        ({"products": [{"price": 5}], "discount": 9}, "0.00 THB"),
        ({"total": 500, "currency": "jpy"}, "500 JPY"),
        ({}, "0.00 THB"),
    ],
)
def test_what_the_customer_pays(said: dict[str, Any], total: str) -> None:
    assert str(order(**said).total) == total


def test_an_update_without_money_keeps_the_total_we_know() -> None:
    assert order("Order Updated", KNOWN).total == KNOWN.total


def test_an_order_was_placed_at_the_earliest_we_hear_of() -> None:
    early, late = NOON - timedelta(hours=1), NOON + timedelta(hours=1)
    assert order(known=KNOWN, at=early).placed_at == early
    assert order(known=KNOWN, at=late).placed_at == NOON
    assert order("Order Updated", KNOWN, at=early).placed_at == NOON
    assert order("Order Delivered", at=late).placed_at == late


def test_news_of_an_order_belong_to_whoever_ordered_but_an_order_to_who_says_so() -> None:
    assert order("Order Delivered", KNOWN).customer_id == 7
    assert order("Order Completed", KNOWN).customer_id == 9
    assert order("Order Delivered").customer_id == 9


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("Order Paid", "paid_at"), ("Order Shipped", "shipped_at"), ("Order Delivered", "delivered_at"),
        ("Order Cancelled", "cancelled_at"),
    ],
)  # fmt: skip
def test_an_event_is_a_date_of_the_purchase(name: str, date: str) -> None:
    read = order(name, KNOWN)
    dates = {each: getattr(read, each) for each in ("paid_at", "shipped_at", "delivered_at", "cancelled_at")}
    assert {each for each, at in dates.items() if at} == {date}
    assert dates[date] == NOON


@pytest.mark.parametrize(
    ("said", "field", "code"),
    [
        ({"order_id": None}, "order_id", "no_order_id"),
        ({"order_id": "9" * 101}, "order_id", "invalid"),
        ({"total": "a lot"}, "total", "invalid_money"),
        ({"total": -1}, "total", "invalid_money"),
        ({"total": True}, "total", "invalid_money"),
        ({"total": [1]}, "total", "invalid_money"),
        ({"total": 1, "currency": "baht"}, "total", "invalid_money"),
        ({"products": {}, "total": 1}, None, None),
        ({"products": "kettle"}, "products", "invalid"),
        ({"products": [5]}, "products[0]", "invalid"),
        ({"products": [{"price": 1}, {"price": "x"}]}, "products[1].price", "invalid_money"),
        ({"products": [{"quantity": 0}]}, "products[0].quantity", "invalid"),
        ({"products": [{"quantity": "many"}]}, "products[0].quantity", "invalid"),
        ({"products": [{"quantity": "NaN"}]}, "products[0].quantity", "invalid"),
        ({"products": [{"price": "1e9999999"}]}, "products[0].price", "invalid_money"),
        ({"products": [{}] * 1001}, "products", "invalid"),
        ({"promised_at": "soon"}, "promised_at", "invalid_time"),
    ],
)
def test_what_cannot_be_is_named(said: dict[str, Any], field: str | None, code: str | None) -> None:
    if field is None:
        assert order(**said).items == ()
        return
    with pytest.raises(Unusable) as caught:
        order(**said)
    assert (caught.value.field, caught.value.code) == (field, code)


def test_order_numbers_may_be_numbers_and_in_camel_case() -> None:
    assert order_id({"order_id": 1001}) == order_id({"orderId": " 1001 "}) == "1001"


def test_a_refund_without_amount_is_all_of_it() -> None:
    assert read_refund({}, "THB") is None
    assert read_refund({"total": "243.63"}, "THB") == Money(24_363, "THB")


@pytest.mark.parametrize(("said", "rating"), [("4", 4), (4.6, 5), (" 5 ", 5), (None, None), ("", None)])
def test_a_rating_may_be_a_text(said: object, rating: int | None) -> None:
    assert read_review({"rating": said}).rating == rating


@pytest.mark.parametrize("said", ["ten", "0", 6, "NaN", "Infinity", "1e999999", "1e9999999999"])
def test_a_rating_that_is_none_is_named(said: object) -> None:
    with pytest.raises(Unusable) as caught:
        read_review({"rating": said})
    assert caught.value.code == "invalid_rating"
