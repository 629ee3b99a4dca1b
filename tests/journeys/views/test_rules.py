"""The rules of a journey, read, edited, tried and applied to everybody."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from crm.models import User
from journeys import tasks
from journeys.models import Journey, Stage, StageRule
from journeys.stages import replaying
from journeys.stages.evidence import evidence_in_words
from tests.crm.views.conftest import SignIn
from tests.factories.crm import CustomerFactory
from tests.journeys.happenings import day, happens, stands

pytestmark = pytest.mark.django_db

NEW = "/journeys/map/five-stage/rules/new/"


def stage(slug: str) -> Stage:
    return Stage.objects.get(slug=slug, journey__slug="five-stage")


def said(**more: Any) -> dict[str, Any]:
    """A new rule as the form sends it: sharing a song is advocacy."""
    return {
        "stage": stage("advocacy").pk, "name": "Shared a song", "name_th": "", "priority": 50, "is_active": "on",
        "event-0-event": "Song Shared", "where-0-property": "", "where-0-op": "eq", "where-0-value": "",
        "earlier-0-event": "", "save": "1", **more,
    }  # fmt: skip


def test_every_rule_is_read_in_words(manager: Client) -> None:
    page = manager.get("/journeys/map/five-stage/rules/").content.decode()
    for rule in StageRule.objects.filter(stage__journey__slug="five-stage"):
        assert rule.name in page
    assert manager.get("/journeys/map/lost/rules/").status_code == 404


def test_what_a_rule_asks_is_said_plainly() -> None:
    rule = StageRule(
        events=["Order Completed"], where=[{"property": "total", "op": "gte", "value": 500}],
        history=[{"event": "Order Delivered", "ago": "P14D", "other": "order_id"}, {"at_least": 2, "within": "P7D"}],
    )  # fmt: skip
    assert evidence_in_words(rule) == (
        "Ordered (total at least 500), after “Order delivered” with another order_id at least 14 days before, "
        "2 times within 7 days"
    )


def test_a_new_rule_counts_for_what_happens_from_now_on(manager: Client) -> None:
    customer = CustomerFactory.create()
    happens(customer, "Song Shared", day(1))

    response = manager.post(NEW, said(**{"where-0-property": "stars", "where-0-op": "in", "where-0-value": "4, 5"}))

    assert response.url == "/journeys/map/five-stage/rules/"  # type: ignore[attr-defined]
    rule = StageRule.objects.get(name="Shared a song")
    assert (rule.events, rule.where, rule.history) == (
        ["Song Shared"], [{"property": "stars", "op": "in", "value": [4, 5]}], [],
    )  # fmt: skip
    assert stands(customer) == ("awareness", day(0))
    happens(customer, "Song Shared", day(2), stars=5)
    assert stands(customer) == ("advocacy", day(2))


def test_the_preview_names_who_would_move_and_saves_nothing(manager: Client) -> None:
    customer = CustomerFactory.create(name="Ploy")
    happens(customer, "Song Shared", day(1))
    CustomerFactory.create(name="Somchai")
    sent = said(preview="1")
    del sent["save"]

    page = manager.post(NEW, sent).content.decode()

    assert "1 customer would move" in page
    assert "Ploy" in page
    assert "Awareness → Advocacy" in page
    assert "Somchai" not in page
    assert not StageRule.objects.filter(name="Shared a song").exists()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"event-0-event": ""}, "Which fact is the evidence?"),
        ({"name": ""}, "This field is required."),
        (
            {"earlier-0-event": "Order Delivered", "earlier-0-within_n": "a", "earlier-0-within_unit": "weeks"},
            "Not a span",
        ),
        ({"where-0-property": "total", "where-0-op": "gte"}, "What must it be?"),
        ({"where-0-value": "5"}, "Of which property?"),
        ({"earlier-0-at_least": "0"}, "greater than or equal to 1"),
        ({"stage": "999999"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_said_where_it_is(manager: Client, fault: dict[str, str], message: str) -> None:
    response = manager.post(NEW, said(**fault))
    assert response.status_code == 422
    assert message in response.content.decode()
    assert not StageRule.objects.filter(name="Shared a song").exists()


def test_more_lines_keep_what_was_typed(manager: Client) -> None:
    sent = said(more="event")
    del sent["save"]
    response = manager.post(NEW, sent)
    assert response.status_code == 200
    assert [line["event"].value() for line in response.context["editor"].events.forms] == ["Song Shared", None]


def test_who_saves_what_somebody_else_has_changed_is_told_and_nothing_is_written_over(manager: Client) -> None:
    rule = StageRule.objects.filter(stage=stage("advocacy")).order_by("pk")[0]
    url = reverse("journeys:rule_edit", args=[rule.pk])
    sent = said(name="Mine", mark=manager.get(url).context["editor"].mark)
    StageRule.objects.filter(pk=rule.pk).update(priority=7)
    response = manager.post(url, sent)
    assert response.status_code == 409
    assert "Somebody else has just changed this rule" in response.content.decode()
    rule.refresh_from_db()
    assert (rule.priority, rule.name != "Mine") == (7, True)
    assert manager.post(url, {**sent, "mark": manager.get(url).context["editor"].mark}).status_code == 302


def test_everybody_is_judged_anew_by_the_worker(manager: Client) -> None:
    customer = CustomerFactory.create()
    happens(customer, "Product Shared", day(1))
    StageRule.objects.filter(stage=stage("advocacy")).update(is_active=False)

    assert manager.post("/journeys/map/five-stage/replay/").status_code == 302
    assert "0 of 1 customers" in manager.get("/journeys/map/five-stage/rules/").content.decode()
    assert tasks.replay_journeys() == "1 customers judged"

    assert stands(customer) == ("awareness", day(0))
    assert "1 position changed" in manager.get("/journeys/map/five-stage/rules/").content.decode()


def test_a_journey_that_is_switched_off_is_not_judged(manager: Client) -> None:
    Journey.objects.update(is_active=False)
    manager.post("/journeys/map/five-stage/replay/")
    assert not replaying.under_way().exists()


def test_sales_staff_read_the_rules_and_change_none(sign_in: SignIn) -> None:
    sales = sign_in(User.Role.SALES)
    rule = StageRule.objects.filter(stage__journey__slug="five-stage").first()
    assert rule is not None
    page = sales.get("/journeys/map/five-stage/rules/").content.decode()
    assert "Judge everybody anew" not in page
    assert sales.get(reverse("journeys:rule_edit", args=[rule.pk])).status_code == 403
    assert sales.post("/journeys/map/five-stage/replay/").status_code == 403
