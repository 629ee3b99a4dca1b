from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from crm.events import log
from crm.events.signals import events_recorded
from crm.models import Customer, Event, Shop
from journeys.flows import enrolment, holdout, runner, versions
from journeys.models import Enrolment, Flow
from messaging.models import Message
from tests.factories.crm import NOON, CustomerFactory, PurchaseFactory
from tests.factories.journeys import PAUSE, live_flow
from tests.journeys.happenings import day, happens, run_of, told

pytestmark = pytest.mark.django_db

CART = {"event": "Checkout Started"}
SEND = {"id": "hi", "type": "send", "channel": "sms", "topic": "after_sales", "body": "Hi"}


@pytest.fixture
def customer() -> Customer:
    return CustomerFactory.create()


def entries(customer: Customer) -> int:
    return Enrolment.objects.filter(customer=customer).count()


# --- triggers ---------------------------------------------------------------------------------


def test_an_event_enters_its_customer_with_the_event_as_context(customer: Customer) -> None:
    flow = live_flow(trigger=CART)
    event = happens(customer, "Checkout Started", day(1), cart_id="c1")
    run = run_of(customer)
    assert (run.flow, run.version, run.event_id) == (flow, flow.live_version, event.pk)
    assert run.context == {"event": {"cart_id": "c1"}}
    assert (run.entered_at, run.state) == (day(1), "active")


def test_an_event_with_other_properties_enters_nobody(customer: Customer) -> None:
    live_flow(trigger={**CART, "where": [{"property": "total", "op": "gte", "value": 1000}]})
    happens(customer, "Checkout Started", total="999.00")
    assert entries(customer) == 0
    happens(customer, "Checkout Started", total="1000.00")
    assert entries(customer) == 1


def test_entering_a_stage_starts_a_flow_and_entering_it_in_another_journey_does_not(customer: Customer) -> None:
    here = live_flow(trigger={"stage": {"journey": "usage-loop", "stage": "purchase"}})
    live_flow(trigger={"stage": {"journey": "usage-loop", "stage": "usage"}})
    happens(customer, "Order Completed", day(1), order_id="A")
    run = run_of(customer)
    assert (run.flow, run.entered_at, run.context["event"]["to"]) == (here, day(1), "purchase")


def test_a_flow_by_hand_is_started_by_no_event(customer: Customer) -> None:
    live_flow()
    happens(customer, "Checkout Started")
    assert entries(customer) == 0


def test_people_enter_by_hand_one_or_many_and_the_same_call_twice_is_one_entry() -> None:
    flow, people = live_flow(reentry={"policy": "always"}), CustomerFactory.create_batch(3)
    assert len(enrolment.enrol_by_hand(flow, people, now=NOON, token="call-1")) == 3
    assert enrolment.enrol_by_hand(flow, people, now=day(1), token="call-1") == []
    assert len(enrolment.enrol_by_hand(flow, people[:1], now=day(1), token="call-2")) == 1


@pytest.mark.parametrize("state", ["draft", "paused", "archived"])
def test_only_a_live_flow_takes_people_in(customer: Customer, state: str) -> None:
    flow = live_flow(trigger=CART)
    Flow.objects.filter(pk=flow.pk).update(state=state)
    flow.refresh_from_db()
    happens(customer, "Checkout Started")
    with pytest.raises(enrolment.NotLive):
        enrolment.enrol_by_hand(flow, [customer], now=NOON)
    assert entries(customer) == 0


def test_an_event_that_we_learn_of_more_than_three_days_late_starts_nothing(customer: Customer) -> None:
    live_flow(trigger=CART, reentry={"policy": "always"})
    happens(customer, "Checkout Started", NOON, known=NOON + timedelta(hours=72, seconds=1))
    assert entries(customer) == 0
    happens(customer, "Checkout Started", NOON, known=NOON + timedelta(hours=72))
    assert entries(customer) == 1


