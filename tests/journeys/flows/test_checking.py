"""What a definition names and the shop does not have, each at its step."""

from __future__ import annotations

from typing import Any

import pytest

from journeys.flows import versions
from messaging.models import MessagingSettings, Template
from tests.factories.crm import NOON, PromotionFactory
from tests.factories.journeys import PAUSE, FlowFactory, live_flow

pytestmark = pytest.mark.django_db

EVENT = {"event": "Order Delivered"}
GIFT = {"id": "gift", "type": "coupon", "promotion": "spring"}
NO_COUPON = "shows a coupon, but not every way here leads through a coupon step"


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


def test_an_sms_that_links_to_a_domain_that_is_not_registered_is_a_fault_that_names_the_link() -> None:
    MessagingSettings.objects.update(registered_domains=["shop.example"])
    assert faults(send(body="Look: bit.ly/abc")) == [
        ("steps[0].body", "hi", "links to a domain that is not registered: bit.ly/abc")
    ]  # fmt: skip
    assert faults(send(body="Look: https://www.shop.example/abc")) == []


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
    assert faults(send(template="thanks", fallback=["email"])) == [("steps[0].template", "hi", NO_COUPON)]


# --- coupons and calls ------------------------------------------------------------------------


def shows(id_: str = "hi") -> dict[str, Any]:
    return send(body="{{ coupon.code }}") | {"id": id_}


def branch(*steps: dict[str, Any], otherwise: list[dict[str, Any]]) -> dict[str, Any]:
    way = {"name": "a", "if": {"tag": "x"}, "steps": list(steps)}
    return {"id": "who", "type": "branch", "paths": [way], "else": otherwise}


END = {"id": "end", "type": "exit", "reason": "x"}


def test_a_promotion_there_is_not_is_a_fault() -> None:
    assert faults(GIFT) == [("steps[0].promotion", "gift", "there is no promotion “spring”")]
    PromotionFactory.create(slug="spring")
    assert faults(GIFT) == []


@pytest.mark.parametrize(
    ("steps", "faulty"),
    [
        ([GIFT, shows()], []),
        ([shows()], ["steps[0].body"]),
        ([shows("early"), GIFT, shows()], ["steps[0].body"]),
        ([branch(GIFT, otherwise=[]), shows()], ["steps[1].body"]),
        ([branch(GIFT, otherwise=[GIFT | {"id": "too"}]), shows()], []),
        ([branch(GIFT, shows("in"), otherwise=[]), END], []),
        ([branch(GIFT, otherwise=[END]), shows()], []),
        ([GIFT, branch(shows("in"), otherwise=[shows("out")]), shows()], []),
        ([{"id": "day", "type": "wait", "until": {"attribute": "x"}, "missing": [GIFT]}, shows()], ["steps[1].body"]),
        (
            [{"id": "w", "type": "wait_event", "event": "A", "timeout": "P1D", "then": [GIFT], "else": []}, shows()],
            ["steps[1].body"],
        ),
    ],
)
def test_a_text_may_show_a_coupon_where_every_way_leads_through_a_coupon_step(
    steps: list[dict[str, Any]], faulty: list[str]
) -> None:
    PromotionFactory.create(slug="spring")
    assert [(path, message) for path, _step, message in faults(*steps)] == [(path, NO_COUPON) for path in faulty]


def test_what_no_coupon_has_is_a_fault() -> None:
    PromotionFactory.create(slug="spring")
    assert faults(GIFT, send(body="{{ coupon.cod }}")) == [
        ("steps[1].body", "hi", "shows “coupon.cod”, which this flow does not have")
    ]


def test_the_texts_of_a_call_are_read_like_those_of_a_message() -> None:
    body = {"order": "{{ event.order_id }}", "deep": [{"code": "{{ coupon.code }}"}, 3], "bad": "{{ x"}
    call = {"id": "tell", "type": "webhook", "url": "https://hooks.shop.example/in", "body": body}
    assert faults(call) == [
        ("steps[0].body.deep[0].code", "tell", NO_COUPON),
        ("steps[0].body.bad", "tell", "{{ is not closed by }}"),
    ]
    links = call | {"body": {"a": "{{ links.unsubscribe }}"}}
    assert faults(links) == [("steps[0].body.a", "tell", "shows “links”, which this flow does not have")]


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


# --- slips ------------------------------------------------------------------------------------

BY_PRODUCT = {"id": "used", "type": "wait", "until": {"product": "time_of_use"}}


@pytest.mark.parametrize(
    ("trigger", "warned"),
    [
        (EVENT, []), ({"manual": True}, []),
        ({"date": {"attribute": "birthday"}}, ["steps[0].missing[0].until.product"]),
        ({"stage": {"journey": "five-stage", "stage": "purchase"}}, ["steps[0].missing[0].until.product"]),
    ],
)  # fmt: skip
def test_a_wait_by_a_product_where_nobody_ordered_is_a_slip_and_no_fault(trigger: Any, warned: list[str]) -> None:
    steps = [{"id": "day", "type": "wait", "until": {"attribute": "x"}, "missing": [BY_PRODUCT]}]
    assert [fault.path for fault in versions.warnings_of({"trigger": trigger, "steps": steps})] == warned
    assert faults(*steps, trigger=trigger) == []
