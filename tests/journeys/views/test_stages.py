from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.models import Event, Tag, User
from journeys.models import Journey, Position, Stage, StageMove
from journeys.selectors import board
from tests.crm.views.conftest import SignIn
from tests.factories.crm import CustomerFactory, PurchaseFactory

pytestmark = pytest.mark.django_db


def position(customer, journey: str = "five-stage") -> str:  # type: ignore[no-untyped-def]
    return Position.objects.get(customer=customer, journey__slug=journey).stage.slug


def test_the_map_leads_from_each_number_to_its_customers(manager: Client) -> None:
    buyer, visitor = CustomerFactory(name="Buyer"), CustomerFactory(name="Visitor")
    PurchaseFactory(customer=buyer, placed_at=timezone.now())
    response = manager.get("/journeys/")
    counts = {entry["count"].stage.slug: entry for entry in response.context["stages"]}
    assert {slug: entry["count"].here for slug, entry in counts.items()} == {
        "awareness": 1, "consideration": 0, "purchase": 1, "retention": 0, "advocacy": 0,
    }  # fmt: skip
    listed = manager.get(counts["purchase"]["here"])
    assert [row.name for row in listed.context["page"].rows] == ["Buyer"]
    assert "In Purchase now" in listed.content.decode()
    assert visitor.name not in listed.content.decode()


def test_both_journeys_have_a_map_and_a_lost_one_has_none(manager: Client) -> None:
    CustomerFactory()
    page = manager.get("/journeys/map/usage-loop/").content.decode()
    assert "Repurchase" in page
    assert manager.get("/journeys/map/lost/").status_code == 404
    Journey.objects.update(is_active=False)
    assert "Every journey is switched off" in manager.get("/journeys/").content.decode()


def test_the_period_is_one_of_those_offered(manager: Client) -> None:
    CustomerFactory(created_at=timezone.now())
    assert not manager.get("/journeys/?days=90").context["sankey"].is_empty
    assert manager.get("/journeys/?days=13").status_code == 400


def test_an_empty_map_says_how_it_fills(manager: Client) -> None:
    assert "Nobody is on this journey yet" in manager.get("/journeys/").content.decode()


class TestTheStrip:
    def test_it_shows_where_the_customer_stands_with_the_evidence(self, manager: Client) -> None:
        customer = CustomerFactory()
        PurchaseFactory(customer=customer)
        page = manager.get(customer.get_absolute_url()).content.decode()
        strip = page[page.index("strip-card") : page.index("zone-who")]
        assert 'aria-current="step"' in strip
        assert "Placed an order" in strip
        assert "Move by hand" in strip

    def test_the_timeline_says_why_a_stage_was_reached(self, manager: Client) -> None:
        customer = CustomerFactory()
        PurchaseFactory(customer=customer)
        page = manager.get(customer.get_absolute_url() + "?only=stage").content.decode()
        assert "Awareness → Purchase" in page
        assert "Because: Placed an order" in page

    def test_the_list_has_the_stage_and_filters_by_health(self, manager: Client) -> None:
        customer = CustomerFactory(name="Ploy")
        Position.objects.filter(customer=customer).update(health="lapsed")
        page = manager.get("/customers/?health=lapsed").content.decode()
        assert "Awareness" in page
        assert [row.name for row in manager.get("/customers/?health=at_risk").context["page"].rows] == []


