"""Purchases: orders as the storefront knows them, their dates and their refunds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Sum

from crm.events import log
from crm.events.types import EventDraft
from crm.lib import bulk
from crm.lib.money import Money
from crm.models import Customer, Product, Purchase, PurchaseItem, Refund

Status = Purchase.Status
DATE_OF = {
    Status.PAID: "paid_at",
    Status.SHIPPED: "shipped_at",
    Status.DELIVERED: "delivered_at",
    Status.COMPLETED: "completed_at",
    Status.CANCELLED: "cancelled_at",
}
DATES = ("paid_at", "shipped_at", "promised_at", "delivered_at", "completed_at", "cancelled_at")


class ReferenceTaken(ValueError):
    """The order number belongs to another customer's purchase."""


class InvalidPurchase(ValueError):
    """A value the purchase cannot hold; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class ItemIn:
    """A line of an order. `price` is for one, in the order's currency."""

    sku: str
    name: str
    quantity: int
    price: Money
    category: str = ""


@dataclass(frozen=True, slots=True)
class PurchaseIn:
    """
    An order as some door reports it. What is None or empty is not known and leaves the record as it is.

    Attributes:
        reference: the shop's order number, unique within `source`.
        total: what the customer pays, tax and shipping included.
        placed_at: aware; may be long past, the log keeps both clocks.
        status: when its own date is not given, `now` becomes that date.
    """

    customer_id: int
    source: str
    reference: str
    total: Money
    placed_at: datetime
    items: Sequence[ItemIn] = ()
    status: str = ""
    paid_at: datetime | None = None
    shipped_at: datetime | None = None
    promised_at: datetime | None = None
    delivered_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None
    payment_method: str = ""
    coupon: str = ""
    discount: Money | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    purchase: Purchase
    created: bool


@transaction.atomic
def record_purchases(orders: Sequence[PurchaseIn], *, now: datetime) -> list[Recorded]:
    """
    Store orders as the storefront knows them; recording them also moves their customers' journeys.

    The same (source, reference) again updates, never duplicates: five deliveries of one order are one purchase and one
    "Order Completed". A fixed number of queries for a batch of new orders.

    Raises:
        ReferenceTaken: a reference was recorded for someone else; nothing of the batch is written then.
        InvalidPurchase: no customer could have ordered that (its message names the field).
    """
    for order in orders:
        _check(order)
    known = _known(orders)
    fresh: dict[tuple[str, str], Purchase] = {}
    recorded = []
    touched: list[Purchase] = []
    for order in orders:
        key = (order.source, order.reference)
        purchase = known.get(key) or fresh.get(key)
        if purchase is None:
            purchase = fresh[key] = Purchase(
                source=order.source, reference=order.reference, customer_id=order.customer_id, recorded_at=now
            )
            _apply(purchase, order, now)
            recorded.append(Recorded(purchase, created=True))
            continue
        if purchase.customer_id != order.customer_id:
            raise ReferenceTaken(f"order {order.reference} of {order.source} belongs to another customer")
        if _apply(purchase, order, now) and key in known:
            touched.append(purchase)
        recorded.append(Recorded(purchase, created=False))
    inserted = bulk.insert_new(Purchase, list(fresh.values()), unique=("source", "reference"))
    if len(inserted) < len(fresh):
        # Another transaction recorded one of them a moment ago: its row is the one to update.
        return record_purchases_again(orders, now=now)
    if inserted:
        Purchase.history.bulk_history_create(inserted, default_change_reason="recorded")
    for purchase in {id(purchase): purchase for purchase in touched}.values():
        purchase.facts_deferred = True
        purchase.save()
    items = _store_items(orders, recorded)
    facts: list[EventDraft] = []
    for purchase in {id(entry.purchase): entry.purchase for entry in recorded}.values():
        facts += purchase.facts(items.get(purchase.pk, ()))
    log.record_many(sorted(facts, key=lambda fact: fact.occurred_at), now=now)
    return recorded


