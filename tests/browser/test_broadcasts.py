"""A broadcast from an empty form to its results, with a mouse; and its pages for everybody."""

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm.models import Segment, User
from messaging.broadcasts import launch, work
from messaging.models import Broadcast, ChannelSettings, Message
from messaging.outbox import sender
from tests.browser.conftest import Open
from tests.browser.test_accessibility import faults
from tests.factories.crm import NOON, UserFactory
from tests.factories.messaging import make_broadcast, make_people, topic

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True, serialized_rollback=True)]


def work_off() -> None:
    """What the worker would do."""
    now = timezone.now()
    ChannelSettings.objects.update(provider="sandbox")
    while work.work_due(now=now) + sum(sender.send_due(now=now, limit=100).values()):
        pass


def addresses() -> list[str]:
    """Every page of broadcasts, with something on it."""
    people = make_people(20)
    people[0].phone = ""
    people[0].save()
    ready = make_broadcast("Hello {{ customer.first_name }}", "Good day", number=1)
    faulty = make_broadcast("", number=2, rule={"segment": "gone"})
    asked = make_broadcast(number=3, approval_asked_at=NOON, approval_asked_by=UserFactory())
    trial = make_broadcast("One", "Two", number=4, test_share=50, winner_by="person", winner_goal="Order Completed")
    stopped = make_broadcast(number=5, state="paused", halt="too_many", started_at=NOON)
    launch.send_broadcast(trial, actor=UserFactory(), now=timezone.now())
    work_off()
    return [
        "/messages/broadcasts/", "/messages/broadcasts/?state=cancelled", "/messages/broadcasts/new/",
        *(f"/messages/broadcasts/{draft.public_id}/review/" for draft in (ready, faulty, asked)),
        f"/messages/broadcasts/{ready.public_id}/edit/", trial.get_absolute_url(), stopped.get_absolute_url(),
        f"{trial.get_absolute_url()}behind/?key=withheld",
    ]  # fmt: skip


@pytest.mark.parametrize(("theme", "language"), [("light", "en"), ("dark", "th")])
def test_every_page_of_broadcasts_can_be_used_by_everybody(open_as: Open, theme: str, language: str) -> None:
    page = open_as(User.Role.ADMIN, theme=theme, language=language, first_name="Anya")
    assert [fault for address in addresses() for fault in faults(page, address)] == []


def test_a_broadcast_is_written_looked_over_sent_and_watched(manager: Page) -> None:
    make_people(3)
    Segment.objects.create(slug="tea", name="Tea lovers", rule={})
    manager.goto("/messages/")
    manager.get_by_role("link", name="Broadcasts").click()
    manager.get_by_role("link", name="New broadcast").first.click()
    manager.get_by_label("Name").fill("Spring teas")
    manager.get_by_label("Segment", exact=True).select_option("tea")
    manager.get_by_label("Topic").select_option("after_sales")
    manager.get_by_label("Channel").select_option("sms")
    manager.locator("textarea[name=v1_body]").fill("Hello {{ customer.first_name }}, the spring teas are here")
    manager.get_by_role("button", name="Save and look it over").click()
    expect(manager.get_by_role("heading", name="Spring teas")).to_be_visible()
    expect(manager.get_by_text("Hello Customer, the spring teas are here").first).to_be_visible()

    asked: list[str] = []
    manager.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
    manager.get_by_role("button", name="Send to 3 people").click()
    expect(manager.locator(".toast")).to_contain_text("It goes to 3 people.")
    assert asked == ["Send to 3 people? This cannot be undone."]
    assert Broadcast.objects.get().state == "scheduled"

    work_off()
    expect(manager.locator("#progress")).to_contain_text("3 of 3 people")  # by itself
    expect(manager.locator("#progress h1")).to_contain_text("completed")
    manager.get_by_role("link", name="3 delivered").click()
    expect(manager.locator("#rows tbody tr")).to_have_count(3)
    assert Message.objects.filter(state="delivered").count() == 3


def test_what_does_not_apply_is_not_asked(manager: Page) -> None:
    manager.goto("/messages/broadcasts/new/")
    rule, subject, share = (
        manager.locator("[data-rule]"),
        manager.locator("[name=v1_subject]"),
        manager.get_by_label("Try"),
    )
    expect(rule).to_be_hidden()
    manager.get_by_label("whoever a rule holds for").check()
    expect(rule).to_be_visible()
    expect(manager.get_by_label("Segment", exact=True)).to_be_hidden()

    manager.get_by_label("Channel").select_option("sms")
    expect(subject).to_be_hidden()
    manager.locator("[name=v1_body]").press_sequentially("Sawasdee", delay=5)
    expect(manager.locator("#meter-A")).to_contain_text("1 segment")
    manager.get_by_role("group", name="Otherwise by").get_by_label("Email").check()
    expect(subject).to_be_visible()

    expect(share).to_be_hidden()
    manager.get_by_text("Text B").click()
    expect(share).to_be_visible()

    expect(manager.locator("[name=starts_at]")).to_be_hidden()
    manager.get_by_label("at one moment").check()
    expect(manager.locator("[name=starts_at]")).to_be_visible()
    expect(manager.locator("[name=local_date]")).to_be_hidden()


def test_a_second_person_approves_what_a_marketer_asks_for(open_as: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "ALONE", 2)
    make_people(3)
    draft = make_broadcast("Hello", topic=topic("after_sales"))
    marketer = open_as(User.Role.MARKETER, first_name="Ploy", username="ploy")
    marketer.goto(f"{draft.get_absolute_url()}review/")
    marketer.get_by_role("button", name="Ask for approval").click()
    expect(marketer.locator("h1")).to_contain_text("waits for approval")
    expect(marketer.get_by_role("button", name="Approve")).to_have_count(0)

    manager = open_as(User.Role.MANAGER, first_name="Mali", username="mali")
    manager.goto("/messages/broadcasts/")
    manager.get_by_role("link", name=draft.name).click()
    expect(manager.get_by_text("Ploy asks for approval.")).to_be_visible()
    manager.once("dialog", lambda dialog: dialog.accept())
    manager.get_by_role("button", name="Approve: send to 3 people").click()
    expect(manager.locator(".toast")).to_be_visible()
    draft.refresh_from_db()
    assert (draft.state, draft.approved_by) == ("scheduled", User.objects.get(username="mali"))