def test_who_was_merged_away_or_erased_enters_nothing() -> None:
    flow, survivor = live_flow(), CustomerFactory.create()
    merged = CustomerFactory.create(merged_into=survivor)
    erased = CustomerFactory.create(erased_at=NOON)
    assert enrolment.enrol_by_hand(flow, [merged, erased], now=NOON) == []


# --- audience ---------------------------------------------------------------------------------


def test_only_the_audience_enters() -> None:
    live_flow(trigger=CART, audience={"purchases": {"count": {"gte": 1}}})
    stranger, buyer = CustomerFactory.create(), PurchaseFactory.create().customer
    for customer in (stranger, buyer):
        happens(customer, "Checkout Started", day(1))
    assert (entries(stranger), entries(buyer)) == (0, 1)


def test_the_stage_a_customer_has_just_come_to_counts_for_the_audience(customer: Customer) -> None:
    audience = {"stage": {"journey": "five-stage", "in": ["purchase"]}}
    live_flow(trigger={"event": "Order Completed"}, audience=audience)
    happens(customer, "Order Completed", day(1), order_id="A")
    assert entries(customer) == 1


# --- re-entry ---------------------------------------------------------------------------------


def test_the_same_event_delivered_twice_enters_once(customer: Customer) -> None:
    live_flow(trigger=CART, reentry={"policy": "always"})
    draft = told(customer, "Checkout Started")
    for _ in range(2):
        log.record_many([draft], now=NOON)
    assert entries(customer) == 1


def test_reacting_to_a_recorded_event_again_enters_nobody_twice(customer: Customer) -> None:
    live_flow(trigger=CART, reentry={"policy": "always"})
    event = happens(customer, "Checkout Started")
    assert enrolment.enter_on([event], now=NOON) == []


def test_once_is_once_even_after_the_run_is_over(customer: Customer) -> None:
    live_flow(trigger=CART, reentry={"policy": "once"}, exits=[{"event": "Order Completed"}])
    happens(customer, "Checkout Started", day(1))
    happens(customer, "Order Completed", day(2))
    happens(customer, "Checkout Started", day(3))
    assert [run.state for run in Enrolment.objects.filter(customer=customer)] == ["exited"]


def test_after_exit_waits_until_no_run_is_under_way(customer: Customer) -> None:
    live_flow(trigger=CART, reentry={"policy": "after_exit"}, exits=[{"event": "Order Completed"}])
    happens(customer, "Checkout Started", day(1))
    happens(customer, "Checkout Started", day(2))
    assert entries(customer) == 1
    happens(customer, "Order Completed", day(3))
    happens(customer, "Checkout Started", day(4))
    assert entries(customer) == 2


def test_always_lets_several_runs_go_on_side_by_side(customer: Customer) -> None:
    live_flow(trigger=CART, reentry={"policy": "always"})
    for number in (1, 2):
        happens(customer, "Checkout Started", day(number))
    assert Enrolment.objects.active().filter(customer=customer).count() == 2


def test_a_cooldown_counts_from_the_last_entry_and_asks_that_its_run_be_over(customer: Customer) -> None:
    reentry = {"policy": "cooldown", "cooldown": "P7D"}
    live_flow(trigger=CART, reentry=reentry, exits=[{"event": "Order Completed"}])
    happens(customer, "Checkout Started", day(1))
    happens(customer, "Checkout Started", day(9))
    assert entries(customer) == 1
    happens(customer, "Order Completed", day(10))
    happens(customer, "Checkout Started", day(10.5))
    assert entries(customer) == 2
    happens(customer, "Order Completed", day(11))
    happens(customer, "Checkout Started", day(17))
    assert entries(customer) == 2
    happens(customer, "Checkout Started", day(17.5))
    assert entries(customer) == 3