def record_purchases_again(orders: Sequence[PurchaseIn], *, now: datetime) -> list[Recorded]:
    """The slow way round a lost race: one by one, each seeing what the others have committed."""
    return [entry for order in orders for entry in record_purchases([order], now=now)]


def record_purchase(order: PurchaseIn, *, now: datetime) -> Recorded:
    """The batch of one."""
    return record_purchases([order], now=now)[0]


@transaction.atomic
def set_status(purchase: Purchase, status: str, *, at: datetime, now: datetime) -> Purchase:
    """
    Say that an order was paid, shipped, delivered, completed or cancelled.

    Raises:
        InvalidPurchase: `status` has no date of its own, or `at` is before the order was placed.
    """
    if status not in DATE_OF:
        raise InvalidPurchase("status", f"must be one of {', '.join(DATE_OF)}")
    if at < purchase.placed_at:
        raise InvalidPurchase("at", "is before the order was placed")
    setattr(purchase, DATE_OF[Status(status)], at)
    return _save(purchase, now)


@transaction.atomic
def record_refund(
    *,
    customer: Customer,
    source: str,
    reference: str,
    amount: Money,
    refunded_at: datetime,
    now: datetime,
    purchase: Purchase | None = None,
    reason: str = "",
) -> Refund:
    """
    Store money given back, once per (source, reference).

    Raises:
        InvalidPurchase: the amount is not positive, in another currency than the order, or more than is left of it.
    """
    if amount.minor <= 0:
        raise InvalidPurchase("amount", "must be more than nothing")
    refund = Refund.objects.filter(source=source, reference=reference).first()
    if refund:
        return refund
    if purchase:
        if amount.currency != purchase.currency:
            raise InvalidPurchase("amount.currency", f"the order is in {purchase.currency}")
        left = Money(purchase.total_minor - purchase.refunded_minor, purchase.currency)
        if amount.minor > left.minor:
            raise InvalidPurchase("amount", f"only {left} of the order is left")
    refund = Refund(
        customer=customer, purchase=purchase, source=source, reference=reference, currency=amount.currency,
        amount_minor=amount.minor, refunded_at=refunded_at, reason=reason[:200],
    )  # fmt: skip
    refund.facts_deferred = True
    refund.save()
    if purchase:
        purchase.refunded_minor = purchase.refunds.aggregate(total=Sum("amount_minor"))["total"] or 0
        _save(purchase, now)
    log.record_many(refund.facts(), now=now)
    return refund


@transaction.atomic
def flag_late(*, now: datetime, limit: int) -> int:
    """Mark orders whose promise broke before `now` as late, since that moment; return how many."""
    awaited = Purchase.objects.overdue(now).filter(late_since=None).order_by("promised_at", "pk")
    late = list(awaited[:limit])
    for purchase in late:
        purchase.late_since = purchase.promised_at
    bulk.update_rows(Purchase, [{"id": p.pk, "late_since": p.late_since} for p in late], fields=["late_since"])
    facts = [fact for purchase in late for fact in purchase.facts() if fact.name == "Order Late"]
    log.record_many(facts, now=now)
    return len(late)


def _check(order: PurchaseIn) -> None:
    if order.total.minor < 0:
        raise InvalidPurchase("total", "must not be negative")
    if not order.reference or len(order.reference) > 100:
        raise InvalidPurchase("reference", "must be 1 to 100 characters")
    if order.status and order.status not in Status.values:
        raise InvalidPurchase("status", f"must be one of {', '.join(Status.values)}")
    for index, item in enumerate(order.items):
        if item.price.currency != order.total.currency:
            raise InvalidPurchase(f"items[{index}].price.currency", f"the order is in {order.total.currency}")
        if not 1 <= item.quantity <= 1_000_000:
            raise InvalidPurchase(f"items[{index}].quantity", "must be 1 to 1,000,000")


