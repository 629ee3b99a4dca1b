"""Journeys, stages and what belongs to them, edited in a real browser, with and without a mouse."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm.models import Task, User
from crm.services import segments
from journeys.flows import versions
from journeys.models import Journey, Stage, StageRule
from tests.browser.conftest import Open
from tests.browser.test_accessibility import faults
from tests.factories.journeys import PAUSE, EnrolmentFactory, live_flow

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, serialized_rollback=True)]
EDIT = "/journeys/map/five-stage/edit/"


def order() -> list[str]:
    return list(Stage.objects.filter(journey__slug="five-stage").order_by("rank").values_list("slug", flat=True))


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "th")])
def test_every_page_can_be_used_by_everybody(open_as: Open, theme: str, language: str) -> None:
    page = open_as(User.Role.ADMIN, theme=theme, language=language)
    flow, now = live_flow(PAUSE), timezone.now()
    EnrolmentFactory.create(flow=flow, is_paused=True, due_at=now)
    versions.pause(flow, now=now)
    segments.create_segment(name="VIP", rule={"tag": "vip"}, actor=None, now=now)
    rule = StageRule.objects.exclude(history=[]).earliest("pk")
    Task.objects.create(title="Call", outcomes=["reached", "busy"])
    addresses = [
        "/journeys/new/", EDIT, "/journeys/map/five-stage/stages/purchase/remove/", f"/journeys/rules/{rule.pk}/",
        f"/journeys/flows/{flow.slug}/resume/", f"/journeys/flows/{flow.slug}/resume/?per_minute=0",
        "/segments/vip/", "/",
    ]  # fmt: skip
    assert [fault for address in addresses for fault in faults(page, address)] == []


def test_a_journey_is_made_and_its_stages_put_in_order_with_the_keyboard(manager: Page) -> None:
    manager.goto("/journeys/new/")
    manager.get_by_label("Name", exact=True).fill("Club")
    manager.get_by_label("Slug").fill("club")
    manager.get_by_label("Usage loop: Awareness").check()
    manager.get_by_role("button", name="Make the journey").press("Enter")
    expect(manager.get_by_role("heading", name="Club", level=1)).to_be_visible()
    assert Journey.objects.get(slug="club").stages.count() == 5

    manager.goto(EDIT)
    manager.get_by_role("button", name="Put Purchase earlier").press("Enter")
    expect(manager.locator(".stage-line").nth(1)).to_contain_text("Purchase")
    assert order() == ["awareness", "purchase", "consideration", "retention", "advocacy"]


def test_a_stage_is_dragged_to_another_place(manager: Page) -> None:
    manager.goto(EDIT)
    lines = manager.locator(".stage-line")
    lines.nth(4).drag_to(lines.nth(0), source_position={"x": 60, "y": 8}, target_position={"x": 60, "y": 8})
    expect(lines.nth(0)).to_contain_text("Advocacy")
    assert order()[0] == "advocacy"


def test_resuming_counts_beforehand_as_one_types_and_then_does_it(manager: Page) -> None:
    flow, now = live_flow(PAUSE), timezone.now()
    for _ in range(3):
        EnrolmentFactory.create(flow=flow, is_paused=True, due_at=now)
    versions.pause(flow, now=now)
    manager.goto(f"/journeys/flows/{flow.slug}/")
    manager.get_by_role("link", name="Resume…").click()
    expect(manager.locator("#prospect")).to_contain_text("3 go on at once")
    manager.get_by_label("Let so many go on each minute").fill("2")
    expect(manager.locator("#prospect")).to_contain_text("2 go on at once")
    expect(manager.locator("#prospect")).to_contain_text("1 goes on later")
    manager.get_by_role("button", name="Resume", exact=True).click()
    expect(manager.locator("h1 .pill")).to_have_text("live")


def test_what_came_of_a_task_is_said_on_today(manager: Page) -> None:
    Task.objects.create(title="Call", outcomes=["reached", "busy"])
    manager.goto("/")
    manager.get_by_role("group", name="What came of it: Call").get_by_role("button", name="busy").click()
    expect(manager.get_by_role("group", name="What came of it: Call")).to_have_count(0)
    assert Task.objects.get().outcome == "busy"
