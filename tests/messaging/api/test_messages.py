"""Messages and measuring over the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from crm.models import User
from messaging.models import Message, MessagingSettings
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import CustomerFactory, UserFactory, later
from tests.factories.messaging import MessageFactory, make_template

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> Program:
    cache.clear()
    return Program()


# --- Measuring


@pytest.mark.parametrize(
    ("text", "measure"),
    [
        ("Hello", ("GSM-7", 5, 1, 155)),
        ("", ("GSM-7", 0, 0, 160)),
        (" €\n", ("GSM-7", 4, 1, 156)),
        ("x" * 159 + "\n\n", ("GSM-7", 161, 2, 145)),
        ("สวัสดี", ("UCS-2", 6, 1, 64)),
        ("x" * 161, ("GSM-7", 161, 2, 145)),
    ],
)
def test_a_text_is_measured_as_the_network_counts_it(api: Program, text: str, measure: tuple[Any, ...]) -> None:
    body = api.post("sms/measure/", {"text": text}).json()
    assert (body["encoding"], body["units"], body["segments"], body["remaining"]) == measure


def test_it_is_measured_as_it_is_sent(api: Program) -> None:
    MessagingSettings.objects.update(link_domain="https://go.shop.example")
    body = api.post("sms/measure/", {"text": f"https://shop.example/{'a' * 200}"}).json()
    assert body["units"] == len("https://go.shop.example/") + 10


def test_every_live_key_may_measure_and_nobody_without_one(client: Client, api: Program) -> None:
    assert Program("events:write").post("sms/measure/", {"text": "x"}).status_code == 200
    assert client.post("/api/v1/sms/measure/", {"text": "x"}, content_type="application/json").status_code == 401
    assert faults(api.post("sms/measure/", {"text": "x" * 20_001})) == [("/text", "max_length")]
    assert faults(api.post("sms/measure/", {})) == [("/text", "required")]


# --- The ledger


def test_a_message_is_shown_with_its_state_and_reason(api: Program) -> None:
    message = MessageFactory.create(state="withheld", reason="no_consent", cause={"kind": "flow", "flow": "review"})

    row = api.get("messages/").json()["results"][0]

    assert row == {
        "id": str(message.public_id),
        "customer": str(message.customer.public_id),
        "channel": "sms",
        "topic": "order_updates",
        "template": None,
        "address": message.address,
        "state": "withheld",
        "reason": "no_consent",
        "subject": "",
        "body": "Hello",
        "segments": 0,
        "cause": {"kind": "flow", "flow": "review"},
        "created_at": "2026-03-02T12:00:00Z",
        "sent_at": None,
        "delivered_at": None,
        "provider": "",
        "provider_reference": "",
    }
    assert api.get(f"messages/{message.public_id}/").json() == row


def test_the_ledger_narrows(api: Program) -> None:
    customer = CustomerFactory.create(name="เพชร ใจดี", phone="+66812345678")
    message = MessageFactory.create(customer=customer, state="sent")
    MessageFactory.create(channel="email", state="queued", queued_at=later(days=1))

    for query in (
        f"customer={message.customer.public_id}", "state=sent", "channel=sms", "created_before=2026-03-03T00:00:00Z",
    ):  # fmt: skip
        assert [row["id"] for row in api.get(f"messages/?{query}").json()["results"]] == [str(message.public_id)]
    for text in ("เพชร", "812345"):
        assert [row["id"] for row in api.get(f"messages/?search={text}").json()["results"]] == [str(message.public_id)]
    assert api.get("messages/?search=nobody").json()["results"] == []
    assert faults(api.get("messages/?state=lost")) == [("state", "invalid_choice")]


def test_who_may_not_see_contacts_gets_the_address_masked() -> None:
    MessageFactory.create(address="+66812345678")
    viewer = Client()
    viewer.force_login(UserFactory.create(role=User.Role.VIEWER))
    assert viewer.get("/api/v1/messages/").json()["results"][0]["address"] == "+66 ••• 678"


# --- Writing


def test_messages_are_queued_each_for_itself(api: Program) -> None:
    customer = str(CustomerFactory.create().public_id)
    make_template("thanks", en="Thank you, {{ customer.first_name }}")
    good = {"customer": customer, "channel": "sms", "topic": "order_updates"}

    response = api.post(
        "messages/",
        {
            "messages": [
                {**good, "template": "thanks", "dedupe_key": "k1"},
                {**good, "body": "Hi {{ customer.first_name }}"},
                {**good, "body": "Hi {{ customer.api_key }}"},
                {**good, "template": "thanks", "dedupe_key": "k1"},
                {**good, "template": "nothing"},
                {**good, "topic": "gossip", "body": "x"},
                {**good, "channel": "fax", "body": "x"},
                {**good, "customer": "nobody", "body": "x"},
                {**good},
                {**good, "body": "x", "priority": 9},
                {**good, "channel": "email", "body": "x"},
            ]
        },
    )

    assert response.status_code == 202
    results = response.json()["results"]
    assert [row["status"] for row in results] == ["accepted", "accepted", "invalid", "duplicate", *["invalid"] * 7]
    assert [row["errors"][0]["code"] for row in results if row["status"] == "invalid"] == [
        "unknown_variable", "unknown_template", "unknown_topic", "invalid_choice", "unknown_customer", "invalid",
        "unknown_field", "required",
    ]  # fmt: skip
    assert Message.objects.count() == 2
    message = Message.objects.get(public_id=results[0]["id"])
    assert (message.state, message.dedupe_key) == ("queued", "api:web:k1")
    assert message.cause == {"kind": "api", "source": "web"}


def test_the_same_dedupe_key_again_is_the_same_message(api: Program) -> None:
    customer = CustomerFactory.create()
    said = {
        "customer": str(customer.public_id),
        "channel": "sms",
        "topic": "order_updates",
        "body": "x",
        "dedupe_key": "k1",
    }

    first, again = (api.post("messages/", {"messages": [said]}).json()["results"][0] for _ in range(2))

    assert (first["status"], again["status"]) == ("accepted", "duplicate")
    assert first["id"] == again["id"]


def test_a_message_that_waits_says_what_was_given(api: Program) -> None:
    customer = str(CustomerFactory.create().public_id)
    said = {"customer": customer, "channel": "sms", "topic": "order_updates", "body": "Hi {{ customer.first_name }}"}

    row = api.post("messages/", {"messages": [said]}).json()["results"][0]

    assert api.get(f"messages/{row['id']}/").json()["body"] == "Hi {{ customer.first_name }}"


def test_nobody_writes_a_header_of_their_own(api: Program) -> None:
    customer = str(CustomerFactory.create(email="ploy@example.com").public_id)
    said = {"customer": customer, "channel": "email", "topic": "order_updates", "body": "x"}

    response = api.post("messages/", {"messages": [{**said, "subject": "a\r\nBcc: x@example.com"}]})

    (row,) = response.json()["results"]
    assert (row["status"], row["errors"][0]["pointer"], row["errors"][0]["code"]) == (
        "invalid", "/subject", "invalid_header",
    )  # fmt: skip
    assert not Message.objects.exists()


def test_who_cannot_be_reached_is_said_at_once(api: Program) -> None:
    customer = CustomerFactory.create(phone="")
    said = {"customer": str(customer.public_id), "channel": "sms", "topic": "order_updates", "body": "x"}

    row = api.post("messages/", {"messages": [said]}).json()["results"][0]

    assert (row["status"], row["state"], row["reason"]) == ("accepted", "withheld", "unreachable")


def test_a_key_that_may_only_read_messages_sends_none() -> None:
    reader = Program("messages:read")
    assert reader.get("messages/").status_code == 200
    assert reader.post("messages/", {"messages": []}).status_code == 403


def test_a_body_that_is_no_batch_is_refused(api: Program) -> None:
    assert faults(api.post("messages/", {})) == [("/messages", "required")]
    assert faults(api.post("messages/", {"messages": {}})) == [("/messages", "invalid")]
    assert faults(api.post("messages/", {"messages": [], "x": 1})) == [("/x", "unknown_field")]
    assert api.post("messages/", {"messages": [{}] * 1001}).json()["code"] == "batch_too_large"


# --- Templates


def test_an_sms_that_links_to_a_domain_that_is_not_registered_is_refused(api: Program) -> None:
    MessagingSettings.objects.update(registered_domains=["shop.example"])
    customer = CustomerFactory()
    said = {"customer": str(customer.public_id), "channel": "sms", "topic": "order_updates"}
    bodies = ["Look: bit.ly/abc", "Look: https://shop.example/a"]

    response = api.post("messages/", {"messages": [{**said, "body": body} for body in bodies]})

    refused, accepted = response.json()["results"]
    assert (refused["status"], accepted["status"]) == ("invalid", "accepted")
    assert "link_domain_not_registered" in str(refused)
    assert "bit.ly/abc" in str(refused)