def _known(orders: Sequence[PurchaseIn]) -> dict[tuple[str, str], Purchase]:
    # Locked, in one order: "paid" and "shipped" that arrive at once take turns, or one would undo the other.
    rows = Purchase.objects.select_for_update().filter(
        source__in={order.source for order in orders}, reference__in={order.reference for order in orders}
    )
    rows = rows.order_by("pk")
    return {(purchase.source, purchase.reference): purchase for purchase in rows}


def _apply(purchase: Purchase, order: PurchaseIn, now: datetime) -> bool:
    """Put what the order says on the record; whether anything changed."""
    said: dict[str, Any] = {
        "currency": order.total.currency,
        "total_minor": order.total.minor,
        "placed_at": order.placed_at,
        "payment_method": order.payment_method[:64],
        "coupon": order.coupon[:64],
        "discount_minor": order.discount.minor if order.discount else None,
        **{name: getattr(order, name) for name in DATES},
    }
    dated = DATE_OF.get(Status(order.status)) if order.status else None
    if dated and said[dated] is None and getattr(purchase, dated) is None:
        said[dated] = max(now, order.placed_at)
    changed = False
    for name, value in said.items():
        if value not in (None, "") and getattr(purchase, name) != value:
            setattr(purchase, name, value)
            changed = True
    purchase.status = purchase.status_from_dates()
    return changed


def _store_items(orders: Sequence[PurchaseIn], recorded: Sequence[Recorded]) -> dict[int, list[PurchaseItem]]:
    """Write the lines of new orders, replace those of changed ones; return them by purchase."""
    lines = {entry.purchase.pk: (order, entry) for order, entry in zip(orders, recorded, strict=True) if order.items}
    if not lines:
        return {}
    created = {pk for pk, (_, entry) in lines.items() if entry.created}
    stored: dict[int, list[PurchaseItem]] = {}
    if len(created) < len(lines):
        for item in PurchaseItem.objects.filter(purchase__in=lines.keys() - created).select_related("purchase"):
            stored.setdefault(item.purchase_id, []).append(item)
    products = _products([item for order, _ in lines.values() for item in order.items])
    new: list[PurchaseItem] = []
    for pk, (order, entry) in lines.items():
        items = [
            PurchaseItem(
                purchase=entry.purchase, product=products.get(item.sku), sku=item.sku[:100], name=item.name[:250],
                quantity=item.quantity, price_minor=item.price.minor,
            )
            for item in order.items
        ]  # fmt: skip
        if [item.as_property() for item in stored.get(pk, [])] != [item.as_property() for item in items]:
            if pk in stored:
                PurchaseItem.objects.filter(purchase=pk).delete()
            stored[pk] = items
            new += items
    # Items are found through their purchase, so their own keys need not come back.
    PurchaseItem.objects.bulk_create(new, batch_size=500)
    return stored


def _products(items: Sequence[ItemIn]) -> dict[str, Product]:
    """The products behind the lines, made where the shop sells something we have not heard of."""
    by_sku = {item.sku: item for item in items if item.sku}
    found = {product.sku: product for product in Product.objects.filter(sku__in=by_sku)}
    missing = [
        Product(
            sku=sku[:100], name=item.name[:250], category=item.category[:100], price_minor=item.price.minor,
            currency=item.price.currency,
        )
        for sku, item in sorted(by_sku.items())
        if sku not in found
    ]  # fmt: skip
    if missing:
        bulk.insert_new(Product, missing, unique=("sku",))
        found = {product.sku: product for product in Product.objects.filter(sku__in=by_sku)}
    return found


def _save(purchase: Purchase, now: datetime) -> Purchase:
    purchase.status = purchase.status_from_dates()
    purchase.facts_deferred = True
    purchase.save()
    log.record_many(purchase.facts(list(purchase.items.select_related("purchase"))), now=now)
    return purchase
