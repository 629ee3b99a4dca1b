from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from crm.events import log
from crm.events.recall import recall
from crm.events.types import EventDraft
from tests.factories.crm import NOON, CustomerFactory

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def happens(customer: int, name: str, at: datetime, **properties: object) -> int:
    event = log.record(EventDraft(name, customer, at, f"{customer}-{name}-{at}", "shop", properties), now=NOON)
    assert event
    return event.pk


def test_of_each_customer_only_what_is_wanted_comes_back_in_the_order_it_occurred() -> None:
    first, second, third = (CustomerFactory.create().pk for _ in range(3))
    late = happens(first, "Order Completed", NOON - HOUR, order_id="A-2", total="1.50")
    early = happens(first, "Order Completed", NOON - 2 * HOUR, order_id="A-1")
    happens(first, "Product Viewed", NOON - HOUR)
    viewed = happens(second, "Product Viewed", NOON - HOUR)
    happens(second, "Order Completed", NOON - HOUR)
    happens(third, "Order Completed", NOON - HOUR)
    wanted = {first: {"Order Completed": None}, second: {"Product Viewed": None, "Order Delivered": None}}
    assert list(recall(wanted)) == [
        (first, early, "Order Completed", NOON - 2 * HOUR, {"order_id": "A-1"}),
        (first, late, "Order Completed", NOON - HOUR, {"order_id": "A-2", "total": "1.50"}),
        (second, viewed, "Product Viewed", NOON - HOUR, {}),
    ]


def test_since_is_the_first_instant_that_counts_in_whatever_zone_it_is_told() -> None:
    customer = CustomerFactory.create().pk
    since = NOON - HOUR
    happens(customer, "Product Viewed", since - timedelta.resolution)
    on_time = happens(customer, "Product Viewed", since)
    after = happens(customer, "Product Viewed", since + timedelta.resolution)
    wanted = {customer: {"Product Viewed": since.astimezone(ZoneInfo("Asia/Bangkok"))}}
    assert [pk for _customer, pk, *_fact in recall(wanted)] == [on_time, after]


def test_it_is_one_query_and_none_for_nothing(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    customers = [CustomerFactory.create().pk for _ in range(3)]
    with django_assert_num_queries(1):
        list(recall({customer: {"Product Viewed": None, "Order Completed": NOON} for customer in customers}))
    with django_assert_num_queries(0):
        assert list(recall({customers[0]: {}})) == []


@pytest.mark.skipif(connection.vendor != "postgresql", reason="plans of PostgreSQL")
def test_what_is_wanted_is_looked_up_row_by_row_also_where_the_whole_log_is_small() -> None:
    customer = CustomerFactory.create().pk
    happens(customer, "Product Viewed", NOON)
    with CaptureQueriesContext(connection) as queries:
        list(recall({customer: {"Product Viewed": None, "Order Completed": NOON}}))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE crm_event")
        cursor.execute(f"EXPLAIN {queries[0]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Nested Loop" in plan
    assert "Hash" not in plan
