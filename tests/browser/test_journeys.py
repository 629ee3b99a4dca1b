"""Where people stand and the flows that write to them, read and steered as staff do it."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm.models import User
from journeys.flows import enrolment
from journeys.models import Enrolment, Flow, StageMove
from tests.browser.conftest import PHONE, Open
from tests.browser.test_accessibility import faults
from tests.factories.crm import CustomerFactory, PurchaseFactory
from tests.factories.journeys import PAUSE, FlowFactory, live_flow

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, serialized_rollback=True)]
LIST = "/journeys/flows/"
BRANCH = {
    "id": "who", "type": "branch",
    "paths": [{"name": "Regulars", "if": {"tag": "vip"}, "steps": [{**PAUSE, "id": "soon"}]}],
    "else": [{"id": "nobody", "type": "exit", "reason": "not a regular"}],
}  # fmt: skip


def run_of(flow: Flow) -> Enrolment:
    """A customer who bought and now waits in the flow."""
    customer = CustomerFactory(name="Ploy", phone="+66812345678")
    PurchaseFactory(customer=customer, placed_at=timezone.now())
    (run,) = enrolment.enrol_by_hand(flow, [customer], now=timezone.now())
    return run


def addresses() -> list[str]:
    """Every page of journeys, with something on it."""
    flow = live_flow(PAUSE, BRANCH, exits=[{"event": "Order Refunded"}], holdout=10)
    run = run_of(flow)
    broken = FlowFactory(draft={"trigger": {"manual": True}, "steps": [{"id": "one", "type": "dance"}]})
    one = run.customer.get_absolute_url()
    return [
        "/", one, f"{one}ids/", f"{one}?only=stage", "/customers/?health=active",
        "/journeys/", "/journeys/map/usage-loop/", LIST,
        "/journeys/board/", "/journeys/map/five-stage/funnel/", "/journeys/map/five-stage/cohorts/?by=week",
        "/journeys/map/five-stage/people/?of=here&stage=purchase",
        "/journeys/map/five-stage/people/?of=held&stage=purchase",
        "/journeys/?days=7&from=2020-01-01&to=2020-02-01", f"{LIST}{flow.slug}/results/",
        f"{LIST}{flow.slug}/results/?from=2020-01-01&to=2020-02-01",
        f"{LIST}{flow.slug}/results/behind/?step=pause", f"{LIST}{flow.slug}/results/behind/?of=messages",
        f"{LIST}{flow.slug}/", f"{LIST}{flow.slug}/runs/", f"{LIST}{flow.slug}/runs/?state=failed",
        f"{LIST}{broken.slug}/", f"{LIST}{broken.slug}/runs/",
        f"/journeys/runs/{run.pk}/", f"/journeys/customers/{run.customer.public_id}/enrol/",
    ]  # fmt: skip


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "th")])
def test_every_page_of_journeys_can_be_used_by_everybody(open_as: Open, theme: str, language: str) -> None:
    page = open_as(User.Role.ADMIN, theme=theme, language=language, first_name="Anya")
    assert [fault for address in addresses() for fault in faults(page, address)] == []


def test_a_stage_shows_what_brought_the_customer_there(manager: Page) -> None:
    customer = CustomerFactory(name="Ploy")
    PurchaseFactory(customer=customer, placed_at=timezone.now())
    manager.goto(customer.get_absolute_url())
    reached = manager.locator(".strip .now").first.get_by_role("button")
    evidence = manager.locator(f"#{reached.get_attribute('popovertarget')}")
    expect(evidence).to_be_hidden()
    reached.click()
    expect(evidence).to_contain_text("Placed an order")
    manager.keyboard.press("Escape")
    expect(evidence).to_be_hidden()


def test_a_customer_is_moved_by_hand_with_a_reason(manager: Page) -> None:
    customer = CustomerFactory(name="Ploy")
    manager.goto(customer.get_absolute_url())
    manager.get_by_text("Move by hand").click()
    manager.get_by_label("To which stage?").select_option(label="Advocacy")
    manager.get_by_label("Why?").fill("Recommended us at the fair.")
    manager.get_by_role("button", name="Move", exact=True).click()
    expect(manager.locator(".strip .now").first).to_contain_text("Advocacy")
    expect(manager.locator("#timeline")).to_contain_text("Awareness → Advocacy")
    assert StageMove.objects.latest("pk").note == "Recommended us at the fair."


def test_a_stage_of_the_map_leads_to_its_customers(manager: Page) -> None:
    CustomerFactory(name="Ploy")
    manager.goto("/")
    manager.get_by_role("link", name="Journeys").click()
    manager.locator("main").get_by_role("link", name="Awareness").first.click()
    expect(manager.locator("#rows")).to_contain_text("Ploy")


def test_a_ribbon_of_the_map_leads_to_its_people_without_a_mouse(manager: Page) -> None:
    PurchaseFactory(customer=CustomerFactory(name="Ploy"), placed_at=timezone.now())
    manager.goto("/journeys/")
    ribbon = manager.get_by_role("link", name="Awareness → Purchase: 1")
    ribbon.focus()
    expect(ribbon).to_be_focused()
    manager.keyboard.press("Enter")
    expect(manager.get_by_role("heading", name="Moved: Awareness → Purchase")).to_be_visible()
    expect(manager.locator("#rows")).to_contain_text("Ploy")
    manager.get_by_role("navigation", name="You are here").get_by_role("link").click()
    manager.get_by_text("As a table").last.click()
    manager.locator(".sankey-chart").locator("xpath=ancestor::figure").locator("table a").first.click()
    expect(manager.locator("#rows")).to_contain_text("Ploy")


def test_a_period_is_chosen_and_stays_from_page_to_page(manager: Page) -> None:
    PurchaseFactory(customer=CustomerFactory(name="Ploy"), placed_at=timezone.now())
    manager.goto("/journeys/")
    manager.get_by_label("Period").select_option("7")
    expect(manager).to_have_url(re.compile("days=7"))
    for tab in ("Funnel", "Cohorts", "Board", "Map"):
        manager.get_by_role("link", name=tab, exact=True).click()
        expect(manager).to_have_url(re.compile("days=7"))
    manager.get_by_label("From").fill("2020-01-01")
    manager.get_by_role("button", name="Show").click()
    expect(manager.locator("#report")).to_contain_text("1 Jan 2020")


def test_a_flow_is_published_read_paused_and_resumed(manager: Page) -> None:
    flow = FlowFactory(name="Ask how it was", draft={"trigger": {"manual": True}, "steps": [PAUSE, BRANCH]})
    manager.goto(LIST)
    manager.get_by_role("link", name="Ask how it was").click()
    expect(manager.locator(".tree")).to_contain_text("Wait 1 day")
    expect(manager.locator(".tree")).to_contain_text("Regulars")
    manager.get_by_role("link", name="Publish…").click()
    for button, state in (("Publish", "live"), ("Pause", "paused"), ("Resume", "live")):
        if button == "Resume":
            manager.get_by_role("link", name="Resume…").click()
        manager.get_by_role("button", name=button, exact=True).click()
        expect(manager.locator("h1 .pill")).to_have_text(state)
        flow.refresh_from_db()
        assert flow.state == state


def test_a_flow_is_started_for_one_customer_and_its_run_opened(manager: Page) -> None:
    flow, customer = live_flow(PAUSE), CustomerFactory(name="Ploy")
    manager.goto(customer.get_absolute_url())
    manager.get_by_text("Start a flow by hand").click()
    manager.get_by_role("button", name="Start", exact=True).click()
    expect(manager.locator(".toast")).to_be_visible()
    assert Enrolment.objects.get().customer == customer
    manager.goto(f"{LIST}{flow.slug}/runs/")
    manager.get_by_role("link", name="Ploy").click()
    expect(manager.get_by_role("heading", name="Step by step")).to_be_visible()


def test_a_flow_can_be_read_on_a_phone(open_as: Open) -> None:
    flow = live_flow(PAUSE, BRANCH)
    page = open_as(User.Role.VIEWER, size=PHONE)
    page.goto(f"{LIST}{flow.slug}/")
    expect(page.locator(".tree")).to_contain_text("Everybody else")
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
