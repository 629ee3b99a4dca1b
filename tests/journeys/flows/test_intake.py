"""Those whose trigger holds already when a flow is published."""

from __future__ import annotations

from typing import Any

import pytest

from crm.models import Segment, SegmentMember
from crm.services.customers import add_tags
from journeys.flows import intake, versions, work
from journeys.flows.definition import parse_definition
from journeys.models import Enrolment, Flow, Intake
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.journeys import PAUSE, FlowFactory
from tests.journeys.happenings import day, happens, run_of

pytestmark = pytest.mark.django_db

CART = {"event": "Checkout Started"}


def draft(trigger: dict[str, Any], **rest: Any) -> Flow:
    return FlowFactory.create(draft={"trigger": trigger, "steps": [PAUSE], **rest})


def publish(flow: Flow, at: float, *, backfill: bool = True) -> int:
    """Publish with a backfill; return how many it was said to let in."""
    said = intake.count(flow.draft, now=day(at))
    versions.publish(flow, actor=None, now=day(at), backfill=backfill)
    while work.work_due(now=day(at), limit=100):
        pass
    return said


def inside(flow: Flow) -> set[int]:
    return set(Enrolment.objects.filter(flow=flow).values_list("customer", flat=True))


def test_without_a_backfill_nobody_enters_who_came_before() -> None:
    happens(CustomerFactory.create(), "Checkout Started", day(1))
    flow = draft(CART)
    assert publish(flow, 2, backfill=False) == 1
    assert inside(flow) == set()


def test_those_with_such_an_event_in_the_last_thirty_days_enter_now_with_their_latest_event() -> None:
    recent, old, other = CustomerFactory.create_batch(3)
    for at in (1, 5):
        happens(recent, "Checkout Started", day(at), cart_id=f"c{at}")
    happens(old, "Checkout Started", day(-29))
    happens(other, "Page Viewed", day(5))
    flow = draft(CART)
    assert publish(flow, 6) == 1
    assert inside(flow) == {recent.pk}
    run = run_of(recent)
    assert (run.entered_at, run.context, run.due_at) == (day(6), {"event": {"cart_id": "c5"}}, day(7))


def test_each_order_of_a_flow_with_a_key_enters_apart() -> None:
    customer = CustomerFactory.create()
    for order in ("A", "B"):
        happens(customer, "Order Delivered", day(1), order_id=order)
    flow = draft({"event": "Order Delivered"}, reentry={"policy": "once", "key": "properties.order_id"})
    publish(flow, 2)
    assert sorted(Enrolment.objects.values_list("key", flat=True)) == ["A", "B"]


def test_whose_cart_became_an_order_before_the_backfill_is_over_at_once() -> None:
    customer = CustomerFactory.create()
    happens(customer, "Checkout Started", day(1))
    happens(customer, "Order Completed", day(2))
    publish(draft(CART, exits=[{"event": "Order Completed"}]), 3)
    assert (run_of(customer).state, run_of(customer).reason) == ("exited", "Order Completed")


def test_those_who_stand_in_the_stage_enter() -> None:
    buyer, looker = CustomerFactory.create_batch(2)
    happens(buyer, "Order Completed", day(1), order_id="A")
    happens(looker, "Checkout Started", day(1))
    flow = draft({"stage": {"journey": "five-stage", "stage": "purchase"}})
    assert publish(flow, 2) == 1
    assert inside(flow) == {buyer.pk}


def test_members_of_the_segment_enter() -> None:
    member, _other = CustomerFactory.create_batch(2)
    segment = Segment.objects.create(slug="vip", name="VIP", rule={"tag": "vip"})
    SegmentMember.objects.create(segment=segment, customer=member, since=NOON)
    flow = draft({"segment": "vip", "on": "enter"})
    assert publish(flow, 2) == 1
    assert (inside(flow), run_of(member).context) == ({member.pk}, {"event": {"segment": "vip"}})


@pytest.mark.parametrize("trigger", [{"manual": True}, {"date": {"attribute": "birthday"}}])
def test_of_people_and_the_calendar_nothing_holds_already(trigger: dict[str, Any]) -> None:
    CustomerFactory.create(birthday="1990-03-02")
    assert intake.count({"trigger": trigger, "steps": [PAUSE]}, now=NOON) == 0


def test_the_audience_is_asked_and_so_is_the_count() -> None:
    inside_, outside = CustomerFactory.create_batch(2)
    add_tags(inside_, ["vip"])
    for customer in (inside_, outside):
        happens(customer, "Checkout Started", day(1))
    flow = draft(CART, audience={"tag": "vip"})
    assert publish(flow, 2) == 1
    assert inside(flow) == {inside_.pk}


def test_the_same_event_enters_nobody_twice_by_a_second_backfill() -> None:
    customer = CustomerFactory.create()
    happens(customer, "Checkout Started", day(1))
    flow = draft(CART, reentry={"policy": "always"})
    publish(flow, 2)
    publish(flow, 3)
    assert Enrolment.objects.count() == 1


def test_many_people_enter_bit_by_bit_and_a_worker_that_dies_loses_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "CHUNK", 2)
    people = CustomerFactory.create_batch(5)
    for customer in people:
        happens(customer, "Checkout Started", day(1))
    flow = draft(CART)
    versions.publish(flow, actor=None, now=day(2), backfill=True)
    assert intake.go_on(now=day(2)) == 2
    with monkeypatch.context() as patch:
        patch.setattr(intake, "enrol_many", lambda entries, now: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            intake.go_on(now=day(2))
    assert [intake.go_on(now=day(2)) for _ in range(3)] == [2, 1, 0]
    assert inside(flow) == {one.pk for one in people}
    row = Intake.objects.get()
    assert (row.entered, row.done_at) == (5, day(2))


def test_a_backfill_of_a_flow_that_is_paused_goes_on_when_it_is_resumed() -> None:
    customer = CustomerFactory.create()
    happens(customer, "Checkout Started", day(1))
    flow = draft(CART)
    versions.publish(flow, actor=None, now=day(2), backfill=True)
    versions.pause(flow, now=day(2))
    assert intake.go_on(now=day(2)) == 0
    versions.resume(flow, now=day(3))
    assert intake.go_on(now=day(3)) == 1
    assert inside(flow) == {customer.pk}


def test_a_count_is_of_a_definition_that_can_be_read() -> None:
    assert parse_definition({"trigger": CART, "steps": [PAUSE]})
    with pytest.raises(ValueError, match="is missing"):
        intake.count({"trigger": CART}, now=NOON)
