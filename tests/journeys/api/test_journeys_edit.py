"""Journeys over the API: added, changed, and customers moved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from journeys.models import Journey, Position, Stage, StageMove
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import CustomerFactory, UserFactory
from tests.factories.journeys import JourneyFactory, StageFactory, StageRuleFactory, live_flow
from tests.journeys.happenings import happens, stands

pytestmark = pytest.mark.django_db

CLUB = {
    "slug": "club",
    "name": "Club",
    "at_risk_after": 30,
    "lapsed_after": 90,
    "stages": [{"slug": "guest", "name": "Guest"}, {"slug": "member", "name": "Member", "colour": 3}],
}
JOINED = {"name": "Joined", "events": ["Club Joined"], "where": [{"property": "paid", "op": "eq", "value": True}]}


def test_a_journey_is_added_with_its_stages_and_rules_and_moves_customers(api: Program) -> None:
    added = api.post("journeys/", CLUB)
    rules = api.put("journeys/club/stages/member/rules/", {"rules": [JOINED]})
    api.post(
        "events/", {"customer": {"email": "ploy@example.com"}, "event": "Club Joined", "properties": {"paid": True}}
    )
    customer = api.get("customers/?email=ploy@example.com").json()["results"][0]

    assert added.status_code == 201
    assert [(stage["slug"], stage["rank"]) for stage in added.json()["stages"]] == [("guest", 1), ("member", 2)]
    assert rules.json()["rules"][0] == {
        **JOINED, "name_th": "", "history": [], "priority": 100, "may_move_back": False, "active": True,
    }  # fmt: skip
    assert api.get("journeys/club/").json()["stages"][1]["rules"] == rules.json()["rules"]
    assert customer["stages"]["club"]["stage"] == "member"


def test_a_journey_is_changed_and_only_one_is_shown_first(api: Program) -> None:
    api.post("journeys/", CLUB)

    changed = api.patch("journeys/club/", {"name": "The club", "default": True, "active": False}).json()

    assert (changed["name"], changed["default"], changed["active"]) == ("The club", True, False)
    assert list(Journey.objects.filter(is_default=True).values_list("slug", flat=True)) == ["club"]


def test_a_stage_is_added_renamed_and_given_another_place(api: Program) -> None:
    api.post("journeys/", CLUB)

    added = api.put("journeys/club/stages/patron/", {"name": "Patron"})
    moved = api.put("journeys/club/stages/patron/", {"rank": 1})

    assert (added.status_code, added.json()["rank"]) == (201, 3)
    assert (moved.status_code, moved.json()["rank"], moved.json()["name"]) == (200, 1, "Patron")
    assert [stage["slug"] for stage in api.get("journeys/club/").json()["stages"]] == ["patron", "guest", "member"]
    assert faults(api.put("journeys/club/stages/another/", {})) == [("/name", "required")]


def test_a_stage_is_taken_away_and_its_people_go_where_it_is_said(api: Program) -> None:
    path = "journeys/five-stage/stages/purchase/"
    customer = CustomerFactory.create()
    happens(customer, "Order Completed", order_id="1")

    without, lost = api.call("DELETE", path), api.call("DELETE", path, {"move_to": "lost"})
    done = api.call("DELETE", path, {"move_to": "retention"})

    assert (without.status_code, faults(without)) == (400, [("/move_to", "invalid")])
    assert (lost.status_code, faults(lost)) == (400, [("/move_to", "unknown_stage")])
    assert (done.status_code, done.json()) == (200, {"moved": 1})
    assert stands(customer)[0] == "retention"  # type: ignore[index]
    assert api.call("DELETE", path).status_code == 404


def test_a_stage_that_a_flow_speaks_of_is_not_taken_away(api: Program) -> None:
    live_flow(trigger={"stage": {"journey": "five-stage", "stage": "advocacy"}})

    refused = api.call("DELETE", "journeys/five-stage/stages/advocacy/")

    assert refused.status_code == 409
    assert Stage.objects.filter(journey__slug="five-stage", slug="advocacy").exists()


def test_a_rule_that_stays_keeps_its_row_and_one_not_listed_goes(api: Program) -> None:
    stage = StageFactory.create(journey=JourneyFactory.create(slug="club"), slug="member")
    kept = StageRuleFactory.create(stage=stage, name="Joined")
    StageRuleFactory.create(stage=stage, name="Gone")

    api.put("journeys/club/stages/member/rules/", {"rules": [JOINED, {"name": "New", "events": ["X"]}]})

    assert set(stage.rules.values_list("name", flat=True)) == {"Joined", "New"}
    kept.refresh_from_db()
    assert kept.events == ["Club Joined"]


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({"name": "R"}, "/rules/0/events"),
        ({"name": "R", "events": []}, "/rules/0/events"),
        ({"name": "R", "events": ["X"], "where": [{"property": "a", "op": "like", "value": 1}]}, "/rules/0/where/0/op"),
        ({"name": "R", "events": ["X"], "history": [{"within": "a week"}]}, "/rules/0/history/0/within"),
        ({"name": "R", "events": ["X"], "colour": 1}, "/rules/0/colour"),
    ],
)
def test_a_rule_that_cannot_be_read_is_named_with_its_place(api: Program, rule: dict[str, Any], place: str) -> None:
    StageFactory.create(journey=JourneyFactory.create(slug="club"), slug="member")

    response = api.put("journeys/club/stages/member/rules/", {"rules": [rule]})

    assert response.status_code == 400
    assert [at for at, _ in faults(response)] == [place]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"slug": "five-stage"}, "/slug"),
        ({"slug": "No Slug"}, "/slug"),
        ({"stages": []}, "/stages"),
        ({"stages": [{"slug": "a", "name": "A"}, {"slug": "a", "name": "B"}]}, "/stages/1/slug"),
        ({"at_risk_after": 90, "lapsed_after": 30}, ""),
    ],
)
def test_what_no_journey_can_be_is_named_with_its_place(api: Program, change: dict[str, Any], place: str) -> None:
    response = api.post("journeys/", {**CLUB, **change})

    assert response.status_code == 400
    assert [at for at, _ in faults(response)] == [place]
    assert not Journey.objects.filter(slug="club").exists()


def test_a_customer_is_moved_with_a_note_and_held(api: Program) -> None:
    ploy = CustomerFactory.create()
    move = {
        "journey": "five-stage",
        "stage": "advocacy",
        "note": "Told all her friends",
        "hold_until": "2099-01-01T00:00:00Z",
    }

    body = api.post(f"customers/{ploy.public_id}/stage/", move).json()
    again = api.post(f"customers/{ploy.public_id}/stage/", move).json()

    assert (body["moved"], body["stages"]["five-stage"]["stage"]) == (True, "advocacy")
    assert again["moved"] is False
    assert (stands(ploy) or ("",))[0] == "advocacy"
    made = StageMove.objects.get(cause="staff")
    assert (made.note, made.cause, made.actor) == ("Told all her friends", "staff", None)
    assert Position.objects.get(journey__slug="five-stage").held_until == datetime(2099, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"journey": "nowhere"}, "/journey"),
        ({"stage": "nowhere"}, "/stage"),
        ({"note": "x" * 501}, "/note"),
        ({"hold_until": "2000-01-01T00:00:00Z"}, "/hold_until"),
        ({"hold_until": "soon"}, "/hold_until"),
    ],
)
def test_a_move_that_cannot_be_made_is_refused_with_its_place(api: Program, change: dict[str, Any], place: str) -> None:
    ploy = CustomerFactory.create()

    response = api.post(f"customers/{ploy.public_id}/stage/", {"journey": "five-stage", "stage": "advocacy", **change})

    assert response.status_code == 400
    assert [at for at, _ in faults(response)] == [place]
    assert not StageMove.objects.filter(cause="staff").exists()


def test_who_may_move_and_who_may_edit(api: Program) -> None:
    ploy = CustomerFactory.create()
    move = {"journey": "five-stage", "stage": "advocacy"}

    assert Program("journeys:read").post("journeys/", CLUB).status_code == 403
    assert Program("journeys:read").post(f"customers/{ploy.public_id}/stage/", move).status_code == 403
    assert Program("customers:write").post(f"customers/{ploy.public_id}/stage/", move).status_code == 200
    api.client.force_login(UserFactory.create(role="marketer"))
    address = f"/api/v1/customers/{ploy.public_id}/stage/"
    assert api.client.post(address, move, content_type="application/json").json()["code"] == "forbidden"
    assert api.client.post("/api/v1/journeys/", CLUB, content_type="application/json").status_code == 201
    nobody = "00000000-0000-4000-8000-000000000000"
    assert api.post(f"customers/{nobody}/stage/", move).status_code == 404
