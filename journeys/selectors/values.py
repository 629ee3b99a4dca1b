"""What the people of each stage have bought: orders that stand, less what was paid back, as on the customer's page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet, Sum

from crm.lib.money import Money
from crm.models import Customer, Purchase, Refund
from crm.rules.sets import Whose
from journeys.models import Journey


@dataclass(frozen=True, slots=True)
class StageValue:
    """Of the people in a stage, in one currency: `total`, and that divided by how many `people` are in the stage."""

    total: Money
    people: int

    @property
    def per_head(self) -> Money:
        return Money(round(self.total.minor / self.people), self.total.currency) if self.people else self.total


def stage_values(journey: Journey, customers: QuerySet[Customer], here: dict[int, int]) -> dict[int, list[StageValue]]:
    """
    The value of each stage, the largest amount first; one query.

    Args:
        here: how many are in each stage.
    """
    orders = _per_stage(Purchase.objects.counted(), journey, customers, Sum("total_minor"))
    refunds = _per_stage(Refund.objects.all(), journey, customers, -Sum("amount_minor"))
    net: dict[tuple[int, str], int] = defaultdict(int)
    rows: Iterable[tuple[int, str, int]] = orders.union(refunds, all=True)
    for stage, currency, minor in rows:
        net[stage, currency] += minor
    found: dict[int, list[StageValue]] = defaultdict(list)
    for (stage, currency), minor in sorted(net.items(), key=lambda item: -item[1]):
        found[stage].append(StageValue(Money(minor, currency), here.get(stage, 0)))
    return found


def _per_stage(rows: QuerySet[Any, Any], journey: Journey, customers: QuerySet[Customer], what: Any) -> Any:
    standing = rows.filter(
        customer__in=customers.values("pk"),
        customer__positions__journey=journey,
        customer__positions__stage__isnull=False,
    )
    return standing.order_by().values_list("customer__positions__stage", "currency").annotate(net=what)


def with_value_in(customers: QuerySet[Customer], currency: str) -> QuerySet[Customer]:
    """Those of `customers` who have an order that stands, or a refund, in this currency."""
    records: tuple[QuerySet[Model], ...] = (Purchase.objects.counted(), Refund.objects.all())
    bought, refunded = (rows.filter(currency=currency).order_by().values("customer") for rows in records)
    return customers.filter(Whose(bought.union(refunded)))
