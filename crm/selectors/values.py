"""What customers are worth: orders that stand, less what was paid back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Sum, Value

from crm.lib.money import Money
from crm.models import Purchase, Refund


@dataclass(slots=True)
class Worth:
    """`orders` that were not cancelled, and their net value for each currency."""

    orders: int = 0
    net: dict[str, int] = field(default_factory=dict)

    @property
    def amounts(self) -> list[Money]:
        """Largest first; nearly always just one."""
        return [Money(minor, currency) for currency, minor in sorted(self.net.items(), key=lambda pair: -pair[1])]


def worth_of(customer_ids: Sequence[int]) -> dict[int, Worth]:
    """The worth of each customer, in one query however many."""
    orders = (
        Purchase.objects.counted()
        .filter(customer__in=customer_ids)
        .values("customer", "currency")
        .annotate(orders=Count("pk"), net=Sum("total_minor"))
        .order_by()
    )
    refunds = (
        Refund.objects.filter(customer__in=customer_ids)
        .values("customer", "currency")
        .annotate(orders=Value(0), net=-Sum("amount_minor"))
        .order_by()
    )
    found = {pk: Worth() for pk in customer_ids}
    rows: Iterable[dict[str, Any]] = orders.union(refunds, all=True)  # type: ignore[assignment]
    for row in rows:
        worth = found[row["customer"]]
        worth.orders += row["orders"]
        worth.net[row["currency"]] = worth.net.get(row["currency"], 0) + row["net"]
    return found
