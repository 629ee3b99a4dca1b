"""
Reports of orders, refunds and reviews become records, each in a savepoint: a bad one refuses no other.

The records know their own facts. What each report means is read in `commerce`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any

from django.db import InterfaceError, OperationalError, transaction

from crm.events import log
from crm.events.types import EventDraft
from crm.models import Customer, Product, Purchase, Refund, Shop
from crm.services import commerce, purchases, refunds, reviews
from crm.services.commerce import KnownOrder, Unusable
from crm.services.purchases import InvalidPurchase, PurchaseIn, Recorded, ReferenceTaken
from crm.services.reviews import InvalidReview

logger = logging.getLogger("waymark.reports")


class Status(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a report. When it is invalid, `field` names the property at fault."""

    status: Status
    code: str = ""
    message: str = ""
    field: str = ""


ACCEPTED, DUPLICATE = Result(Status.ACCEPTED), Result(Status.DUPLICATE)


@dataclass(frozen=True, slots=True)
class Report:
    """One of `commerce.RECORD_EVENTS` about a customer. `key` names it within the source."""

    name: str
    key: str
    customer_id: int
    occurred_at: datetime
    properties: Mapping[str, Any]


def record_reports(reports: Sequence[Report], *, source: str, now: datetime) -> list[Result]:
    """
    Put the reports of one storefront on record: orders first, in few queries, then what refers to them, one by one.

    Returns:
        One Result for each of `reports`, in their order.
    """
    currency = Shop.current().currency if reports else ""
    results: dict[int, Result] = {}
    orders = [(place, report) for place, report in enumerate(reports) if report.name in commerce.ORDER_EVENTS]
    results.update(_record_orders(orders, source, currency, now))
    for place, report in enumerate(reports):
        if report.name == commerce.REFUND_EVENT:
            results[place] = _attempt(partial(_record_refund, report, source, currency, now))
        elif report.name == commerce.REVIEW_EVENT:
            results[place] = _attempt(partial(_record_review, report, source, now))
    return [results[place] for place in range(len(reports))]


def _record_orders(
    entries: Sequence[tuple[int, Report]], source: str, currency: str, now: datetime
) -> dict[int, Result]:
    before = _known(entries, source)
    results: dict[int, Result] = {}
    known = {reference: KnownOrder.of(purchase) for reference, purchase in before.items()}
    versions = {reference: _version(purchase) for reference, purchase in before.items()}
    orders: list[tuple[int, Report, PurchaseIn]] = []
    for place, report in entries:
        try:
            order = _read_order(report, source, currency, known)
        except Unusable as error:
            results[place] = Result(Status.INVALID, error.code, error.message, error.field)
            continue
        known[order.reference] = KnownOrder(order.customer_id, order.placed_at, order.total)
        orders.append((place, report, order))
    keys: set[str] = set()
    updates: list[tuple[int, Report, Purchase]] = []
    for (place, report, order), recorded in zip(orders, _store([order for *_, order in orders], now), strict=True):
        if isinstance(recorded, Result):
            results[place] = recorded
        elif report.key in keys or _says_nothing_new(report, recorded, versions.get(order.reference)):
            results[place] = DUPLICATE
        else:
            results[place] = ACCEPTED
            if report.name == "Order Updated":
                updates.append((place, report, recorded.purchase))
        keys.add(report.key)
    results.update(_record_updates(updates, source, now))
    return results


def _record_updates(updates: Sequence[tuple[int, Report, Purchase]], source: str, now: datetime) -> dict[int, Result]:
    """That an order was changed is no date of the purchase: it is a fact of its own, told apart by its report."""
    drafts = [
        EventDraft(
            name=report.name,
            customer_id=purchase.customer_id,
            occurred_at=report.occurred_at,
            dedupe_key=report.key,
            source=source,
            properties=report.properties,
            object_type="purchase",
            object_id=purchase.pk,
        )
        for _, report, purchase in updates
    ]
    new = {event.dedupe_key for event in log.record_many(drafts, now=now)} if drafts else set()
    return {place: ACCEPTED if report.key in new else DUPLICATE for place, report, _ in updates}


