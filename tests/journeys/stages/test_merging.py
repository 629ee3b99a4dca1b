from __future__ import annotations

import pytest

from crm.models import Customer
from crm.services.merges import merge_customers
from journeys.models import Position, Stage, StageMove
from journeys.stages.moves import move_customers
from tests.factories.crm import NOON, CustomerFactory
from tests.journeys.happenings import day, happens, stands

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair() -> tuple[Customer, Customer]:
    survivor, loser = CustomerFactory.create_batch(2)
    return survivor, loser


def merge(survivor: Customer, loser: Customer) -> None:
    survivor.refresh_from_db()
    loser.refresh_from_db()
    merge_customers(survivor=survivor, loser=loser, reason="same phone", actor=None, now=day(20))


def test_the_survivor_stands_where_the_facts_of_both_put_them(pair: tuple[Customer, Customer]) -> None:
    survivor, loser = pair
    happens(survivor, "Order Completed", day(1), order_id="A")
    happens(loser, "Order Completed", day(3), order_id="B")
    merge(survivor, loser)
    # Two orders of two strangers are a second order of one person.
    assert stands(survivor) == ("retention", day(3))
    move = StageMove.objects.get(customer=survivor, to_stage__slug="retention")
    assert (move.cause, move.effective_at, move.recorded_at) == ("merge", day(3), day(20))
    assert move.from_stage is not None
    assert move.from_stage.slug == "purchase"


def test_the_loser_keeps_no_position_and_their_moves_are_the_survivors(pair: tuple[Customer, Customer]) -> None:
    survivor, loser = pair
    happens(loser, "Order Completed", day(3), order_id="B")
    merge(survivor, loser)
    assert not Position.objects.filter(customer=loser).exists()
    assert not StageMove.objects.filter(customer=loser).exists()
    assert stands(survivor) == ("purchase", day(3))
    assert Position.objects.filter(customer=survivor).count() == 2


def test_a_visitors_clicks_become_the_customers_evidence(pair: tuple[Customer, Customer]) -> None:
    survivor = pair[0]
    visitor = CustomerFactory.create(is_visitor=True, email="", phone="", name="")
    happens(visitor, "Product Viewed", day(1))
    happens(survivor, "Product Viewed", day(2))
    assert stands(survivor) == ("awareness", NOON)
    merge(survivor, visitor)
    assert stands(survivor) == ("consideration", day(2))


def test_a_decision_by_staff_on_either_record_stands(pair: tuple[Customer, Customer]) -> None:
    survivor, loser = pair
    happens(survivor, "Order Completed", day(1), order_id="A")
    stage = Stage.objects.get(journey__slug="five-stage", slug="consideration")
    move_customers([loser], stage=stage, actor=None, now=day(4), hold_until=day(30))
    merge(survivor, loser)
    assert stands(survivor) == ("consideration", day(4))
    assert Position.objects.get(customer=survivor, journey__slug="five-stage").held_until == day(30)
