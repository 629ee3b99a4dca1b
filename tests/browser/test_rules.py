"""The rule builder: rules made by choosing, by hand and by keyboard, and every rule back as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page, expect

from crm.models import Segment, User
from crm.services import segments
from tests.browser.conftest import PHONE, Open
from tests.browser.test_accessibility import faults
from tests.crm.rules import strategies
from tests.factories.crm import CustomerFactory, PurchaseFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, serialized_rollback=True)]
THAI: dict[str, Any] = {"field": {"name": "language", "op": "eq", "value": "th"}}
EVERYTHING = {
    "all": [
        {"stage": {"journey": "five-stage", "in": ["purchase"], "for_at_least": "P7D"}},
        {"any": [THAI, {"purchases": {"total": {"gte": 1000, "lt": 5000}, "late": False}}]},
        {"not": {"event": {"name": "Product Viewed", "count": {"gte": 2}, "within": "P7D",
                           "where": [{"property": "sku", "op": "in", "value": ["A", 1]}]}}},
        {"message": {"result": "clicked", "channel": "sms"}},
        {"consent": {"channel": "email", "topic": "promotions", "state": "none"}},
    ]
}  # fmt: skip


def rule_of(page: Page) -> Any:
    return json.loads(page.locator("textarea[name=rule]").input_value())


def write(page: Page, rule: Any) -> None:
    """As somebody who edits the JSON."""
    box = page.locator(".rule-text")
    if not box.evaluate("box => box.open"):
        box.locator("summary").click()
    page.locator("textarea[name=rule]").fill(json.dumps(rule))


def add(page: Page, kind: str, *, to: int = -1) -> None:
    """Choose a kind of condition in a group's list (the outermost's is the last) and add it."""
    page.get_by_role("combobox", name="Add a condition").nth(to).select_option(kind)
    page.get_by_role("button", name="Add a condition").nth(to).click()


def test_a_segment_is_built_by_choosing(manager: Page) -> None:
    CustomerFactory(name="Ploy", language="th")
    CustomerFactory(name="John", language="en")
    regular = CustomerFactory(name="Regular")
    for _ in range(2):
        PurchaseFactory(customer=regular, placed_at=timezone.now())
    manager.goto("/segments/new/")
    expect(manager.locator("[data-rule-preview]")).to_contain_text("3 customers now: everybody")
    manager.get_by_label("Name").fill("Thai or regular")
    add(manager, "any")
    add(manager, "field", to=0)
    manager.get_by_label("value").fill("th")
    expect(manager.locator("[data-rule-preview]")).to_contain_text("1 customer now: language is th")
    expect(manager.locator("[data-rule-preview]")).to_contain_text("Ploy")
    add(manager, "event", to=0)
    manager.get_by_role("combobox", name="event").fill("Order Completed")
    manager.get_by_role("button", name="+ how often").click()
    manager.get_by_role("textbox", name="how often").fill("2")
    expect(manager.locator("[data-rule-preview]")).to_contain_text("2 customers now")
    manager.get_by_role("button", name="Save").click()
    expect(manager.get_by_role("heading", name="Thai or regular")).to_be_visible()
    assert Segment.objects.get().rule == {
        "all": [{"any": [THAI, {"event": {"name": "Order Completed", "count": {"gte": 2}}}]}]
    }


def test_conditions_are_nested_turned_round_and_taken_out(manager: Page) -> None:
    manager.goto("/segments/new/")
    write(manager, {"all": [{"tag": "a"}, {"tag": "b"}]})
    first = manager.get_by_role("group", name="Condition: Tag").first
    first.get_by_role("button", name="Put in a group").click()
    assert rule_of(manager) == {"all": [{"any": [{"tag": "a"}]}, {"tag": "b"}]}
    add(manager, "tag", to=0)
    manager.get_by_role("group", name="Condition: Tag").nth(1).get_by_role("button", name="Turn round").click()
    assert rule_of(manager) == {"all": [{"any": [{"tag": "a"}, {"not": {"tag": ""}}]}, {"tag": "b"}]}
    manager.get_by_role("group", name="not").get_by_role("button", name="Turn round").first.click()
    manager.get_by_role("combobox", name="Group").nth(1).select_option("all")
    manager.get_by_role("group", name="Condition: Tag").nth(1).get_by_role("button", name="Remove").click()
    manager.get_by_role("button", name="Dissolve the group").click()
    assert rule_of(manager) == {"all": [{"tag": "a"}, {"tag": "b"}]}


def test_it_can_be_used_with_the_keyboard_alone(manager: Page) -> None:
    CustomerFactory(name="Ploy", language="th")
    manager.goto("/segments/new/")
    manager.get_by_role("combobox", name="Add a condition").focus()
    manager.keyboard.type("Tag")
    manager.keyboard.press("Enter")
    assert rule_of(manager) == {"all": [{"tag": ""}]}
    manager.keyboard.type("vip")  # the new condition's first control has the focus
    assert rule_of(manager) == {"all": [{"tag": "vip"}]}
    manager.keyboard.press("Shift+Tab")
    assert manager.evaluate("document.activeElement.getAttribute('aria-label')") == "Remove"
    manager.keyboard.press("Enter")
    assert rule_of(manager) == {"all": []}
    assert manager.evaluate("document.activeElement.getAttribute('aria-label')") == "Add a condition"


def test_faults_stand_at_their_conditions(manager: Page) -> None:
    manager.goto("/segments/new/")
    write(manager, {"all": [THAI, {"event": {"name": "X", "within": "soon"}}, {"tag": "a", "b": 1}]})
    event = manager.get_by_role("group", name="Condition: Event")
    expect(event.locator(".rule-fault")).to_have_text("within: not an ISO 8601 duration")
    expect(manager.get_by_role("group", name="as JSON").locator(".rule-fault")).to_contain_text("needs exactly one")
    manager.get_by_label("Name").fill("A")
    manager.get_by_role("button", name="Save").click()
    expect(manager.get_by_role("group", name="Condition: Event").locator(".rule-fault")).to_be_visible()
    assert not Segment.objects.exists()


def test_without_javascript_the_json_is_edited(open_as: Open, browser: Any) -> None:
    signed_in = open_as(User.Role.MANAGER)
    signed_in.goto("/segments/new/")
    plain = browser.new_context(java_script_enabled=False, storage_state=signed_in.context.storage_state()).new_page()
    plain.goto(signed_in.url)
    plain.get_by_label("Name").fill("Speak Thai")
    plain.get_by_label("The rule as JSON").fill(json.dumps(THAI))
    plain.get_by_role("button", name="Save").click()
    assert Segment.objects.get().rule == THAI
    plain.context.close()


# Write a rule in, touch every control of it without changing anything, and read what stands there then.
TOUCH = """(rule) => {
    const text = document.querySelector("textarea[name=rule]"), root = document.querySelector("[data-rule]");
    text.value = JSON.stringify(rule);
    root.ruleBuilder.read();
    const controls = [...root.querySelectorAll(".rule-parts :is(input, select, textarea), .rule-leaf > textarea")];
    for (const control of controls) {
        control.dispatchEvent(new Event("input"));
        control.dispatchEvent(new Event("change"));
    }
    root.ruleBuilder.write();
    return [controls.length, JSON.parse(text.value)];
}"""
RULES = st.one_of(
    strategies.rules_with_segments("first"), st.just(EVERYTHING), st.just({}), st.just({"moon": {"a": 1}})
)


def test_every_rule_comes_back_as_it_was(open_as: Open) -> None:
    page = open_as(User.Role.MANAGER)
    page.goto("/segments/new/")
    page.route("**/rules/**", lambda route: route.fulfill(status=200, json={"properties": []}))
    touched: list[int] = []

    @settings(
        max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None
    )
    @given(rule=RULES)
    def comes_back(rule: dict[str, Any]) -> None:
        controls, back = page.evaluate(TOUCH, rule)
        assert back == rule
        touched.append(controls)

    comes_back()
    assert max(touched) > 10


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "th")])
def test_every_page_of_segments_can_be_used_by_everybody(open_as: Open, theme: str, language: str) -> None:
    CustomerFactory(name="Ploy", language="th")
    segments.create_segment(name="Good", rule=EVERYTHING, actor=None, now=timezone.now())
    thai = segments.create_segment(name="Thai", rule=THAI, actor=None, now=timezone.now())
    segments.refresh_segment(thai, now=timezone.now())
    page = open_as(User.Role.ADMIN, theme=theme, language=language, first_name="Anya")
    pages = ["/segments/", "/segments/new/", "/segments/thai/", "/segments/thai/edit/", "/segments/good/edit/"]
    assert [fault for address in pages for fault in faults(page, address)] == []


def test_a_rule_is_built_on_a_phone(open_as: Open) -> None:
    CustomerFactory(name="Ploy", language="th")
    page = open_as(User.Role.MANAGER, size=PHONE)
    page.goto("/segments/new/")
    add(page, "tag")
    page.get_by_label("tag", exact=True).fill("vip")
    expect(page.locator("[data-rule-preview]")).to_contain_text("0 customers now: tagged “vip”")
