"""A flow is tried, kept as a test, broken, refused and mended in a real browser; with and without scripts."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm.models import User
from journeys import tasks
from journeys.flows import presets, versions
from journeys.flows.presets import REVIEW_REQUEST
from journeys.models import Flow, FlowTest
from tests.browser.conftest import PHONE, Open
from tests.browser.test_accessibility import faults
from tests.factories.crm import CustomerFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, serialized_rollback=True)]

WORKDAYS = {"from": "09:00", "to": "19:00", "days": ["mon", "tue", "wed", "thu", "fri"]}
SETTLE = {"id": "settle", "type": "wait", "for": "P7D", "window": WORKDAYS}
HERE = "/journeys/flows/ask/"


def draft() -> Flow:
    """The review request, with its texts, as a draft that waits a week and then for a working day."""
    presets.install_texts(REVIEW_REQUEST, now=timezone.now())
    steps = [SETTLE, *REVIEW_REQUEST.definition["steps"][1:]]
    definition = {**REVIEW_REQUEST.definition, "steps": steps}
    return versions.create_flow(slug="ask", name="Ask", definition=definition, now=timezone.now())


def play_across_a_weekend(page: Page) -> None:
    """Delivered on a Saturday, so that a week later is a Saturday again."""
    page.goto(f"{HERE}simulate/")
    page.get_by_label("Begins", exact=True).fill("2026-02-28T10:00")
    page.get_by_label("Watch until").fill("2026-04-30T10:00")
    page.get_by_role("button", name="Play it").click()
    expect(page.get_by_role("heading", name="What would happen")).to_be_visible()


def test_a_weekend_is_simulated_kept_as_a_test_and_guards_the_flow_until_it_is_mended(open_as: Open) -> None:
    draft()
    page = open_as(User.Role.MANAGER, first_name="Mali")
    play_across_a_weekend(page)
    played = page.locator(".played")
    expect(played.get_by_text("until Mon 9 Mar, 09:00")).to_be_visible()
    expect(played.locator(".played-day")).to_have_text(
        ["Saturday 28 February 2026", "Monday 9 March 2026", "Saturday 14 March 2026"]
    )
    expect(played.locator(".bubble").first).to_contain_text("Ploy")
    assert not Flow.objects.get().versions.exists()

    page.get_by_label("Name of the test").fill("Across a weekend")
    page.get_by_role("button", name="Keep as a test").click()
    expect(page.get_by_role("heading", name="Across a weekend")).to_be_visible()
    page.get_by_role("button", name="Run all").click()
    expect(page.locator("#tests").get_by_text("All tests pass.")).to_be_visible()

    # Somebody takes the working days out of the wait.
    page.goto(f"{HERE}edit/?step=settle")
    panel = page.get_by_role("complementary", name="What is chosen")
    panel.locator("[name=window]").uncheck()
    panel.get_by_role("button", name="Save").click()
    expect(page.locator("#open-settle")).not_to_contain_text("09:00")
    page.get_by_role("link", name="Publish…").click()
    expect(page.get_by_text("It cannot be published while its tests fail:")).to_be_visible()
    expect(page.get_by_text("expected: Mon 9 Mar, 09:00: Wait 7 days")).to_be_visible()
    expect(page.get_by_role("button", name="Publish")).to_have_count(0)
    assert Flow.objects.get().state == "draft"

    page.get_by_role("link", name="To the tests").click()
    page.get_by_role("button", name="Run all").click()
    expect(page.get_by_text("1 test fails: the flow cannot be published.")).to_be_visible()

    page.goto(f"{HERE}edit/")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#open-settle")).to_contain_text("09:00")
    page.get_by_role("link", name="Publish…").click()
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("Version 1 is live.")).to_be_visible()


def test_lines_come_and_go_and_a_review_in_time_takes_the_other_path(manager: Page) -> None:
    draft()
    manager.goto(f"{HERE}simulate/")
    manager.get_by_label("Begins", exact=True).fill("2026-02-28T10:00")
    manager.get_by_label("Watch until").fill("2026-04-30T10:00")
    manager.get_by_role("button", name="Another fact").click()
    facts = manager.locator(".trial-line-event")
    expect(facts).to_have_count(2)
    manager.get_by_role("button", name="Take this line away 2").last.click()
    expect(facts).to_have_count(1)
    facts.get_by_label("Fact").fill("Product Reviewed")
    facts.get_by_label("When").fill("2026-03-10T12:00")
    facts.get_by_label("Properties").fill("rating = 5")
    manager.get_by_role("button", name="Play it").click()
    expect(manager.locator(".played-day").last).to_have_text("Tuesday 10 March 2026")

    manager.locator("#id_phone").fill("12")
    manager.get_by_role("button", name="Play it").click()
    expect(manager.get_by_text("This is not a phone number.")).to_be_visible()
    assert not FlowTest.objects.exists()


def test_a_customer_is_found_while_typing(manager: Page) -> None:
    draft()
    CustomerFactory.create(name="Somsri Sukjai", phone="+66812223333")
    manager.goto(f"{HERE}simulate/")
    manager.get_by_label("A customer").check()
    manager.locator("#id_q").press_sequentially("somsri")
    manager.get_by_label("Somsri Sukjai").check()
    manager.get_by_role("button", name="Play it").click()
    expect(manager.get_by_text("A test needs somebody made up")).to_be_visible()


def test_the_past_is_counted_while_one_waits_and_why_is_told(open_as: Open) -> None:
    flow = draft()
    page = open_as(User.Role.MANAGER, size=PHONE)
    page.goto(f"{HERE}backtest/")
    page.get_by_role("button", name="Try it on the past").click()
    expect(page.get_by_text("You may leave this page")).to_be_visible()
    tasks.run_backtests()
    expect(page.get_by_text("would have entered")).to_be_visible()

    CustomerFactory.create(name="Somsri Sukjai")
    versions.publish(flow, actor=None, now=timezone.now())
    page.goto(f"{HERE}why/")
    page.locator("#why-q").press_sequentially("somsri")
    page.get_by_role("link", name="Somsri Sukjai").click()
    expect(page.get_by_role("heading", name="Would they enter now?")).to_be_visible()


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "th")])
def test_every_page_can_be_used_by_everybody(open_as: Open, theme: str, language: str) -> None:
    flow = draft()
    customer = CustomerFactory.create()
    page = open_as(User.Role.ADMIN, theme=theme, language=language)
    addresses = [
        f"{HERE}simulate/", f"{HERE}simulate/?customer={customer.public_id}", f"{HERE}tests/", f"{HERE}backtest/",
        f"{HERE}why/?q=a", f"/journeys/customers/{customer.public_id}/why/",
        f"/journeys/customers/{customer.public_id}/why/?flow={flow.slug}",
    ]  # fmt: skip
    assert [fault for address in addresses for fault in faults(page, address)] == []
