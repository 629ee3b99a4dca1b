"""Refunds as storefronts often report them: "this order was refunded", without a number or an amount."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from crm.lib.money import Money
from crm.models import Purchase, Refund
from crm.services.purchases import record_refund


@transaction.atomic
def refund_the_rest(purchase: Purchase, *, refunded_at: datetime, now: datetime, reason: str = "") -> Refund | None:
    """Give back what is left of an order; None when nothing is, so that saying it twice changes nothing."""
    left = Money(purchase.total_minor - purchase.refunded_minor, purchase.currency)
    if left.minor <= 0:
        return None
    return record_refund(
        customer=purchase.customer, purchase=purchase, source=purchase.source, reference=next_reference(purchase),
        amount=left, refunded_at=refunded_at, reason=reason, now=now,
    )  # fmt: skip


def next_reference(purchase: Purchase) -> str:
    """A number for a refund that came without one: the order's, and which refund of it this is."""
    return f"{purchase.reference[:90]}:refund-{purchase.refunds.count() + 1}"
