"""Reports of orders, refunds and reviews: what cannot be recorded holds nothing else up."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import DjangoAssertNumQueries

from crm.models import Purchase, Review
from crm.services.reports import Report, record_reports
from tests.factories.crm import CustomerFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 4, 6, 12, tzinfo=UTC)


def report(name: str, key: str, customer_id: int, **properties: Any) -> Report:
    return Report(name, key, customer_id, NOON, {"currency": "THB", **properties})


def statuses(reports: list[Report]) -> list[tuple[str, str]]:
    return [(result.status, result.code) for result in record_reports(reports, source="web", now=NOON)]


def test_a_failure_nobody_foresaw_is_one_items_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    customer = CustomerFactory.create()

    def broken(**kwargs: object) -> None:
        raise RuntimeError("out of ideas")

    monkeypatch.setattr("crm.services.reviews.submit_review", broken)

    assert statuses(
        [
            report("Product Reviewed", "k1", customer.pk, rating=5),
            report("Order Completed", "k2", customer.pk, order_id="1", total=5),
        ]
    ) == [("invalid", "internal"), ("accepted", "")]
    assert Purchase.objects.count() == 1
    assert not Review.objects.exists()


def test_a_database_that_does_not_answer_is_no_items_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    customer = CustomerFactory.create()

    def broken(**kwargs: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("crm.services.reviews.submit_review", broken)

    with pytest.raises(OperationalError):
        statuses([report("Product Reviewed", "k1", customer.pk, rating=5)])


def test_new_orders_cost_the_same_queries_however_many(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    customer = CustomerFactory.create()
    statuses([report("Order Completed", "first", customer.pk, order_id="first", total=5)])
    costs = []
    for size in (3, 25):
        orders = [
            report("Order Completed", f"{size}-{n}", customer.pk, order_id=f"{size}-{n}", total=5) for n in range(size)
        ]
        with django_assert_max_num_queries(60) as counted:
            assert statuses(orders) == [("accepted", "")] * size
        costs.append(len(counted))
    assert costs[0] == costs[1]
