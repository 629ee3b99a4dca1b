"""Sales that no storefront reported: by phone, in a chat, over the counter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.crypto import get_random_string

from crm.lib.money import Money
from crm.models import Customer, Product, Purchase
from crm.services.purchases import InvalidPurchase, ItemIn, PurchaseIn, record_purchase

SOURCE = "staff"


class AlreadyRecorded(ValueError):
    """Staff have recorded an order with this number, `purchase`."""

    def __init__(self, purchase: Purchase) -> None:
        super().__init__(f"order {purchase.reference} is recorded")
        self.purchase = purchase


class PriceMissing(ValueError):
    """Neither the line nor its product says what it costs; `index` counts the lines from nought."""

    def __init__(self, index: int) -> None:
        super().__init__(f"lines[{index}]: a price is needed")
        self.index = index


@dataclass(frozen=True, slots=True)
class Line:
    """What was sold: `product` is an SKU or a name, as typed; without a price the product's own counts."""

    product: str
    quantity: int = 1
    price: Decimal | None = None


@transaction.atomic
def record_sale(
    *,
    customer: Customer,
    lines: Sequence[Line],
    total: Decimal | None,
    currency: str,
    placed_at: datetime,
    now: datetime,
    reference: str = "",
    is_paid: bool = False,
    is_taken: bool = False,
    promised_at: datetime | None = None,
    payment_method: str = "",
) -> Purchase:
    """
    Record an order by hand; what is not known by its SKU or name is a line without a product.

    Args:
        total: None for the sum of the lines.
        reference: made up when empty.
        is_taken: the customer has the things already.

    Raises:
        AlreadyRecorded: the number is another order's.
        PriceMissing: of a product that has none of its own.
        InvalidPurchase: `field` is "total" (nothing says how much it was) or "promised_at" (before the order).
    """
    taken = Purchase.objects.filter(source=SOURCE, reference=reference).first() if reference else None
    if taken is not None:
        raise AlreadyRecorded(taken)
    if promised_at and promised_at < placed_at:
        raise InvalidPurchase("promised_at", "is before the order was placed")
    items = _items(lines, currency)
    if total is None and not items:
        raise InvalidPurchase("total", "an amount or a line is needed")
    pays = Money(sum(item.price.minor * item.quantity for item in items), currency)
    reference = reference or f"{placed_at:%y%m%d}-{get_random_string(5).upper()}"
    order = PurchaseIn(
        customer_id=customer.pk, source=SOURCE, reference=reference,
        total=Money.of(total, currency) if total is not None else pays, placed_at=placed_at, items=items,
        paid_at=placed_at if is_paid or is_taken else None, delivered_at=placed_at if is_taken else None,
        promised_at=promised_at, payment_method=payment_method,
    )  # fmt: skip
    return record_purchase(order, now=now).purchase


def _items(lines: Sequence[Line], currency: str) -> list[ItemIn]:
    words = {line.product.lower() for line in lines}
    lowered = Product.objects.annotate(low_sku=Lower("sku"), low_name=Lower("name"))
    known = {}
    for product in lowered.filter(Q(low_sku__in=words) | Q(low_name__in=words)).order_by("-pk"):
        known[product.name.lower()] = product
        known[product.sku.lower()] = product
    return [_item(index, line, known.get(line.product.lower()), currency) for index, line in enumerate(lines)]


def _item(index: int, line: Line, product: Product | None, currency: str) -> ItemIn:
    if line.price is not None:
        price = Money.of(line.price, currency)
    elif product and product.price_minor is not None and product.currency == currency:
        price = Money(product.price_minor, currency)
    else:
        raise PriceMissing(index)
    sku, name, category = (product.sku, product.name, product.category) if product else ("", line.product, "")
    return ItemIn(sku, name, line.quantity, price, category)
