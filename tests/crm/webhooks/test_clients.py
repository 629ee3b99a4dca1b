"""Segment's own Python client, unmodified, against a running server."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.cache import cache
from pytest_django.live_server_helper import LiveServer
from segment.analytics.client import Client
from segment.analytics.request import _session

from crm.models import Company, Customer, Event, Purchase, RejectedEvent, Source

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def source() -> Source:
    cache.clear()
    return Source.objects.create(name="Web shop", slug="web", write_key="wk_test")


@contextlib.contextmanager
def client_of(live_server: LiveServer, **options: Any) -> Iterator[tuple[Client, list[Exception]]]:
    """The client with its own thread and queue; flushed and stopped at the end."""
    failures: list[Exception] = []
    # One connection a call, so that the server's threads end here and not after the test's database has gone.
    _session.headers["Connection"] = "close"
    client = Client(
        "wk_test", host=live_server.url, on_error=lambda error, _batch: failures.append(error), max_retries=1, **options
    )
    try:
        yield client, failures
        client.flush()
    finally:
        client.join()
        for thread in threading.enumerate():
            if "process_request_thread" in thread.name:
                thread.join(10)


@pytest.mark.parametrize("packed", [False, True])
def test_everything_it_can_send_arrives(live_server: LiveServer, source: Source, packed: bool) -> None:
    with client_of(live_server, gzip=packed) as (client, failures):
        client.page(anonymous_id="cookie", name="Home")
        client.identify(
            "42", {"email": "ploy@example.com", "name": "Ploy", "created_at": datetime(2026, 3, 2, tzinfo=UTC)}
        )
        client.alias("cookie", "42")
        client.group("42", "org_77", {"name": "Doi Coffee House"})
        client.screen("42", name="Order status")
        client.track("42", "Product Viewed", {"sku": "KTL-1"})
        client.track("42", "Order Completed", {"order_id": "1001", "total": 1112.8, "currency": "THB"})

    assert failures == []
    assert not RejectedEvent.objects.exists()
    customer = Customer.objects.get(merged_into=None)
    assert (customer.name, customer.email, customer.company) == ("Ploy", "ploy@example.com", Company.objects.get())
    assert Purchase.objects.get().customer == customer
    happened = set(customer.events.values_list("name", flat=True))
    assert {"Page Viewed", "Screen Viewed", "Product Viewed", "Order Completed", "Customer Created"} <= happened


def test_it_sends_in_batches_and_nothing_twice(live_server: LiveServer, source: Source) -> None:
    with client_of(live_server) as (client, failures):
        for number in range(250):
            client.track("42", "Product Viewed", {"n": number})

    assert failures == []
    assert Event.objects.filter(name="Product Viewed").count() == 250


def test_a_wrong_key_in_a_strict_house_is_told_once_and_not_retried(live_server: LiveServer, source: Source) -> None:
    Source.objects.update(mode=Source.Mode.STRICT, write_key="wk_other")

    with client_of(live_server) as (client, failures):
        client.track("42", "Product Viewed")

    assert [(failure.status, failure.code) for failure in failures] == [(401, "invalid_write_key")]
