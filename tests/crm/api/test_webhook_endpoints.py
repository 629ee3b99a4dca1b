"""Subscriptions to facts over the API."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from django.test import Client

from crm import receivers
from crm.events import log
from crm.events.types import EventDraft
from crm.models import Customer, HookDelivery, User, WebhookEndpoint
from crm.services import hooks
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import NOON, CustomerFactory, UserFactory

pytestmark = pytest.mark.django_db
URL = "https://hooks.shop.example/in"


def happened(customer: Customer, name: str, number: int = 1) -> None:
    drafts = [EventDraft(name, customer.pk, NOON, f"e{n}", source="web", properties={"n": n}) for n in range(number)]
    receivers.tell_endpoints(log.record_many(drafts, now=NOON), now=NOON)


def test_an_endpoint_is_added_with_a_secret_that_is_shown_once(api: Program) -> None:
    response = api.post("webhook-endpoints/", {"url": URL, "events": ["Order Completed"], "description": "ERP"})
    assert response.status_code == 201
    body = response.json()
    assert body["secret"].startswith("whsec_")
    assert (body["url"], body["events"], body["is_active"]) == (URL, ["Order Completed"], True)
    shown = api.get(f"webhook-endpoints/{body['id']}/").json()
    assert shown == {name: value for name, value in body.items() if name != "secret"}
    assert api.get("webhook-endpoints/").json()["results"] == [shown]
    assert WebhookEndpoint.objects.get().secret == body["secret"]
    assert body["secret"] not in WebhookEndpoint.objects.get().sealed


@pytest.mark.parametrize(
    ("changes", "place", "code"),
    [
        ({"url": "http://169.254.169.254/"}, "/url", "invalid_url"),
        ({"url": "http://127.1/"}, "/url", "invalid_url"),
        ({"url": "http://[::ffff:10.0.0.1]/"}, "/url", "invalid_url"),
        ({"url": "http://0x7f000001/"}, "/url", "invalid_url"),
        ({"url": "https://shop.example:22/"}, "/url", "invalid_url"),
        ({"url": "https://user@shop.example/"}, "/url", "invalid_url"),
        ({"url": "gopher://shop.example/"}, "/url", "invalid_url"),
        ({"url": "https://shop example/"}, "/url", "invalid_url"),
        ({"events": []}, "/events", "invalid_events"),
        ({"events": ["x"] * 51}, "/events", "too_many"),
        ({"events": "Order Completed"}, "/events", "not_a_list"),
        ({"secret": "mine"}, "/secret", "unknown_field"),
    ],
)
def test_an_address_we_do_not_call_is_refused_at_its_place(
    api: Program, changes: dict[str, Any], place: str, code: str
) -> None:
    response = api.post("webhook-endpoints/", {"url": URL, "events": ["Order Completed"], **changes})
    assert (response.status_code, faults(response)) == (400, [(place, code)])
    assert not WebhookEndpoint.objects.exists()


def test_an_edit_is_checked_like_the_first_and_an_endpoint_can_be_switched_off_and_deleted(api: Program) -> None:
    made = hooks.create_endpoint(url=URL, events=["x"], actor=None, now=NOON).endpoint
    path = f"webhook-endpoints/{made.public_id}/"
    assert faults(api.patch(path, {"url": "http://10.0.0.1/"})) == [("/url", "invalid_url")]
    assert api.patch(path, {"is_active": False, "events": ["b", "a", "b"]}).json()["events"] == ["a", "b"]
    customer = CustomerFactory.create()
    happened(customer, "a")
    assert not HookDelivery.objects.exists()
    assert api.call("DELETE", path).status_code == 204
    assert api.get(path).status_code == 404


def test_a_fact_is_told_to_whoever_subscribed_to_it_and_to_nobody_else(api: Program) -> None:
    customer = CustomerFactory.create(name="Somsri")
    for events in (["Order Completed", "Order Paid"], ["Order Completed"], ["Product Viewed"]):
        hooks.create_endpoint(url=URL, events=events, actor=None, now=NOON)
    happened(customer, "Order Completed")
    deliveries = list(HookDelivery.objects.order_by("pk"))
    assert [(it.event, it.state, it.due_at) for it in deliveries] == [("Order Completed", "queued", NOON)] * 2
    assert orjson.loads(deliveries[0].body) == {
        "type": "Order Completed",
        "timestamp": "2026-03-02T12:00:00Z",
        "data": {
            "customer": {
                "id": str(customer.public_id), "name": "Somsri", "email": customer.email,
                "phone": str(customer.phone), "language": customer.language,
            },
            "properties": {"n": 0},
            "source": "web",
            "occurred_at": "2026-03-02T12:00:00Z",
            "received_at": "2026-03-02T12:00:00Z",
        },
    }  # fmt: skip


def test_telling_of_a_batch_is_a_fixed_number_of_queries(django_assert_num_queries: Any) -> None:
    customer = CustomerFactory.create()
    with django_assert_num_queries(1):  # who wants to know
        hooks.queue_facts([], now=NOON)
    hooks.create_endpoint(url=URL, events=["x"], actor=None, now=NOON)
    drafts = [EventDraft("x", customer.pk, NOON, f"e{n}") for n in range(50)]
    events = log.record_many(drafts, now=NOON)
    with django_assert_num_queries(3):  # and the customers, and the rows
        hooks.queue_facts(events, now=NOON)
    hooks.queue_facts(events, now=NOON)
    assert HookDelivery.objects.count() == 50


def test_calls_are_listed_and_made_again(api: Program) -> None:
    made = hooks.create_endpoint(url=URL, events=["x"], actor=None, now=NOON).endpoint
    happened(CustomerFactory.create(), "x", 2)
    path = f"webhook-endpoints/{made.public_id}/deliveries/"
    first, second = api.get(path).json()["results"]
    assert (first["state"], first["attempts"], first["webhook_id"]) == (
        "queued", 0, f"msg_{first['id'].replace('-', '')}",
    )  # fmt: skip
    refused = api.post(f"{path}{first['id']}/replay/")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    HookDelivery.objects.filter(public_id=second["id"]).update(state="failed", reason="refused", status=500)
    assert [row["id"] for row in api.get(f"{path}?state=failed").json()["results"]] == [second["id"]]
    again = api.post(f"{path}{second['id']}/replay/")
    assert (again.status_code, again.json()["state"], again.json()["webhook_id"]) == (
        202, "queued", second["webhook_id"],
    )  # fmt: skip


def test_only_the_scope_and_administrators_manage_endpoints() -> None:
    assert Program("events:write").get("webhook-endpoints/").json()["code"] == "missing_scope"
    assert Program("webhooks:manage").get("webhook-endpoints/").status_code == 200
    for role in User.Role:
        client = Client()
        client.force_login(UserFactory.create(role=role))
        expected = 200 if role == User.Role.ADMIN else 403
        assert client.get("/api/v1/webhook-endpoints/").status_code == expected
