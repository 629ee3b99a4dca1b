"""What a definition names and the shop does not have, each at its step."""

from __future__ import annotations

from typing import Any

import pytest

from journeys.flows import versions
from messaging.models import Template
from tests.factories.crm import NOON
from tests.factories.journeys import PAUSE, FlowFactory, live_flow

pytestmark = pytest.mark.django_db

EVENT = {"event": "Order Delivered"}


def faults(*steps: dict[str, Any], slug: str = "", trigger: dict[str, Any] = EVENT) -> list[tuple[str, str, str]]:
    found = versions.faults_of({"trigger": trigger, "steps": list(steps)}, slug=slug)
    return [(fault.path, fault.step, fault.message) for fault in found]


def send(**rest: Any) -> dict[str, Any]:
    return {"id": "hi", "type": "send", "channel": "sms", "topic": "after_sales", **rest}


def enrol(flow: str, id_: str = "on") -> dict[str, Any]:
    return {"id": id_, "type": "enrol", "flow": flow}


# --- messages ---------------------------------------------------------------------------------


def test_a_text_that_is_no_template_is_a_fault_at_its_step() -> None:
    assert faults(send(body="{{ customer.first_name")) == [("steps[0].body", "hi", "{{ is not closed by }}")]
    assert faults(send(body="{{ customer.secret }}")) == [("steps[0].body", "hi", "unknown variable: customer.secret")]


def test_a_text_may_show_the_event_only_where_an_event_starts_the_flow() -> None:
    step = send(body="Order {{ event.order_id }}")
    assert faults(step) == []
    assert faults(step, trigger={"manual": True}) == [
        ("steps[0].body", "hi", "shows “event”, which this flow does not have")
    ]


def test_a_variable_with_a_default_or_a_test_around_it_is_no_fault() -> None:
    careful = "{{ event.order_id | default: 'x' }}{% if coupon.code %}{{ coupon.code }}{% endif %}"
    assert faults(send(body=careful), trigger={"manual": True}) == []


def test_a_template_is_read_in_every_language_and_channel_it_may_go_out_in() -> None:
    template = Template.objects.create(slug="thanks", channel="email", name="Thanks")
    version = template.versions.create(number=1, published_at=NOON)
    version.variants.create(language="en", subject="Hi", body="Hello")
    version.variants.create(language="th", subject="{{ coupon.code }}", body="สวัสดี")
    assert faults(send(template="thanks", fallback=["email"])) == [
        ("steps[0].template", "hi", "shows “coupon”, which this flow does not have")
    ]


# --- waits and stages -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "step", [{"type": "wait_event", "event": "Order Paid"}, {"type": "wait_rule", "rule": {"tag": "vip"}}]
)
def test_a_wait_must_say_what_happens_when_nothing_comes(step: dict[str, Any]) -> None:
    waiting = {"id": "w", "timeout": "P1D", **step}
    assert faults(waiting) == [("steps[0].else", "w", "is missing: say what happens when nothing comes in time")]
    assert faults({**waiting, "else": []}) == []


def test_a_stage_that_a_step_moves_to_must_exist() -> None:
    step = {"id": "m", "type": "move_stage", "journey": "five-stage", "stage": "usage"}
    assert faults(step) == [("steps[0].stage", "m", "there is no such stage")]
    assert faults({**step, "journey": "usage-loop"}) == []


# --- flows ------------------------------------------------------------------------------------


def test_a_flow_that_the_shop_does_not_have_is_a_fault() -> None:
    FlowFactory.create(slug="old", state="archived")
    assert faults(enrol("nowhere"), {"id": "off", "type": "unenrol", "flow": "old"}) == [
        ("steps[0].flow", "on", "there is no flow “nowhere”"),
        ("steps[1].flow", "off", "there is no flow “old”"),
    ]


def test_flows_that_enrol_one_another_in_a_circle_are_a_fault_where_the_circle_would_close() -> None:
    FlowFactory.create(slug="a")
    branch = {"id": "q", "type": "branch", "paths": [{"name": "p", "if": {"tag": "x"}, "steps": [enrol("a")]}]}
    three = live_flow(PAUSE, branch)
    two = live_flow(PAUSE, enrol(three.slug))
    assert faults(PAUSE, enrol(two.slug), slug="a") == [
        ("steps[1].flow", "on", f"leads back to this flow: a → {two.slug} → {three.slug} → a")
    ]
    assert faults(PAUSE, enrol(two.slug), slug="b") == []


def test_a_flow_does_not_enrol_in_or_take_out_of_itself() -> None:
    flow = FlowFactory.create()
    assert faults(enrol(flow.slug), {"id": "off", "type": "unenrol", "flow": flow.slug}, slug=flow.slug) == [
        ("steps[0].flow", "on", f"leads back to this flow: {flow.slug} → {flow.slug}"),
        ("steps[1].flow", "off", "a flow is left by an exit step"),
    ]
