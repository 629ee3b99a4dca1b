import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from crm.lib.money import Money
from crm.models import Event, Product, Purchase
from crm.services import counter, purchases
from crm.services.counter import Line
from tests.factories.crm import NOON, CustomerFactory, PurchaseFactory

pytestmark = pytest.mark.django_db


def sell(*lines: Line, total: str | None = None, **said: Any) -> Purchase:
    said = {"customer": said.pop("customer", None) or CustomerFactory(), "placed_at": NOON, "now": NOON, **said}
    return counter.record_sale(lines=lines, total=Decimal(total) if total else None, currency="THB", **said)


def items(purchase: Purchase) -> list[tuple[str, str, int, int, int | None]]:
    return list(purchase.items.order_by("pk").values_list("sku", "name", "quantity", "price_minor", "product"))


def test_a_sale_costs_what_its_lines_cost_and_becomes_a_fact() -> None:
    order = sell(Line("Kettle", 2, Decimal("250.50")), Line("Gift wrap", 1, Decimal(20)))
    assert (order.total, order.source, order.status) == (Money(52_100, "THB"), "staff", "placed")
    assert items(order) == [("", "Kettle", 2, 25_050, None), ("", "Gift wrap", 1, 2_000, None)]
    assert list(Event.objects.filter(object_type="purchase").values_list("name", flat=True)) == ["Order Completed"]
    assert not Product.objects.exists()


def test_a_total_that_was_said_stands_over_the_sum() -> None:
    assert sell(Line("Kettle", 1, Decimal(250)), total="199").total == Money(19_900, "THB")
    assert sell(total="10").total == Money(1_000, "THB")


@pytest.mark.parametrize("typed", ["KTL-1", "ktl-1", "kettle, red"])
def test_a_product_is_known_by_sku_or_name_and_brings_its_price(typed: str) -> None:
    product = Product.objects.create(sku="KTL-1", name="Kettle, red", price_minor=25_000, currency="THB")
    assert items(sell(Line(typed))) == [("KTL-1", "Kettle, red", 1, 25_000, product.pk)]
    assert Product.objects.count() == 1


def test_a_price_in_another_currency_is_no_price() -> None:
    Product.objects.create(sku="KTL-1", price_minor=25_000, currency="EUR")
    with pytest.raises(counter.PriceMissing) as refused:
        sell(Line("Wrap", 1, Decimal(1)), Line("KTL-1"))
    assert refused.value.index == 1
    assert not Purchase.objects.exists()


def test_what_was_taken_along_is_paid_and_delivered_and_promised_to_nobody() -> None:
    taken, paid = sell(total="10", is_taken=True), sell(total="10", is_paid=True)
    assert (taken.status, taken.paid_at, taken.delivered_at, taken.promised_at) == ("delivered", NOON, NOON, None)
    assert (paid.status, paid.paid_at, paid.delivered_at) == ("paid", NOON, None)


def test_a_number_is_made_up_or_new() -> None:
    assert re.fullmatch(r"260302-[A-Z0-9]{5}", sell(total="10").reference)
    first = sell(total="10", reference="A-1")
    PurchaseFactory(source="web", reference="A-2")
    with pytest.raises(counter.AlreadyRecorded) as refused:
        sell(total="99", reference="A-1", customer=first.customer)
    assert refused.value.purchase == first
    first.refresh_from_db()
    assert first.total == Money(1_000, "THB")
    assert sell(total="10", reference="A-2").source == "staff"


@pytest.mark.parametrize(
    ("said", "field"), [({}, "total"), ({"total": "1", "promised_at": NOON - timedelta(1)}, "promised_at")]
)
def test_a_sale_of_nothing_or_promised_before_it_was_made_is_refused(said: dict[str, Any], field: str) -> None:
    with pytest.raises(purchases.InvalidPurchase) as refused:
        sell(**said)
    assert refused.value.field == field
    assert not Purchase.objects.exists()