def _known(entries: Sequence[tuple[int, Report]], source: str) -> dict[str, Purchase]:
    references = set()
    for _, report in entries:
        try:
            references.add(commerce.order_id(report.properties))
        except Unusable:
            continue  # said when the order itself is read
    return {
        purchase.reference: purchase
        for purchase in (Purchase.objects.filter(source=source, reference__in=references) if references else ())
    }


def _read_order(report: Report, source: str, currency: str, known: Mapping[str, KnownOrder]) -> PurchaseIn:
    return commerce.read_order(
        report.name,
        report.properties,
        customer_id=report.customer_id,
        source=source,
        occurred_at=report.occurred_at,
        known=known.get(commerce.order_id(report.properties)),
        currency=currency,
    )


def _store(orders: Sequence[PurchaseIn], now: datetime) -> list[Recorded | Result]:
    """All at once; when one of them cannot be, each for itself."""
    if not orders:
        return []
    try:
        with transaction.atomic():
            return list(purchases.record_purchases(orders, now=now))
    except (ReferenceTaken, InvalidPurchase):
        return [_attempt(partial(purchases.record_purchase, order, now=now)) for order in orders]


def _version(purchase: Purchase) -> tuple[Any, ...]:
    dates = tuple(getattr(purchase, name) for name in purchases.DATES)
    return (purchase.status, purchase.total_minor, purchase.currency, purchase.placed_at, *dates)


def _says_nothing_new(report: Report, recorded: Recorded, version: tuple[Any, ...] | None) -> bool:
    """An order we had, as we had it. An update may have changed lines that are not compared here."""
    return report.name != "Order Updated" and not recorded.created and _version(recorded.purchase) == version


def _record_refund(report: Report, source: str, currency: str, now: datetime) -> Result:
    order_id = commerce.order_id(report.properties)
    purchase = Purchase.objects.select_for_update().filter(source=source, reference=order_id).first()
    amount = commerce.read_refund(report.properties, purchase.currency if purchase else currency)
    # Without a number of its own a refund is told apart by the report that brought it.
    number = str(report.properties.get("refund_id") or hashlib.sha256(report.key.encode()).hexdigest()[:24])
    reference = f"{order_id[:60]}:{number[:39]}"
    if Refund.objects.filter(source=source, reference=reference).exists():
        return DUPLICATE
    if purchase is None:
        if amount is None:
            raise Unusable("unknown_order", "no such order is known, and no amount is given", "order_id")
        customer = Customer.objects.get(pk=report.customer_id)
    elif amount is None:
        done = refunds.refund_the_rest(purchase, refunded_at=report.occurred_at, now=now)
        return ACCEPTED if done else DUPLICATE
    else:
        customer = purchase.customer
    purchases.record_refund(
        customer=customer, purchase=purchase, source=source, reference=reference, amount=amount,
        refunded_at=report.occurred_at, now=now,
    )  # fmt: skip
    return ACCEPTED


def _record_review(report: Report, source: str, now: datetime) -> Result:
    said = commerce.read_review(report.properties)
    purchase = Purchase.objects.filter(source=source, reference=said.order_id).first() if said.order_id else None
    submitted = reviews.submit_review(
        customer=Customer.objects.get(pk=report.customer_id),
        source=source,
        reference=str(report.properties.get("review_id") or report.key)[:150],
        rating=said.rating,
        title=said.title,
        body=said.body,
        reviewed_at=report.occurred_at,
        product=Product.objects.filter(sku=said.sku).first() if said.sku else None,
        purchase=purchase,
        now=now,
    )
    return ACCEPTED if submitted.created else DUPLICATE


def _attempt(record: Callable[[], Any]) -> Any:
    """What `record` returns, or why it could not, as a Result; what it wrote is undone then."""
    try:
        with transaction.atomic():
            return record()
    except ReferenceTaken as error:
        return Result(Status.INVALID, "reference_taken", str(error), "order_id")
    except Unusable as error:
        return Result(Status.INVALID, error.code, error.message, error.field)
    except (InvalidPurchase, InvalidReview) as error:
        return Result(Status.INVALID, "invalid", error.message, error.field)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        # One event that we have no answer to must not hold up the other thousand.
        logger.exception("a report could not be recorded")
        return Result(Status.INVALID, "internal", "we failed to record this; the log says why")