def test_a_key_lets_one_customer_run_once_for_each_order(customer: Customer) -> None:
    live_flow(trigger={"event": "Order Completed"}, reentry={"policy": "once", "key": "properties.order_id"})
    for order in ("A", "B", "A"):
        happens(customer, "Order Completed", order_id=order)
    runs = Enrolment.objects.filter(customer=customer).order_by("pk")
    assert [(run.key, run.context["event"]["order_id"]) for run in runs] == [("A", "A"), ("B", "B")]


def test_within_one_batch_the_policy_holds_too(customer: Customer) -> None:
    live_flow(trigger=CART, reentry={"policy": "after_exit"})
    log.record_many([told(customer, "Checkout Started", day(number)) for number in (1, 1.1)], now=day(2))
    assert entries(customer) == 1


# --- what has happened since ------------------------------------------------------------------


@pytest.mark.parametrize("order_first", [False, True])
def test_an_order_ends_the_cart_before_it_in_whatever_order_they_arrive(customer: Customer, order_first: bool) -> None:
    live_flow(trigger=CART, exits=[{"event": "Order Completed"}])
    drafts = [told(customer, "Checkout Started", day(1)), told(customer, "Order Completed", day(1.1))]
    log.record_many(drafts[::-1] if order_first else drafts, now=day(2))
    run = run_of(customer)
    assert (run.state, run.reason, run.due_at) == ("exited", "Order Completed", None)


def test_a_cart_that_becomes_known_after_its_order_is_over_at_once(customer: Customer) -> None:
    live_flow(trigger=CART, exits=[{"event": "Order Completed"}])
    happens(customer, "Order Completed", day(2))
    happens(customer, "Checkout Started", day(1), known=day(3))
    assert (run_of(customer).state, run_of(customer).reason) == ("exited", "Order Completed")


def test_an_order_from_before_the_cart_ends_nothing(customer: Customer) -> None:
    live_flow(trigger=CART, exits=[{"event": "Order Completed"}])
    happens(customer, "Order Completed", day(1))
    happens(customer, "Checkout Started", day(2))
    assert run_of(customer).state == "active"


def test_a_goal_reached_between_entry_and_now_counts(customer: Customer) -> None:
    live_flow(trigger=CART, goal={"event": "Order Completed", "within": "P7D"})
    log.record_many([told(customer, "Checkout Started", day(1)), told(customer, "Order Completed", day(2))], now=day(3))
    run = run_of(customer)
    assert (run.state, run.reason, run.goal_at, run.goal_until) == ("exited", "goal reached", day(2), day(8))


# --- the first step, holdout, cost ------------------------------------------------------------


def test_a_flow_that_begins_by_waiting_is_put_to_rest_at_once(customer: Customer) -> None:
    live_flow(PAUSE, SEND, trigger=CART)
    happens(customer, "Checkout Started", day(1), known=day(1.5))
    run = run_of(customer)
    assert (run.stand, run.step, run.due_at) == ("time", "pause", day(2))


def test_a_flow_that_begins_by_sending_is_due_at_once(customer: Customer) -> None:
    live_flow(SEND, trigger=CART)
    happens(customer, "Checkout Started", day(1))
    run = run_of(customer)
    assert (run.stand, run.step, run.due_at) == ("start", "hi", day(1))


def test_a_holdout_is_sticky_recorded_and_never_runs() -> None:
    flow, people = live_flow(holdout=50), CustomerFactory.create_batch(40)
    enrolment.enrol_by_hand(flow, people, now=NOON)
    held = set(Enrolment.objects.filter(state="held_out").values_list("customer", flat=True))
    assert 5 < len(held) < 35
    assert held == {one.pk for one in people if holdout.is_held_out(flow.slug, one.pk, 50)}
    assert not Enrolment.objects.filter(state="held_out", due_at__isnull=False).exists()


