"""POST flows/simulate/: the shape that outside programs rely on, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from crm.models import Customer, Event
from journeys.models import Enrolment
from messaging.models import Message
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import CustomerFactory, UserFactory
from tests.factories.journeys import FlowFactory

pytestmark = pytest.mark.django_db

ASK = {
    "id": "ask",
    "type": "send",
    "channel": "sms",
    "topic": "after_sales",
    "body": "Hi {{ customer.attributes.nick }}",
}
REVIEW_REQUEST = {
    "trigger": {"event": "Order Delivered"},
    "exits": [{"event": "Order Refunded"}],
    "steps": [{"id": "settle", "type": "wait", "for": "PT12H"}, ASK],
}
SCRIPT: dict[str, Any] = {
    "definition": REVIEW_REQUEST,
    "profile": {
        "timezone": "Asia/Bangkok", "phone": "081 234 5678", "email": "ploy@example.com", "language": "th",
        "attributes": {"nick": "Ploy"}, "consents": {"sms": {"after_sales": "in"}},
    },
    "shop": {
        "timezone": "Asia/Bangkok", "quiet_hours": {"sms": {"from": "21:00", "to": "09:00", "topics": "all"}},
        "caps": [{"per": "day", "limit": 2}],
    },
    "start": "2026-03-06T10:00:00+07:00",
    "trigger": {"event": "Order Delivered", "properties": {"order_id": "1001"}},
    "events": [],
    "until": "2026-03-31T00:00:00+07:00",
}  # fmt: skip


def test_a_simulation_answers_in_the_shape_that_programs_rely_on(api: Program) -> None:
    response = api.post("flows/simulate/", SCRIPT)

    assert response.status_code == 200
    body = response.json()
    assert {name: body[name] for name in body if name != "entries"} == {
        "state": "completed", "stages": {"usage-loop": "usage"},
    }  # fmt: skip
    assert [(entry["at"], entry["step"], entry["what"]) for entry in body["entries"]] == [
        ("2026-03-06T03:00:00Z", None, "entered"),
        ("2026-03-06T03:00:00Z", "settle", "waiting"),
        ("2026-03-06T15:00:00Z", "settle", "woken"),
        ("2026-03-06T15:00:00Z", "ask", "held"),
        ("2026-03-06T15:00:00Z", None, "completed"),
        ("2026-03-07T02:00:00Z", "ask", "sent"),
    ]
    held, sent = body["entries"][3], body["entries"][5]
    assert held["message"] == {"channel": "sms", "body": "Hi Ploy", "reason": "quiet_hours"}
    assert held["detail"]["until"] == "2026-03-07T02:00:00+00:00"
    assert sent["message"] == {"channel": "sms", "body": "Hi Ploy"}
    assert not Message.objects.exists()
    assert not Customer.objects.exists()
    assert not Event.objects.exists()
    assert not Enrolment.objects.exists()


def test_events_consent_and_attributes_come_at_their_times(api: Program) -> None:
    told = [
        {"at": "2026-03-06T12:00:00+07:00", "attributes": {"nick": "Mali"}},
        {"at": "2026-03-06T13:00:00+07:00", "consent": {"channel": "email", "topic": "promotions", "state": "out"}},
        {"at": "2026-03-07T10:00:00+07:00", "event": "Order Refunded", "properties": {"order_id": "1001"}},
    ]

    body = api.post("flows/simulate/", {**SCRIPT, "events": told}).json()

    assert [entry["message"]["body"] for entry in body["entries"] if entry["what"] == "sent"] == ["Hi Mali"]
    assert body["state"] == "completed"


def test_an_exit_says_why_and_an_active_run_says_until_when(api: Program) -> None:
    refund = {"at": "2026-03-06T12:00:00+07:00", "event": "Order Refunded"}

    left = api.post("flows/simulate/", {**SCRIPT, "events": [refund]}).json()
    waiting = api.post("flows/simulate/", {**SCRIPT, "until": "2026-03-06T11:00:00+07:00"}).json()

    assert (left["state"], left["reason"]) == ("exited", "Order Refunded")
    assert (waiting["state"], waiting["due_at"]) == ("active", "2026-03-06T15:00:00Z")
    assert "reason" not in waiting


def test_the_draft_of_a_flow_can_be_named_instead(api: Program) -> None:
    flow = FlowFactory.create(draft=REVIEW_REQUEST)
    script = {name: value for name, value in SCRIPT.items() if name != "definition"}

    assert api.post("flows/simulate/", {**script, "flow": flow.slug}).json()["state"] == "completed"
    assert faults(api.post("flows/simulate/", {**script, "flow": "nowhere"})) == [("/flow", "unknown_flow")]
    flow.draft = {"trigger": {"manual": True}, "steps": []}
    flow.save()
    assert faults(api.post("flows/simulate/", {**script, "flow": flow.slug})) == [("/flow", "invalid_definition")]


def test_somebody_real_can_be_tried(api: Program) -> None:
    mali = CustomerFactory.create(attributes={"nick": "Mali"})
    script = {name: value for name, value in SCRIPT.items() if name != "profile"}

    body = api.post("flows/simulate/", {**script, "customer": str(mali.public_id)}).json()

    assert body["entries"][-1]["message"]["body"] == "Hi Mali"
    blind = Program("flows:write")
    assert blind.post("flows/simulate/", {**script, "customer": str(mali.public_id)}).status_code == 403
    assert blind.post("flows/simulate/", SCRIPT).status_code == 200


@pytest.mark.parametrize(
    ("change", "place", "code"),
    [
        ({"start": None}, "/start", "null"),
        ({"start": "2026-03-06T10:00:00"}, "/start", "no_zone"),
        ({"start": 7}, "/start", "invalid_time"),
        ({"until": "2026-03-01T00:00:00Z"}, "/until", "invalid"),
        ({"until": "2036-03-01T00:00:00Z"}, "/until", "out_of_range"),
        ({"definition": []}, "/definition", "not_a_dict"),
        ({"definition": {}}, "/definition/trigger", "invalid_definition"),
        ({"definition": {**REVIEW_REQUEST, "steps": [{**ASK, "topic": "gossip"}]}}, "/definition/steps/0/topic", None),
        ({"definition": {**REVIEW_REQUEST, "steps": [{**ASK, "body": "{{ customer.shoe }}"}]}}, None, None),
        ({"flow": "both"}, "/definition", "required"),
        ({"profile": {"timezone": "+07:00"}}, "/profile/timezone", "invalid_zone"),
        ({"profile": {"phone": "12"}}, "/profile/phone", "invalid_phone"),
        ({"profile": {"email": "ploy"}}, "/profile/email", "invalid"),
        ({"profile": {"shoe": 38}}, "/profile/shoe", "unknown_field"),
        ({"profile": {"consents": {"fax": {"promotions": "in"}}}}, "/profile/consents/fax", "invalid_consent"),
        ({"profile": {"consents": {"sms": {"gossip": "in"}}}}, "/profile/consents/sms/gossip", "invalid_consent"),
        ({"shop": {"timezone": "Mars/Olympus"}}, "/shop/timezone", "invalid_zone"),
        ({"shop": {"quiet_hours": {"sms": {"from": "21:00"}}}}, "/shop/quiet_hours/sms", "invalid"),
        ({"shop": {"quiet_hours": {"fax": {}}}}, "/shop/quiet_hours/fax", "invalid_choice"),
        ({"shop": {"caps": [{"per": "hour", "limit": 2}]}}, "/shop/caps/0/per", "invalid"),
        ({"shop": {"caps": [{"per": "day", "limit": -1}]}}, "/shop/caps/0/limit", "invalid"),
        ({"trigger": {"properties": {}}}, "/trigger/event", "required"),
        ({"events": [{"at": "2026-03-07T00:00:00Z"}]}, "/events/0", "invalid"),
        ({"events": [{"event": "Order Refunded"}]}, "/events/0/at", "required"),
        (
            {"events": [{"at": "2026-03-07T00:00:00Z", "consent": {"channel": "sms", "topic": "x", "state": "in"}}]},
            "/events/0/consent/topic", "invalid_consent",
        ),
        ({"surprise": 1}, "/surprise", "unknown_field"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(
    api: Program, change: dict[str, Any], place: str | None, code: str | None
) -> None:
    response = api.post("flows/simulate/", {**SCRIPT, **change})

    if place is None:
        assert response.status_code in (200, 400)
        return
    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"
    found = faults(response)
    assert place in [at for at, _ in found]
    assert code is None or (place, code) in found


def test_who_may_not_see_flows_may_not_simulate_them(api: Program) -> None:
    assert Program("customers:read").post("flows/simulate/", SCRIPT).json()["code"] == "missing_scope"
    support = UserFactory.create(role="support")
    api.client.force_login(support)
    answer = api.client.post("/api/v1/flows/simulate/", SCRIPT, content_type="application/json")
    assert answer.status_code == 403


def test_the_same_key_again_replays_the_answer(api: Program) -> None:
    first = api.post("flows/simulate/", SCRIPT, Idempotency_Key="once")
    again = api.post("flows/simulate/", SCRIPT, Idempotency_Key="once")

    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == first.json()


def test_who_does_not_say_until_when_watches_for_sixty_days(api: Program) -> None:
    flow = {"trigger": {"manual": True}, "steps": [{"id": "long", "type": "wait", "for": "P59D"}, ASK]}
    longer = {"trigger": {"manual": True}, "steps": [{"id": "long", "type": "wait", "for": "P61D"}, ASK]}
    script = {key: value for key, value in SCRIPT.items() if key not in {"until", "trigger", "events", "definition"}}

    seen, unseen = (api.post("flows/simulate/", {**script, "definition": it}).json() for it in (flow, longer))

    assert (seen["state"], unseen["state"]) == ("completed", "active")
