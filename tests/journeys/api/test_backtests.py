"""POST flows/backtest/."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from journeys.models import Enrolment
from messaging.models import Message
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import CustomerFactory
from tests.factories.journeys import FlowFactory
from tests.journeys.flows.worlds import send, wait
from tests.journeys.happenings import happens

pytestmark = pytest.mark.django_db

DRAFT: dict[str, Any] = {
    "trigger": {"event": "Order Delivered"},
    "reentry": {"policy": "once"},
    "audience": {"not": {"tag": "no"}},
    "steps": [wait("settle", "P1D"), send("ask", body="Hi {{ customer.first_name }}")],
}
ANY_HOUR = {"quiet_hours": {}, "caps": []}


def test_a_draft_is_tried_on_the_last_days_and_nothing_is_written(api: Program) -> None:
    now = timezone.now()
    ploy, out = CustomerFactory.create(), CustomerFactory.create()
    out.tags.create(name="no")
    for customer in (ploy, out):
        happens(customer, "Order Delivered", now - timedelta(days=3))
    happens(CustomerFactory.create(), "Order Delivered", now - timedelta(days=40))

    body = api.post("flows/backtest/", {"definition": DRAFT, "days": 30, "shop": ANY_HOUR}).json()

    expected = {
        "events": 2, "tried": 2, "entered": 1, "refused": {"audience": 1}, "completed": 1, "sent": {"sms": 1},
        "segments": 1,
    }  # fmt: skip
    assert {name: body[name] for name in expected} == expected
    assert [(day["channel"], day["sent"], day["segments"]) for day in body["days"]] == [("sms", 1, 1)]
    assert body["steps"]["ask"] == {"outcomes": {"queued": 1}, "sent": 1, "withheld": {}, "held": {}}
    assert not Enrolment.objects.exists()
    assert not Message.objects.exists()


def test_the_draft_of_a_flow_can_be_named_and_only_the_latest_tried(api: Program) -> None:
    flow = FlowFactory.create(draft=DRAFT)
    for days in (1, 2, 3):
        happens(CustomerFactory.create(), "Order Delivered", timezone.now() - timedelta(days=days))

    body = api.post("flows/backtest/", {"flow": flow.slug, "limit": 2}).json()

    assert (body["events"], body["tried"], body["entered"], body["late"]) == (3, 2, 2, 0)


@pytest.mark.parametrize(
    ("body", "place", "code"),
    [
        ({}, "/definition", "required"),
        ({"flow": "nowhere"}, "/flow", "unknown_flow"),
        ({"definition": {**DRAFT, "steps": []}}, "/definition/steps", "invalid_definition"),
        ({"definition": {**DRAFT, "trigger": {"manual": True}}}, "/definition/trigger", "no_past"),
        ({"definition": DRAFT, "days": 0}, "/days", "min_value"),
        ({"definition": DRAFT, "days": 400}, "/days", "max_value"),
        ({"definition": DRAFT, "shop": {"caps": [{"per": "year", "limit": 1}]}}, "/shop/caps/0/per", "invalid"),
        ({"definition": DRAFT, "surprise": 1}, "/surprise", "unknown_field"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(api: Program, body: dict[str, Any], place: str, code: str) -> None:
    response = api.post("flows/backtest/", body)

    assert response.status_code == 400
    assert (place, code) in faults(response)


def test_it_needs_the_scope_of_flows(api: Program) -> None:
    assert Program("customers:read").post("flows/backtest/", {"definition": DRAFT}).json()["code"] == "missing_scope"
    assert Program("flows:read").post("flows/backtest/", {"definition": DRAFT}).status_code == 200