class TestMovingByHand:
    def test_a_move_keeps_note_and_hold_and_is_a_fact(self, manager: Client) -> None:
        customer = CustomerFactory()
        stage = Stage.objects.get(journey__slug="five-stage", slug="retention")
        until = (timezone.localdate() + timedelta(days=9)).isoformat()
        manager.post(
            reverse("journeys:move", args=[customer.public_id]),
            {"stage": stage.pk, "note": "Told us on the phone", "hold_until": until},
        )
        move = StageMove.objects.get(cause="staff")
        assert (position(customer), move.note, move.actor.first_name) == ("retention", "Told us on the phone", "Mali")
        assert Position.objects.get(customer=customer, journey=stage.journey).held_until > timezone.now()
        assert Event.objects.filter(name="Stage Changed", properties__cause="staff").count() == 1
        page = manager.get(customer.get_absolute_url()).content.decode()
        assert "Told us on the phone" in page
        assert "held until" in page

    def test_a_hold_in_the_past_moves_nobody(self, manager: Client) -> None:
        customer = CustomerFactory()
        stage = Stage.objects.get(journey__slug="five-stage", slug="retention")
        url = reverse("journeys:move", args=[customer.public_id])
        page = manager.post(url, {"stage": stage.pk, "hold_until": "2020-01-01"}, follow=True).content.decode()
        assert "A hold ends in the future." in page
        assert position(customer) == "awareness"

    @pytest.mark.parametrize("data", [{}, {"stage": 99999}, {"stage": "x"}])
    def test_a_stage_that_is_none_is_refused(self, manager: Client, data: dict[str, str]) -> None:
        customer = CustomerFactory()
        assert manager.post(reverse("journeys:move", args=[customer.public_id]), data).status_code == 400

    def test_viewers_and_marketers_move_nobody(self, sign_in: SignIn) -> None:
        customer = CustomerFactory()
        Tag.objects.create(name="x")
        for role in (User.Role.VIEWER, User.Role.MARKETER):
            client = sign_in(role)
            assert client.post(reverse("journeys:move", args=[customer.public_id]), {}).status_code == 403
            assert "Move by hand" not in client.get(customer.get_absolute_url()).content.decode()


class TestTheBoard:
    def test_everybody_stands_in_their_column_the_latest_first(self, manager: Client) -> None:
        buyer, early, late = (CustomerFactory(name=name) for name in ("Buyer", "Early", "Late"))
        PurchaseFactory(customer=buyer, placed_at=timezone.now())
        Position.objects.filter(customer=late).update(since=timezone.now())
        columns = {column.stage.slug: column for column, _url in manager.get("/journeys/board/").context["columns"]}
        assert [card.customer.name for card in columns["purchase"].cards] == ["Buyer"]
        assert [card.customer.name for card in columns["awareness"].cards] == [late.name, early.name]
        assert columns["advocacy"].cards == []

    def test_a_full_column_leads_to_all_of_its_people(
        self, manager: Client, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
    ) -> None:
        CustomerFactory.create_batch(5)
        monkeypatch.setattr(board, "CARDS", 2)
        with django_assert_max_num_queries(20):
            page = manager.get("/journeys/map/five-stage/board/").content.decode()
        assert "and 3 more" in page
        assert "/journeys/map/five-stage/people/?of=here&amp;stage=awareness" in page

    def test_a_card_is_moved_with_a_reason_and_the_board_comes_back(self, manager: Client) -> None:
        customer = CustomerFactory()
        stage = Stage.objects.get(journey__slug="five-stage", slug="advocacy")
        said = {"stage": stage.pk, "note": "Sang our praise.", "next": "/journeys/map/five-stage/board/"}
        response = manager.post(f"/journeys/customers/{customer.public_id}/move/", said)
        assert response.url == "/journeys/map/five-stage/board/"  # type: ignore[attr-defined]
        assert position(customer) == "advocacy"
        elsewhere = manager.post(
            f"/journeys/customers/{customer.public_id}/move/", {**said, "next": "https://evil.example/"}
        )
        assert elsewhere.url == customer.get_absolute_url()  # type: ignore[attr-defined]

    def test_who_may_not_move_anybody_only_looks(self, sign_in: SignIn) -> None:
        CustomerFactory()
        page = sign_in(User.Role.VIEWER).get("/journeys/board/").content.decode()
        assert "draggable" not in page

    def test_a_lost_journey_has_no_board(self, manager: Client) -> None:
        assert manager.get("/journeys/map/lost/board/").status_code == 404
        Journey.objects.update(is_active=False)
        assert "Every journey is switched off" in manager.get("/journeys/board/").content.decode()
