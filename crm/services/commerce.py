"""
What the e-commerce events of storefronts mean for our records. Pure: properties in, values out.

The vocabulary is Segment's e-commerce spec v2 with its traps: amounts are numbers or texts, `revenue` is without
shipping and tax, `total` is with them, "Checkout Started" says `value`, ratings are texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from crm.lib import texts
from crm.lib.moments import InvalidMoment, read_moment
from crm.lib.money import InvalidMoney, Money
from crm.models import Purchase
from crm.services.purchases import ItemIn, PurchaseIn

# The date of a purchase that each event reports; "" reports the order itself.
ORDER_EVENTS = {
    "Order Completed": "",
    "Order Updated": "",
    "Order Paid": "paid_at",
    "Order Shipped": "shipped_at",
    "Order Delivered": "delivered_at",
    "Order Cancelled": "cancelled_at",
}
REFUND_EVENT = "Order Refunded"
REVIEW_EVENT = "Product Reviewed"
RECORD_EVENTS = frozenset({*ORDER_EVENTS, REFUND_EVENT, REVIEW_EVENT})
# An order has more lines than this only by mistake.
MAX_ITEMS = 1000


class Unusable(ValueError):
    """The event cannot become the record it speaks of. `code` and `message` say why, `field` where."""

    def __init__(self, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """What we knew of an order before this event."""

    customer_id: int
    placed_at: datetime
    total: Money

    @classmethod
    def of(cls, purchase: Purchase) -> KnownOrder:
        return cls(purchase.customer_id, purchase.placed_at, purchase.total)


@dataclass(frozen=True, slots=True)
class ReviewSaid:
    rating: int | None
    title: str
    body: str
    sku: str
    order_id: str


def order_id(properties: Mapping[str, Any]) -> str:
    """
    The shop's order number.

    Raises:
        Unusable: there is none, or it is too long.
    """
    value = texts.order_id(properties)
    if not value:
        raise Unusable("no_order_id", "has no order_id", "order_id")
    if len(value) > 100:
        raise Unusable("invalid", "is longer than 100 characters", "order_id")
    return value


def read_order(
    name: str,
    properties: Mapping[str, Any],
    *,
    customer_id: int,
    source: str,
    occurred_at: datetime,
    known: KnownOrder | None,
    currency: str,
) -> PurchaseIn:
    """
    The purchase that the order event `name` speaks of.

    Events arrive in any order: whichever comes first makes the purchase, and the order was placed at the earliest of
    what "Order Completed" says and what we knew. News of an order we know belong to whoever ordered.

    Args:
        currency: the shop's, for amounts without one.

    Raises:
        Unusable: no order number, or an amount, quantity or time that is none.
    """
    currency = texts.said(properties, "currency").upper() or (known.total.currency if known else currency)
    items = _items(properties, currency)
    placed_at = occurred_at
    if known:
        placed_at = min(occurred_at, known.placed_at) if name == "Order Completed" else known.placed_at
    discount = _amount(properties, currency, "discount")
    order = PurchaseIn(
        customer_id=known.customer_id if known and name != "Order Completed" else customer_id,
        source=source,
        reference=order_id(properties),
        total=_total(properties, currency, items, discount, known),
        placed_at=placed_at,
        items=items,
        promised_at=_promise(properties),
        payment_method=texts.said(properties, "payment_method")[:64],
        coupon=texts.said(properties, "coupon")[:64],
        discount=discount,
    )
    reported: dict[str, Any] = {ORDER_EVENTS[name]: occurred_at} if ORDER_EVENTS[name] else {}
    return replace(order, **reported)


def read_refund(properties: Mapping[str, Any], currency: str) -> Money | None:
    """
    How much an "Order Refunded" gave back; None for all of it.

    Raises:
        Unusable: an amount that is none.
    """
    return _amount(properties, texts.said(properties, "currency").upper() or currency, "total", "revenue", "value")


def read_review(properties: Mapping[str, Any]) -> ReviewSaid:
    """
    What a "Product Reviewed" says.

    Raises:
        Unusable: a rating that is no number from 1 to 5.
    """
    text = texts.said(properties, "rating")
    try:
        rating = Decimal(text).to_integral_value() if text else None
        # Judged before it is made an int, which takes a minute for 1e999999.
        is_fine = rating is None or 1 <= rating <= 5
    except InvalidOperation as error:
        raise Unusable("invalid_rating", "is no number", "rating") from error
    if not is_fine:
        raise Unusable("invalid_rating", "is not 1 to 5", "rating")
    return ReviewSaid(
        rating=None if rating is None else int(rating),
        title=texts.said(properties, "review_title", "title")[:200],
        body=texts.said(properties, "review_body", "body"),
        sku=texts.sku(properties),
        order_id=texts.order_id(properties),
    )


def _total(
    properties: Mapping[str, Any],
    currency: str,
    items: Sequence[ItemIn],
    discount: Money | None,
    known: KnownOrder | None,
) -> Money:
    """What the customer pays: `total`, else worked out from `revenue` or the lines, else what we knew."""
    total = _amount(properties, currency, "total", "value")
    if total is not None:
        return total
    extra = sum(part.minor for name in ("shipping", "tax") if (part := _amount(properties, currency, name)) is not None)
    revenue = _amount(properties, currency, "revenue", "subtotal")
    if revenue is not None:
        return Money(revenue.minor + extra, currency)
    if items:
        lines = sum(item.price.minor * item.quantity for item in items)
        return Money(max(lines + extra - (discount.minor if discount else 0), 0), currency)
    return known.total if known else Money.of(0, currency)


def _items(properties: Mapping[str, Any], currency: str) -> tuple[ItemIn, ...]:
    products = properties.get("products") or []
    if not isinstance(products, list) or len(products) > MAX_ITEMS:
        raise Unusable("invalid", f"is not a list of up to {MAX_ITEMS} products", "products")
    items = []
    for index, product in enumerate(products):
        if not isinstance(product, Mapping):
            raise Unusable("invalid", "is not an object", f"products[{index}]")
        price = _amount(product, currency, "price", at=f"products[{index}].")
        items.append(
            ItemIn(
                sku=texts.sku(product)[:100],
                name=texts.said(product, "name")[:250],
                quantity=_quantity(product, f"products[{index}].quantity"),
                price=price or Money.of(0, currency),
                category=texts.said(product, "category")[:100],
            )
        )
    return tuple(items)


def _quantity(product: Mapping[str, Any], at: str) -> int:
    text = texts.said(product, "quantity") or "1"
    try:
        quantity = Decimal(text)
        is_fine = 1 <= quantity <= 1_000_000  # of "NaN" nobody can say
    except InvalidOperation as error:
        raise Unusable("invalid", "is no number", at) from error
    if not is_fine:
        raise Unusable("invalid", "is not 1 to 1,000,000", at)
    return int(quantity)


def _amount(properties: Mapping[str, Any], currency: str, *names: str, at: str = "") -> Money | None:
    """The first of `names` that is given, as money."""
    for name in names:
        value = properties.get(name)
        if value is None or value == "":
            continue
        # "1,112.80" is how people write it into a shop's template.
        plain = value.replace(",", "") if isinstance(value, str) else value
        try:
            money = Money.of(plain, currency)
        except InvalidMoney as error:
            raise Unusable("invalid_money", str(error), f"{at}{name}") from error
        if money.minor < 0:
            raise Unusable("invalid_money", "is negative", f"{at}{name}")
        return money
    return None


def _promise(properties: Mapping[str, Any]) -> datetime | None:
    text = texts.said(properties, "promised_at")
    try:
        return read_moment(text) if text else None
    except InvalidMoment as error:
        raise Unusable(error.code, error.message, "promised_at") from error
