"""Whole batches of what storefronts report. What single messages mean is tested at the doors."""

from datetime import UTC, datetime, timedelta

import pytest

from crm.models import Customer, Event, RejectedEvent
from crm.services.identities import clean
from crm.services.ingest import Item, Reject, ingest_many, keep_rejects, key_of
from crm.services.profiles import Profile
from tests.factories.crm import CustomerFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 4, 6, 12, tzinfo=UTC)
PLOY = clean(external=[("web", "42")])


def test_results_keep_the_order_of_the_items() -> None:
    customer = CustomerFactory.create()
    items = [
        Item(NOON, "k1", identities=PLOY, event="Order Completed", properties={"order_id": "1", "total": 5}),
        Item(NOON, "k2", identities=PLOY, event="Product Viewed"),
        Item(NOON, "k3", customer_id=customer.pk, event="Order Completed"),
        Item(NOON, "k2", identities=PLOY, event="Product Viewed"),
        Item(NOON, "k4", identities=PLOY, profile=Profile(name="Ploy")),
    ]

    results = ingest_many(items, source="web", now=NOON)

    assert [(result.status, result.code) for result in results] == [
        ("accepted", ""), ("accepted", ""), ("invalid", "no_order_id"), ("duplicate", ""), ("accepted", ""),
    ]  # fmt: skip
    assert Customer.objects.exclude(pk=customer.pk).get().name == "Ploy"


def test_somebody_new_became_known_when_they_were_first_seen() -> None:
    ingest_many([Item(NOON - timedelta(days=9), "k1", identities=PLOY, event="Cart Viewed")], source="web", now=NOON)
    assert Customer.objects.get().created_at == NOON - timedelta(days=9)
    assert Event.objects.get(name="Customer Created").received_at == NOON


def test_a_key_is_the_senders_own_or_tells_the_report_apart() -> None:
    assert key_of("m-1", "anything") == "m-1"
    assert key_of("m" * 201) == key_of("m" * 201) != key_of("m" * 202)
    assert key_of("", {"a": 1, "b": 2}) == key_of("", {"b": 2, "a": 1}) != key_of("", {"a": 1})
    assert len(key_of("", "x")) <= 200


def test_what_could_not_be_taken_is_kept_as_it_was_sent() -> None:
    keep_rejects([Reject("invalid_phone", "x" * 600, {"phone": "12"})], source="web", now=NOON)

    kept = RejectedEvent.objects.get()
    assert (kept.source, kept.code, len(kept.message), kept.payload) == ("web", "invalid_phone", 500, {"phone": "12"})
    assert kept.received_at == NOON