def test_the_control_group_enters_every_flow_is_counted_for_its_goal_and_never_written_to() -> None:
    Shop.current()
    Shop.objects.update(control_group=50)
    goal = {"event": "Order Completed", "within": "P5D"}
    flows, people = [live_flow(SEND, goal=goal) for _ in range(2)], CustomerFactory.create_batch(40)
    for flow in flows:
        enrolment.enrol_by_hand(flow, people, now=NOON)
    watched = Enrolment.objects.filter(state="held_out", reason="control group")
    groups = [set(watched.filter(flow=flow).values_list("customer", flat=True)) for flow in flows]
    assert groups[0] == groups[1] == {one.pk for one in people if holdout.in_control_group(one.pk, 50)}
    assert 5 < len(groups[0]) < 35
    buyer = next(one for one in people if one.pk in groups[0])
    happens(buyer, "Order Completed", day(1))
    assert set(watched.filter(goal_at=day(1)).values_list("customer", "flow")) == {(buyer.pk, one.pk) for one in flows}
    runner.run_due(now=day(2), limit=500)
    assert not Message.objects.filter(customer__in=groups[0]).exists()
    assert Message.objects.count() == 2 * (40 - len(groups[0]))


def test_a_smaller_control_group_leaves_what_was_recorded() -> None:
    Shop.current()
    Shop.objects.update(control_group=50)
    flow, people = live_flow(reentry={"policy": "always"}), CustomerFactory.create_batch(12)
    enrolment.enrol_by_hand(flow, people, now=NOON)
    held = Enrolment.objects.filter(reason="control group").count()
    Shop.objects.update(control_group=0)
    enrolment.enrol_by_hand(flow, people, now=day(1))
    assert Enrolment.objects.filter(reason="control group").count() == held > 0
    assert Enrolment.objects.filter(state="active").count() == 24 - held


def test_a_published_change_is_for_those_who_enter_after_it() -> None:
    flow, (early, late) = live_flow(PAUSE), CustomerFactory.create_batch(2)
    enrolment.enrol_by_hand(flow, [early], now=NOON)
    flow.draft = {"trigger": {"manual": True}, "steps": [{**PAUSE, "for": "P9D"}]}
    flow.save()
    versions.publish(flow, actor=None, now=day(1))
    flow.refresh_from_db()
    enrolment.enrol_by_hand(flow, [late], now=day(1))
    assert [(run_of(one).version.number, run_of(one).due_at) for one in (early, late)] == [(1, day(1)), (2, day(10))]


def test_enrolling_costs_the_same_number_of_queries_whatever_the_batch() -> None:
    for number in range(3):
        live_flow(
            trigger=CART, reentry={"policy": "cooldown", "cooldown": "P1D"}, exits=[{"event": f"Exit {number}"}],
            audience={"not": {"tag": "no"}},
        )  # fmt: skip

    def cost(size: int) -> int:
        people: Sequence[Customer] = CustomerFactory.create_batch(size)
        receivers, events_recorded.receivers = events_recorded.receivers, {}
        events: list[Event] = log.record_many([told(one, "Checkout Started", day(1)) for one in people], now=day(1))
        events_recorded.receivers = receivers
        with CaptureQueriesContext(connection) as captured:
            assert len(enrolment.enter_on(events, now=day(1))) == 3 * size
        return sum("SAVEPOINT" not in query["sql"] for query in captured.captured_queries)

    cost(1)  # reads the definitions
    few = cost(2)
    assert cost(50) == few
    assert few <= 10


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_workers_that_see_the_same_moment_enter_a_customer_once() -> None:
    flow, customer = live_flow(trigger=CART, reentry={"policy": "after_exit"}), CustomerFactory.create()
    barrier = Barrier(2)

    def see(number: int) -> None:
        barrier.wait()
        happens(customer, "Checkout Started", day(number / 100))
        connections.close_all()

    for round_ in range(1, 6):
        workers = [Thread(target=see, args=(2 * round_ + part,)) for part in (0, 1)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert flow.enrolments.active().count() == 1
        flow.enrolments.all().delete()
