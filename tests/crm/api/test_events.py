"""Events over the API: what is taken, what is known already, what is refused and why."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from crm.lib import backlog
from crm.models import Customer, Event, Purchase, RejectedEvent
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import CustomerFactory

pytestmark = pytest.mark.django_db
SEEN: dict[str, Any] = {
    "customer": {"external": {"web": "42"}},
    "event": "Product Viewed",
    "properties": {"sku": "KTL-1", "price": "590.00"},
    "occurred_at": "2026-03-02T19:00:00+07:00",
    "id": "e-1",
}


def facts() -> list[str]:
    return list(Event.objects.exclude(name="Customer Created").order_by("pk").values_list("name", flat=True))


def test_one_event_is_stored_with_both_clocks(api: Program) -> None:
    before = timezone.now()

    response = api.post("events/", SEEN)

    assert (response.status_code, response.json()) == (200, {"results": [{"id": "e-1", "status": "accepted"}]})
    event = Event.objects.get(name="Product Viewed")
    assert event.occurred_at.isoformat() == "2026-03-02T12:00:00+00:00"
    assert event.received_at >= before
    assert (event.source, event.dedupe_key, event.properties) == ("web", "e-1", SEEN["properties"])
    assert event.customer == Customer.objects.get()


def test_the_same_id_again_is_the_same_fact(api: Program) -> None:
    api.post("events/", SEEN)

    again = api.post("events/", {"events": [SEEN, {**SEEN, "id": "e-2"}, {**SEEN, "id": "e-2"}]}).json()["results"]

    assert [(row["id"], row["status"]) for row in again] == [
        ("e-1", "duplicate"),
        ("e-2", "accepted"),
        ("e-2", "duplicate"),
    ]
    assert facts() == ["Product Viewed"] * 2


def test_two_sources_may_use_the_same_id(api: Program) -> None:
    api.post("events/", SEEN)
    assert Program(source="shop").post("events/", SEEN).json()["results"][0]["status"] == "accepted"


def test_without_an_id_equal_events_are_the_same_fact(api: Program) -> None:
    nameless = {key: value for key, value in SEEN.items() if key != "id"}

    first, again, other = (
        api.post("events/", body).json()["results"][0]
        for body in (nameless, nameless, {**nameless, "event": "Cart Viewed"})
    )

    assert (first["status"], again["status"], other["status"]) == ("accepted", "duplicate", "accepted")
    assert first["id"] == again["id"] != other["id"]


def test_one_bad_of_a_hundred_refuses_no_other(api: Program) -> None:
    events = [{**SEEN, "id": f"e-{n}"} for n in range(100)]
    events[41] = {**events[41], "customer": {"phone": "12"}}

    response = api.post("events/", {"events": events})

    assert response.status_code == 200
    results = response.json()["results"]
    assert [row["status"] for row in results] == ["accepted"] * 41 + ["invalid"] + ["accepted"] * 58
    assert results[41]["id"] == "e-41"
    assert [(fault["pointer"], fault["code"]) for fault in results[41]["errors"]] == [
        ("/customer/phone", "invalid_phone")
    ]
    assert len(facts()) == 99
    rejected = RejectedEvent.objects.get()
    assert (rejected.source, rejected.code, rejected.payload) == ("web", "invalid_phone", events[41])


def test_more_than_a_thousand_are_refused_whole(api: Program) -> None:
    response = api.post("events/", {"events": [{**SEEN, "id": str(n)} for n in range(1001)]})

    assert (response.status_code, response.json()["code"]) == (400, "batch_too_large")
    assert facts() == []


@pytest.mark.parametrize(
    ("changes", "place", "code"),
    [
        ({"customer": None}, "/customer", "invalid"),
        ({"customer": {}}, "/customer", "invalid_identities"),
        ({"customer": "nobody"}, "/customer", "unknown_customer"),
        ({"customer": "00000000-0000-7000-8000-000000000000"}, "/customer", "unknown_customer"),
        ({"customer": {"mail": "x"}}, "/customer/mail", "unknown_field"),
        ({"customer": {"email": 7}}, "/customer/email", "invalid"),
        ({"customer": {"external": {"web": 42}}}, "/customer/external", "invalid"),
        ({"customer": {"external": {"web": ""}}}, "/customer/external/web", "invalid_external"),
        ({"customer": {"external": {str(n): "x" for n in range(21)}}}, "/customer/external", "invalid"),
        ({"event": ""}, "/event", "invalid"),
        ({"event": "x" * 201}, "/event", "invalid"),
        ({"properties": []}, "/properties", "invalid"),
        ({"occurred_at": "2026-03-02T19:00:00"}, "/occurred_at", "no_zone"),
        ({"occurred_at": "2096-03-02T19:00:00Z"}, "/occurred_at", "future"),
        ({"occurred_at": "yesterday"}, "/occurred_at", "invalid_time"),
        ({"id": "x" * 201}, "/id", "invalid"),
        ({"userId": "42"}, "/userId", "unknown_field"),
    ],
)
def test_a_single_event_that_cannot_be_is_400_and_names_the_place(
    api: Program, changes: dict[str, Any], place: str, code: str
) -> None:
    response = api.post("events/", {**SEEN, **changes})

    assert (response.status_code, response.json()["code"]) == (400, code)
    assert faults(response) == [(place, code)]
    assert not Customer.objects.exists()
    assert not Event.objects.exists()


def test_a_missing_field_is_named(api: Program) -> None:
    assert faults(api.post("events/", {"customer": {"email": "a@b.co"}})) == [("/event", "required")]
    assert faults(api.post("events/", {"events": {}})) == [("/events", "invalid")]
    assert faults(api.post("events/", {"events": [], "context": 1})) == [("/context", "unknown_field")]
    assert api.post("events/", {"events": []}).json() == {"results": []}
    assert api.post("events/", {"events": [5]}).json()["results"][0]["status"] == "invalid"


def test_what_happened_long_ago_is_taken(api: Program) -> None:
    assert api.post("events/", {**SEEN, "occurred_at": "1970-01-01T00:00:00Z"}).status_code == 200
    assert Event.objects.get(name="Product Viewed").occurred_at.year == 1970


def test_without_a_time_it_happened_now(api: Program) -> None:
    api.post("events/", {"customer": {"email": "a@b.co"}, "event": "Cart Viewed"})
    event = Event.objects.get(name="Cart Viewed")
    assert event.occurred_at == event.received_at


def test_a_customer_can_be_named_by_our_id(api: Program) -> None:
    customer = CustomerFactory.create()
    api.post("events/", {**SEEN, "customer": str(customer.public_id)})
    assert Event.objects.get(name="Product Viewed").customer == customer


def test_an_order_event_becomes_a_purchase(api: Program) -> None:
    ordered = {
        **SEEN,
        "event": "Order Completed",
        "properties": {"order_id": "1001", "total": 1112.8, "currency": "THB"},
    }

    results = api.post("events/", {"events": [ordered, ordered, {**ordered, "id": "e-2", "properties": {}}]}).json()

    assert [row["status"] for row in results["results"]] == ["accepted", "duplicate", "invalid"]
    assert results["results"][2]["errors"][0]["pointer"] == "/properties/order_id"
    assert Purchase.objects.get().total_minor == 111280
    assert facts() == ["Order Completed"]


def test_a_batch_of_plain_facts_costs_the_same_queries_whatever_its_size(
    api: Program, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    def batch(prefix: str, size: int) -> dict[str, Any]:
        return {
            "events": [
                {**SEEN, "id": f"{prefix}-{n}", "customer": {"external": {"web": str(n % 40)}}} for n in range(size)
            ]
        }

    api.post("events/", batch("warm", 40))  # makes people and the shop
    api.post("events/", batch("again", 40))
    costs = []
    for size in (50, 500):
        with django_assert_max_num_queries(100) as counted:
            assert api.post("events/", batch(str(size), size)).status_code == 200
        costs.append(len(counted))

    assert costs[0] == costs[1]
    assert costs[0] <= 25


def test_the_log_is_read_in_the_order_we_learnt_of_it(api: Program) -> None:
    api.post("events/", SEEN)
    api.post("events/", {**SEEN, "id": "e-2", "event": "Cart Viewed", "occurred_at": "2026-03-01T12:00:00Z"})
    customer = Customer.objects.get().public_id

    rows = api.get(f"events/?customer={customer}&source=web").json()["results"]

    assert [(row["event"], row["id"]) for row in rows] == [("Cart Viewed", "e-2"), ("Product Viewed", "e-1")]
    assert rows[0]["customer"] == str(customer)
    assert [row["id"] for row in api.get("events/?event=Product Viewed").json()["results"]] == ["e-1"]
    since = api.get("events/?since=2026-03-02T00:00:00Z&until=2026-03-03T00:00:00Z&source=web").json()["results"]
    assert [row["id"] for row in since] == ["e-1"]


def test_a_key_that_may_only_write_events_reads_none_back() -> None:
    storefront = Program("events:write")
    assert storefront.post("events/", SEEN).status_code == 200
    assert storefront.get("events/").status_code == 403


def test_past_a_backlog_events_are_asked_to_come_later(api: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "_found", (float("inf"), True))

    response = api.post("events/", SEEN)

    assert (response.status_code, response["Retry-After"], response["Content-Type"]) == (
        503, "30", "application/problem+json",
    )  # fmt: skip
    assert response.json()["code"] == "backlog_full"
    assert facts() == []
    assert api.get("events/").status_code == 200
