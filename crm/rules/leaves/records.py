"""Leaves about records: purchases, tickets and reviews."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from django.db.models import Count, F, Q, QuerySet, Sum
from pydantic import Field, model_validator

from crm.lib.money import exponent
from crm.models import Purchase, PurchaseItem, Review, Shop, Ticket
from crm.rules.conditions import Context, register
from crm.rules.schema import Compare, IsoDuration, Name, Shape, within_delta
from crm.rules.sets import Whose, counted, held


class PurchasesTest(Shape):
    """
    Aggregates over the orders placed so far that stand; cancelled ones do not.

    Attributes:
        count: how many. Without any aggregate, one or more.
        total, average: of what was paid and not refunded, in units of `currency` (default: the shop's).
        last_within, last_before: the last of these orders is at most, is longer than this ago.
        within, product, category, late: which orders are looked at; `product` is a SKU.
    """

    count: Compare | None = None
    total: Compare | None = None
    average: Compare | None = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    last_within: IsoDuration | None = None
    last_before: IsoDuration | None = None
    within: IsoDuration | None = None
    product: Name | None = None
    category: Name | None = None
    late: bool | None = None

    @model_validator(mode="after")
    def _fits(self) -> PurchasesTest:
        if self.currency and not (self.total or self.average):
            raise ValueError("currency is for total and average")
        return self


def _purchases(test: PurchasesTest, context: Context) -> Q:
    orders = context.of_batch(_orders(test, context))
    found = Q()
    if test.count or not (test.total or test.average or test.last_before or test.last_within):
        found &= counted(orders, test.count)
    if test.total or test.average:
        found &= _worth(test, orders)
    for length, recent in ((test.last_within, True), (test.last_before, False)):
        if length:
            since = orders.filter(placed_at__gt=context.now - within_delta(length))
            lately = Q(Whose(since.values("customer_id")))
            found &= lately if recent else Q(Whose(orders.values("customer_id"))) & ~lately
    return found


def _orders(test: PurchasesTest, context: Context) -> QuerySet[Purchase]:
    """The orders that the test looks at."""
    orders = Purchase.objects.counted().filter(placed_at__lte=context.now)
    if test.within:
        orders = orders.filter(placed_at__gte=context.now - within_delta(test.within))
    if test.product:
        orders = orders.filter(pk__in=PurchaseItem.objects.filter(sku=test.product).values("purchase_id"))
    if test.category:
        items = PurchaseItem.objects.filter(product__category=test.category)
        orders = orders.filter(pk__in=items.values("purchase_id"))
    if test.late is not None:
        late = Purchase.objects.overdue(context.now).values("pk")
        orders = orders.filter(pk__in=late) if test.late else orders.exclude(pk__in=late)
    return orders


def _worth(test: PurchasesTest, orders: QuerySet[Purchase]) -> Q:
    """Sums and averages in minor units; an average is held as sum against bound times count, which divides nothing."""
    currency = test.currency or Shop.current().currency
    sums = (
        orders.filter(currency=currency)
        .order_by()
        .values("customer_id")
        .annotate(net=Sum(F("total_minor") - F("refunded_minor")), n=Count("*"))
    )
    if test.total:
        sums = sums.filter(held(F("net"), _minor(test.total, currency)))
    if test.average:
        sums = sums.filter(held(F("net"), ((name, F("n") * bound) for name, bound in _minor(test.average, currency))))
    return Q(Whose(sums.values("customer_id")))


def _minor(compare: Compare, currency: str) -> list[tuple[str, Decimal]]:
    places = exponent(currency)
    return [(name, bound.scaleb(places)) for name, bound in compare.bounds()]


class TicketTest(Shape):
    """
    Has an open ticket (`open`, the default), has none (`open: false`), or has one in a `status`.

    `kind`, `complaint` and `within` (opened in the last …) say which tickets are looked at.
    """

    open: bool | None = None
    status: Annotated[list[Literal["new", "open", "pending", "resolved", "closed"]], Field(min_length=1)] | None = None
    kind: Literal["enquiry", "after_sales"] | None = None
    complaint: bool | None = None
    within: IsoDuration | None = None

    @model_validator(mode="after")
    def _fits(self) -> TicketTest:
        if self.open is not None and self.status:
            raise ValueError("open and status exclude each other")
        return self


def _ticket(test: TicketTest, context: Context) -> Q:
    tickets = context.of_batch(Ticket.objects.filter(status__in=test.status or Ticket.UNSOLVED))
    if test.kind:
        tickets = tickets.filter(kind=test.kind)
    if test.complaint is not None:
        tickets = tickets.filter(is_complaint=test.complaint)
    if test.within:
        since = context.now - within_delta(test.within)
        tickets = tickets.filter(opened_at__gte=since, opened_at__lte=context.now)
    having = Q(Whose(tickets.values("customer_id")))
    return ~having if test.open is False else having


class ReviewTest(Shape):
    """Wrote a review: with so many stars, in the last `within`, in that status, on that site."""

    rating: Compare | None = None
    within: IsoDuration | None = None
    status: Literal["pending", "published", "rejected"] | None = None
    site: Literal["own", "facebook", "google", "pantip", "line", "other"] | None = None


def _review(test: ReviewTest, context: Context) -> Q:
    reviews = Review.objects.filter(reviewed_at__lte=context.now)
    if test.rating:
        reviews = reviews.filter(held(F("rating"), test.rating.bounds()), rating__isnull=False)
    if test.within:
        reviews = reviews.filter(reviewed_at__gte=context.now - within_delta(test.within))
    if test.status:
        reviews = reviews.filter(status=test.status)
    if test.site:
        reviews = reviews.filter(site=test.site)
    return Q(Whose(context.of_batch(reviews).values("customer_id")))


register("purchases", PurchasesTest, _purchases)
register("ticket", TicketTest, _ticket)
register("review", ReviewTest, _review)
