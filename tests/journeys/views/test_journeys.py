"""Journeys made and edited in the browser."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import QuerySet
from django.test import Client

from crm.models import User
from crm.services import segments
from journeys.models import Journey, Stage, StageRule
from journeys.stages import editing
from tests.crm.views.conftest import SignIn
from tests.factories.crm import NOON, CustomerFactory
from tests.journeys.happenings import day, happens, stands

pytestmark = pytest.mark.django_db
NEW = "/journeys/new/"
EDIT = "/journeys/map/five-stage/edit/"
STAGES = "/journeys/map/five-stage/stages/"


def journey(slug: str = "five-stage") -> Journey:
    return Journey.objects.get(slug=slug)


def mark() -> str:
    return editing.mark_of(journey())


def order(slug: str = "five-stage") -> list[str]:
    return list(Stage.objects.filter(journey__slug=slug).order_by("rank").values_list("slug", flat=True))


def whole(**more: Any) -> dict[str, Any]:
    return {"mark": mark(), "name": "Ours", "name_th": "", "at_risk_after": 30, "lapsed_after": 90, "is_active": "on",
            "is_default": "on", **more}  # fmt: skip


def rules_of(journey: str, stage: str) -> QuerySet[StageRule]:
    return StageRule.objects.filter(stage__journey__slug=journey, stage__slug=stage)


class TestANewOne:
    def test_it_begins_like_a_preset_with_its_rules(self, manager: Client) -> None:
        sent = {"name": "Club", "name_th": "คลับ", "slug": "club", "start": "usage-loop", "stages": ""}
        assert manager.post(NEW, sent).url == "/journeys/map/club/edit/"  # type: ignore[attr-defined]
        assert order("club") == order("usage-loop")
        for slug in order("club"):
            rules = [
                list(rules_of(name, slug).order_by("pk").values_list("name", "events", "where", "history"))
                for name in ("club", "usage-loop")
            ]
            assert rules[0] == rules[1] != []
        assert not journey("club").is_default
        assert journey().is_default

    def test_it_begins_with_stages_of_its_own(self, manager: Client) -> None:
        sent = {"name": "Club", "slug": "club", "start": "", "stages": "Guest\n\n  สมาชิก \nสมาชิกทอง\nGuest"}
        assert manager.post(NEW, sent).status_code == 302
        assert list(journey("club").stages.order_by("rank").values_list("slug", "name", "rank", "colour")) == [
            ("guest", "Guest", 1, 1), ("stage", "สมาชิก", 2, 2), ("stage-2", "สมาชิกทอง", 3, 3),
            ("guest-2", "Guest", 4, 4),
        ]  # fmt: skip

    def test_its_slug_is_made_of_its_name_unless_given(self, manager: Client) -> None:
        for _again in range(2):
            manager.post(NEW, {"name": "Tea club", "slug": "", "start": "", "stages": "Guest"})
        assert list(Journey.objects.filter(name="Tea club").order_by("pk").values_list("slug", flat=True)) == [
            "tea-club", "tea-club-2",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("sent", "said"),
        [
            ({"slug": "five-stage"}, "There is a journey with this slug already."),
            ({"slug": "ก"}, "Small letters, digits, hyphens."),
            ({"slug": "club", "stages": " \n "}, "Name at least one stage."),
            ({"slug": "club", "stages": "x\n" * 31}, "A journey has at most 30 stages."),
            ({"slug": "club", "start": "lost", "stages": "x"}, "Select a valid choice"),
        ],
    )
    def test_what_is_wrong_is_said(self, manager: Client, sent: dict[str, str], said: str) -> None:
        response = manager.post(NEW, {"name": "Club", "start": "", "stages": "x", **sent})
        assert response.status_code == 422
        assert said in response.content.decode()
        assert Journey.objects.count() == 2


class TestTheWhole:
    def test_it_is_saved_and_shown_first_takes_that_from_the_other(self, manager: Client) -> None:
        page = manager.get("/journeys/map/usage-loop/edit/")
        sent = {**whole(mark=page.context["mark"]), "name": "Loop"}
        assert manager.post("/journeys/map/usage-loop/edit/", sent).status_code == 302
        assert [(it.slug, it.name, it.at_risk_after, it.is_default) for it in Journey.objects.order_by("slug")] == [
            ("five-stage", "Customer journey", 60, False), ("usage-loop", "Loop", 30, True),
        ]  # fmt: skip

    def test_what_cannot_be_is_refused_beside_the_form(self, manager: Client) -> None:
        response = manager.post(EDIT, whole(at_risk_after=90))
        assert response.status_code == 422
        assert "A customer is at risk before they have lapsed." in response.content.decode()
        assert manager.post(EDIT, whole(name="")).status_code == 422
        assert journey().name == "Customer journey"

    def test_who_comes_too_late_is_told_and_nothing_is_written_over(self, manager: Client) -> None:
        sent = whole(name="Mine")
        editing.put_stage(journey(), "purchase", name="Bought")
        response = manager.post(EDIT, sent)
        page = response.content.decode()
        assert response.status_code == 409
        assert "Somebody else has just changed this journey" in page
        assert 'value="Mine"' in page
        assert journey().name == "Customer journey"
        assert manager.post(EDIT, {**sent, "mark": response.context["mark"]}).status_code == 302
        assert journey().name == "Mine"

    def test_one_switched_off_can_be_switched_on_again(self, manager: Client) -> None:
        sent = whole()
        del sent["is_active"]
        manager.post(EDIT, sent)
        Journey.objects.filter(slug="usage-loop").update(is_active=False)
        assert not journey().is_active
        assert f'href="{EDIT}"' in manager.get("/journeys/").content.decode()
        assert manager.get(EDIT).status_code == 200

    def test_who_changed_what_is_told(self, manager: Client) -> None:
        manager.post(EDIT, whole(name="Ours"))
        changes = manager.get(EDIT).context["changes"]
        assert [(str(change.what), change.name, bool(change.who)) for change in changes][:1] == [
            ("journey changed", "Ours", True)
        ]


class TestStages:
    def test_one_is_added_behind_the_last(self, manager: Client) -> None:
        sent = {"mark": mark(), "name": "Friend of the house", "name_th": "", "slug": "", "colour": 2}
        assert manager.post(STAGES, sent).status_code == 302
        assert order()[-1] == "friend-of-the-house"
        twice = manager.post(STAGES, {**sent, "mark": mark(), "slug": "advocacy"})
        assert twice.status_code == 422
        assert "Another stage has this slug." in twice.content.decode()

    def test_one_is_renamed(self, manager: Client) -> None:
        sent = {"mark": mark(), "purchase-name": "Bought", "purchase-name_th": "", "purchase-colour": 6}
        assert manager.post(f"{STAGES}purchase/", sent).status_code == 302
        assert Stage.objects.filter(slug="purchase", name="Bought", colour=6).count() == 1
        wrong = manager.post(f"{STAGES}purchase/", {**sent, "mark": mark(), "purchase-name": ""})
        assert wrong.status_code == 422
        assert "<details" in wrong.content.decode()

    @pytest.mark.parametrize(
        ("stage", "place", "expected"),
        [
            ("purchase", "up", ["awareness", "purchase", "consideration", "retention", "advocacy"]),
            ("purchase", "down", ["awareness", "consideration", "retention", "purchase", "advocacy"]),
            ("advocacy", "1", ["advocacy", "awareness", "consideration", "purchase", "retention"]),
            ("awareness", "up", ["awareness", "consideration", "purchase", "retention", "advocacy"]),
            ("awareness", "99", ["consideration", "purchase", "retention", "advocacy", "awareness"]),
        ],
    )
    def test_they_change_places(self, manager: Client, stage: str, place: str, expected: list[str]) -> None:
        assert manager.post(f"{STAGES}{stage}/", {"mark": mark(), "place": place}).status_code == 302
        assert order() == expected

    @pytest.mark.parametrize("place", ["", "0", "-1", "x", "๑", "1.5", "9" * 40])
    def test_a_place_that_is_none_is_refused(self, manager: Client, place: str) -> None:
        assert manager.post(f"{STAGES}purchase/", {"mark": mark(), "place": place}).status_code == 400

    def test_one_button_pressed_on_an_old_page_moves_nothing(self, manager: Client) -> None:
        old = mark()
        manager.post(f"{STAGES}purchase/", {"mark": old, "place": "up"})
        before = order()
        assert manager.post(f"{STAGES}purchase/", {"mark": old, "place": "up"}).status_code == 409
        assert order() == before

    def test_a_rule_by_which_people_come_back_is_told(self, manager: Client) -> None:
        form = manager.get("/journeys/map/five-stage/rules/new/?stage=purchase&back=1").context["editor"].form
        assert form["may_move_back"].value() is True
        StageRule.objects.filter(stage__slug="purchase").update(may_move_back=True)
        assert "People come back here by:" in manager.get(EDIT).content.decode()


class TestTakingAStageAway:
    def test_the_people_go_where_one_chooses(self, manager: Client) -> None:
        customer = CustomerFactory.create()
        happens(customer, "Order Completed", day(1), order_id="1")
        url = f"{STAGES}purchase/remove/"
        assert "1 customer stands in this stage." in manager.get(url).content.decode()
        refused = manager.post(url, {"mark": mark(), "move_to": ""})
        assert (refused.status_code, stands(customer)) == (422, ("purchase", day(1)))
        target = Stage.objects.get(journey__slug="five-stage", slug="retention")
        page = manager.post(url, {"mark": mark(), "move_to": target.pk}, follow=True).content.decode()
        assert "“Purchase” is taken away; 1 customers moved on." in page
        assert "Purchase: stage taken away" in page
        assert stands(customer)[0] == "retention"  # type: ignore[index]
        assert manager.get("/journeys/map/five-stage/").status_code == 200
        assert manager.get(f"/customers/{customer.public_id}/").status_code == 200

    def test_one_that_others_speak_of_stays(self, manager: Client) -> None:
        rule = {"stage": {"journey": "five-stage", "in": ["advocacy"]}}
        segments.create_segment(name="Fans", rule=rule, actor=None, now=NOON)
        url = f"{STAGES}advocacy/remove/"
        page = manager.get(url).content.decode()
        assert '<a href="/segments/fans/">Fans</a> (segment)' in page
        assert manager.post(url, {"mark": mark()}).status_code == 422
        assert "advocacy" in order()

    def test_an_old_page_takes_nothing_away(self, manager: Client) -> None:
        assert manager.post(f"{STAGES}advocacy/remove/", {"mark": "old"}).status_code == 409
        assert "advocacy" in order()


@pytest.mark.parametrize("url", [NEW, EDIT, f"{STAGES}purchase/remove/"])
@pytest.mark.parametrize("role", [User.Role.SALES, User.Role.SUPPORT, User.Role.VIEWER])
def test_whoever_may_not_edit_journeys_is_refused(sign_in: SignIn, url: str, role: User.Role) -> None:
    client = sign_in(role)
    assert client.get(url).status_code == 403
    assert EDIT not in client.get("/journeys/").content.decode()
