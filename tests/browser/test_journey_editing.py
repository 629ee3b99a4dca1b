"""Journeys, stages and what belongs to them, edited in a real browser, with and without a mouse."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from crm.models import User
from journeys.models import Journey, Stage
from tests.browser.conftest import Open
from tests.browser.test_accessibility import faults

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, serialized_rollback=True)]
EDIT = "/journeys/map/five-stage/edit/"


def order() -> list[str]:
    return list(Stage.objects.filter(journey__slug="five-stage").order_by("rank").values_list("slug", flat=True))


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "th")])
def test_every_page_can_be_used_by_everybody(open_as: Open, theme: str, language: str) -> None:
    page = open_as(User.Role.ADMIN, theme=theme, language=language)
    addresses = ["/journeys/new/", EDIT, "/journeys/map/five-stage/stages/purchase/remove/"]
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
