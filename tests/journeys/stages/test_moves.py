from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.models import Customer, Event
from journeys.models import Journey, Position, Stage, StageMove
from journeys.stages.moves import InvalidMove, move_customers
from tests.factories.crm import NOON, CustomerFactory, UserFactory
from tests.factories.journeys import live_flow
from tests.journeys.happenings import day, happens, moves, run_of, stands

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer() -> Customer:
    return CustomerFactory.create()


def stage(slug: str, journey: str = "five-stage") -> Stage:
    return Stage.objects.get(journey__slug=journey, slug=slug)


def test_a_move_by_hand_says_who_when_and_why(customer: Customer) -> None:
    actor = UserFactory.create()
    [move] = move_customers([customer], stage=stage("retention"), actor=actor, note=" Regular ", now=day(1))
    move.refresh_from_db()
    assert move.from_stage == stage("awareness")
    assert (move.to_stage, move.cause, move.actor, move.note) == (stage("retention"), "staff", actor, "Regular")
    assert (move.effective_at, move.recorded_at) == (day(1), day(1))
    assert stands(customer) == ("retention", day(1))
    fact = Event.objects.get(customer=customer, name="Stage Changed", properties__cause="staff")
    assert (fact.properties["from"], fact.properties["to"]) == ("awareness", "retention")


def test_staff_may_move_back_and_later_facts_move_on_from_there(customer: Customer) -> None:
    happens(customer, "Order Completed", day(1), order_id="A")
    move_customers([customer], stage=stage("awareness"), actor=None, now=day(2))
    happens(customer, "Order Paid", day(3))
    assert stands(customer) == ("awareness", day(2))
    happens(customer, "Checkout Started", day(4))
    assert stands(customer) == ("consideration", day(4))


def test_a_fact_from_before_the_move_by_hand_does_not_overrule_it(customer: Customer) -> None:
    move_customers([customer], stage=stage("awareness"), actor=None, now=day(2))
    move_customers([customer], stage=stage("consideration"), actor=None, now=day(3))
    happens(customer, "Order Completed", day(2.5), known=day(4), order_id="A")
    assert stands(customer) == ("consideration", day(3))


def test_a_hold_keeps_the_customer_there_until_its_date(customer: Customer) -> None:
    move_customers([customer], stage=stage("consideration"), actor=None, now=day(1), hold_until=day(5))
    happens(customer, "Order Completed", day(2), order_id="A")
    assert stands(customer) == ("consideration", day(1))
    assert StageMove.objects.get(would_have=True).to_stage == stage("purchase")
    happens(customer, "Order Completed", day(6), order_id="B")
    assert stands(customer) == ("retention", day(6))


def test_moving_again_without_a_hold_lifts_it(customer: Customer) -> None:
    move_customers([customer], stage=stage("consideration"), actor=None, now=day(1), hold_until=day(5))
    assert move_customers([customer], stage=stage("consideration"), actor=None, now=day(2)) == []
    happens(customer, "Order Completed", day(3), order_id="A")
    assert stands(customer) == ("purchase", day(3))


def test_who_stands_there_already_is_not_moved_but_held(customer: Customer) -> None:
    assert move_customers([customer], stage=stage("awareness"), actor=None, now=day(1), hold_until=day(5)) == []
    assert Position.objects.get(customer=customer, journey__slug="five-stage").held_until == day(5)
    assert moves(customer) == ["awareness"]


def test_a_move_by_hand_starts_flows_of_that_stage(customer: Customer) -> None:
    live_flow(trigger={"stage": {"journey": "five-stage", "stage": "retention"}})
    move_customers([customer], stage=stage("retention"), actor=None, now=day(1))
    assert run_of(customer).entered_at == day(1)


def test_somebody_without_any_evidence_can_be_moved() -> None:
    visitor = CustomerFactory.create(is_visitor=True)
    move_customers([visitor], stage=stage("consideration"), actor=None, now=day(1))
    assert stands(visitor) == ("consideration", day(1))


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("note", {"note": "x" * 501}),
        ("hold_until", {"hold_until": NOON}),
    ],
)
def test_a_move_that_cannot_be_names_the_field(customer: Customer, field: str, changes: dict[str, object]) -> None:
    with pytest.raises(InvalidMove) as raised:
        move_customers([customer], stage=stage("purchase"), actor=None, now=NOON, **changes)  # type: ignore[arg-type]
    assert raised.value.field == field
    assert stands(customer) == ("awareness", NOON)


def test_nobody_moves_in_a_journey_that_is_switched_off_or_after_a_merge(customer: Customer) -> None:
    merged = CustomerFactory.create(merged_into=customer)
    with pytest.raises(InvalidMove) as raised:
        move_customers([merged], stage=stage("purchase"), actor=None, now=NOON)
    assert raised.value.field == "customers"
    Journey.objects.update(is_active=False)
    with pytest.raises(InvalidMove) as raised:
        move_customers([customer], stage=stage("purchase"), actor=None, now=NOON)
    assert raised.value.field == "stage"


def test_many_move_with_as_many_queries_as_one() -> None:
    def cost(size: int) -> int:
        people = CustomerFactory.create_batch(size)
        to = stage("retention")
        with CaptureQueriesContext(connection) as captured:
            assert len(move_customers(people, stage=to, actor=None, now=day(1))) == size
        return len(captured)

    cost(1)  # what is read once is remembered
    few = cost(2)
    assert cost(30) == few
