from __future__ import annotations

from typing import Any

import pytest

from crm.models import Customer
from crm.services.merges import merge_customers
from journeys.flows import enrolment, runner
from journeys.models import Enrolment, Flow
from tests.factories.crm import CustomerFactory
from tests.factories.journeys import live_flow
from tests.journeys.happenings import day, happens

pytestmark = pytest.mark.django_db

ORDERS: dict[str, Any] = {
    "trigger": {"event": "Order Delivered"},
    "reentry": {"policy": "once", "key": "properties.order_id"},
}


@pytest.fixture
def pair() -> tuple[Customer, Customer]:
    survivor, loser = CustomerFactory.create_batch(2)
    return survivor, loser


def merge(survivor: Customer, loser: Customer) -> None:
    survivor.refresh_from_db()
    loser.refresh_from_db()
    merge_customers(survivor=survivor, loser=loser, reason="same phone", actor=None, now=day(2))


def states(flow: Flow) -> list[tuple[str, str, str]]:
    runs = Enrolment.objects.filter(flow=flow).order_by("entered_at", "pk")
    return [(run.key, run.state, run.reason) for run in runs]


def test_runs_move_with_the_survivor_and_go_on(pair: tuple[Customer, Customer]) -> None:
    survivor, loser = pair
    flow = live_flow(**ORDERS)
    happens(loser, "Order Delivered", day(1), order_id="A")
    merge(survivor, loser)
    run = Enrolment.objects.get()
    assert (run.customer, run.state, run.slot) == (survivor, "active", f"{survivor.pk}:A")
    assert runner.run_due(now=day(2), limit=10) == {"completed": 1}
    assert states(flow) == [("A", "completed", "")]


def test_of_two_runs_with_one_flow_and_key_the_older_stays(pair: tuple[Customer, Customer]) -> None:
    survivor, loser = pair
    flow = live_flow(**ORDERS)
    happens(loser, "Order Delivered", day(1), order_id="A")
    happens(survivor, "Order Delivered", day(1.5), order_id="A")
    happens(survivor, "Order Delivered", day(1.6), order_id="B")
    merge(survivor, loser)
    assert states(flow) == [
        ("A", "active", ""), ("A", "exited", "the same run of a merged record is older"), ("B", "active", ""),
    ]  # fmt: skip
    assert set(Enrolment.objects.values_list("customer", flat=True)) == {survivor.pk}


def test_who_has_been_through_a_flow_as_either_does_not_enter_it_again(pair: tuple[Customer, Customer]) -> None:
    survivor, loser = pair
    flow = live_flow()
    enrolment.enrol_by_hand(flow, [loser], now=day(0))
    runner.run_due(now=day(1), limit=10)
    merge(survivor, loser)
    survivor.refresh_from_db()
    assert enrolment.enrol_by_hand(flow, [survivor], now=day(3)) == []


def test_both_histories_are_kept(pair: tuple[Customer, Customer]) -> None:
    flow = live_flow()
    enrolment.enrol_by_hand(flow, pair, now=day(0))
    runner.run_due(now=day(1), limit=10)
    merge(*pair)
    assert states(flow) == [("", "completed", ""), ("", "completed", "")]
