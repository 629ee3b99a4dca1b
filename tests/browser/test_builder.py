"""A flow is built, undone, published and watched in a real browser, with and without a mouse."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm.models import User
from journeys.flows import enrolment, presets, trees, versions
from journeys.flows.presets import REVIEW_REQUEST
from journeys.models import Flow
from tests.browser.conftest import PHONE, Open
from tests.browser.test_accessibility import faults
from tests.factories.crm import CustomerFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, serialized_rollback=True)]


# The review request, with a wait of a week.
DEFINITION = {
    **REVIEW_REQUEST.definition,
    "steps": [{"id": "settle", "type": "wait", "for": "P7D"}, *REVIEW_REQUEST.definition["steps"][1:]],
}


def draft() -> Flow:
    """The review request, with its texts, as a draft."""
    presets.install_texts(REVIEW_REQUEST, now=timezone.now())
    return versions.create_flow(slug="ask", name="Ask", definition=DEFINITION, now=timezone.now())


def ids() -> list[str]:
    return [trees.id_of(step) for step in trees.walk(Flow.objects.get(slug="ask").draft)]


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "th")])
def test_every_page_of_the_builder_can_be_used_by_everybody(open_as: Open, theme: str, language: str) -> None:
    flow = draft()
    page = open_as(User.Role.ADMIN, theme=theme, language=language)
    here = f"/journeys/flows/{flow.slug}/edit/"
    addresses = [
        "/journeys/flows/new/", here, f"{here}json/", f"{here}names/", f"/journeys/flows/{flow.slug}/publish/",
        f"{here}?step=settle", f"{here}?step=ask", f"{here}?step=answer", f"{here}?step=ask&as=json",
        f"{here}?add=in.answer.then", f"{here}?add=start&kind=branch", f"{here}?add=start&kind=task",
        f"{here}?card=trigger", f"{here}?card=exits", f"{here}?card=audience", f"{here}?card=reentry",
    ]  # fmt: skip
    assert [fault for address in addresses for fault in faults(page, address)] == []


def test_a_step_is_added_edited_moved_and_taken_back_without_leaving_the_page(manager: Page) -> None:
    draft()
    manager.goto("/journeys/flows/ask/edit/")
    panel = manager.get_by_role("complementary", name="What is chosen")

    manager.get_by_role("link", name="Add a step first in It happened").click()
    expect(panel.get_by_role("heading", name="What comes here?")).to_be_focused()
    panel.get_by_role("link", name="Change tags").click()
    panel.get_by_label("Put on").fill("reviewer")
    panel.get_by_role("button", name="Add").click()
    expect(manager.locator("#open-tag")).to_contain_text("+ reviewer")
    assert ids() == ["settle", "ask", "answer", "tag", "thank", "remind"]

    manager.locator("#open-settle").click()
    expect(manager).to_have_url(re.compile("step=settle$"))
    panel.get_by_label("How long").first.fill("x")
    panel.get_by_role("button", name="Save").click()
    expect(panel.get_by_text("Not a span of time")).to_be_visible()
    panel.get_by_label("How long").first.fill("10")
    panel.get_by_role("button", name="Save").click()
    expect(manager.locator("#open-settle")).to_contain_text("Wait 10 days")
    panel.get_by_role("button", name="Move down").click()
    expect(manager.locator(".tree .step-title").first).to_have_text("SMS: Review request")

    first, undo = manager.locator(".tree .step-title").first, manager.get_by_role("button", name="Undo")
    undo.click()
    expect(first).to_have_text("Wait 10 days")
    undo.click()
    expect(first).to_have_text("Wait 7 days")
    undo.click()
    expect(manager.locator("#open-tag")).to_have_count(0)
    assert Flow.objects.get(slug="ask").draft == DEFINITION
    expect(manager.get_by_role("button", name="Undo")).to_be_disabled()


def test_whom_it_is_for_is_built_condition_by_condition(manager: Page) -> None:
    flow = draft()
    Flow.objects.filter(pk=flow.pk).update(draft={**flow.draft, "audience": {"purchases": {"count": {"gte": 2}}}})
    manager.goto("/journeys/flows/ask/edit/")
    manager.locator("#term-audience").click()
    expect(manager.locator("#panel [data-rule-tree]")).to_be_visible()
    expect(manager.locator("#panel [data-rule-tree] input").first).to_have_value("2")
    manager.locator("#panel [data-rule-tree] input").first.fill("3")
    manager.locator("#panel").get_by_role("button", name="Save").click()
    expect(manager.locator("#term-audience")).to_contain_text("at least 3")
    assert Flow.objects.get(slug="ask").draft["audience"] == {"purchases": {"count": {"gte": 3}}}


def test_it_needs_no_mouse(manager: Page) -> None:
    draft()
    manager.goto("/journeys/flows/ask/edit/")
    manager.locator("#open-settle").focus()
    manager.keyboard.press("ArrowDown")
    expect(manager.locator("#open-ask")).to_be_focused()
    manager.keyboard.press("Alt+ArrowUp")
    expect(manager.locator(".tree .step-title").first).to_have_text("SMS: Review request")
    expect(manager.locator("#open-ask")).to_be_focused()
    manager.keyboard.press("Enter")
    expect(manager.locator("[data-panel-title]")).to_be_focused()
    manager.keyboard.press("Escape")
    expect(manager.locator("#panel")).to_be_hidden()
    expect(manager.locator("#open-ask")).to_be_focused()
    manager.keyboard.press("Delete")
    expect(manager.locator("#open-ask")).to_have_count(0)
    assert ids() == ["settle", "answer", "thank", "remind"]
    manager.keyboard.press("Control+z")
    expect(manager.locator("#open-ask")).to_be_visible()
    manager.keyboard.press("Control+z")
    expect(manager.locator(".tree .step-title").first).to_have_text("Wait 7 days")
    manager.keyboard.press("Control+Shift+z")
    expect(manager.locator(".tree .step-title").first).to_have_text("SMS: Review request")


def test_a_fault_leads_to_its_step(manager: Page) -> None:
    flow = draft()
    Flow.objects.filter(pk=flow.pk).update(
        draft={"trigger": {"manual": True}, "steps": [{"id": "say", "type": "send", "channel": "sms", "topic": "x"}]}
    )
    manager.goto("/journeys/flows/ask/edit/")
    manager.locator(".faults").get_by_role("link", name="say").first.click()
    expect(manager.locator("[data-panel-title]")).to_have_text("Send a message")
    expect(manager.locator("#open-say")).to_have_attribute("aria-current", "true")


def test_a_flow_of_the_gallery_is_published_and_its_counters_live(open_as: Open) -> None:
    page = open_as(User.Role.MANAGER, size=PHONE)
    page.goto("/journeys/flows/new/")
    page.get_by_role("listitem").filter(has=page.locator("#ready-birthday")).get_by_role("button").click()
    expect(page.get_by_role("heading", name="Birthday")).to_be_visible()
    page.get_by_role("link", name="Publish…").click()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Version 1 is live.")).to_be_visible()
    flow = Flow.objects.select_related("live_version").get(slug="birthday")
    assert enrolment.enrol_by_hand(flow, [CustomerFactory()], now=timezone.now())
    expect(page.locator("#counts-wish")).to_be_hidden()
    # What the page does by itself every 15 seconds.
    page.evaluate("htmx.ajax('GET', location.pathname, {target: '#counts', swap: 'none'})")
    expect(page.locator("#counts-wish")).to_contain_text("1 waiting")
