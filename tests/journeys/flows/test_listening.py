from __future__ import annotations

from threading import Thread
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from crm.events import log
from crm.events.signals import events_recorded
from crm.models import Customer
from crm.services import consents
from journeys.flows import enrolment, listening, runner
from journeys.models import Enrolment, StepVisit
from messaging.models import Message
from tests.factories.crm import NOON, CustomerFactory, TicketFactory
from tests.factories.journeys import PAUSE, live_flow
from tests.journeys.happenings import day, happens, run_of, told

pytestmark = pytest.mark.django_db

CART = {"event": "Checkout Started"}


@pytest.fixture
def customer() -> Customer:
    return CustomerFactory.create()


def send(id_: str, **rest: Any) -> dict[str, Any]:
    return {"id": id_, "type": "send", "channel": "sms", "topic": "after_sales", "body": "Hi", **rest}


def answer(**rest: Any) -> dict[str, Any]:
    return {"id": "answer", "type": "wait_event", "event": "Product Reviewed", "timeout": "P5D", "else": [], **rest}


def ended(customer: Customer) -> tuple[str, str]:
    run = run_of(customer)
    return run.state, run.reason


# --- exits ------------------------------------------------------------------------------------


def test_an_exit_event_ends_the_run_at_once_in_the_middle_of_a_wait(customer: Customer) -> None:
    live_flow(PAUSE, trigger=CART, exits=[{"event": "Order Completed"}])
    happens(customer, "Checkout Started", day(1))
    happens(customer, "Order Completed", day(1.5))
    run = run_of(customer)
    assert (run.state, run.reason, run.due_at, run.ended_at) == ("exited", "Order Completed", None, day(1.5))
    visit = StepVisit.objects.get()
    assert (visit.step, visit.outcome, visit.detail) == ("pause", "left", {"reason": "Order Completed"})
    assert runner.run_due(now=day(9), limit=10).total() == 0


def test_an_exit_with_other_properties_ends_nothing(customer: Customer) -> None:
    exits = [{"event": "Order Completed", "where": [{"property": "total", "op": "gt", "value": 100}]}]
    live_flow(trigger=CART, exits=exits)
    happens(customer, "Checkout Started", day(1))
    happens(customer, "Order Completed", day(1.5), total="99")
    assert ended(customer) == ("active", "")


def test_an_exit_that_occurred_before_the_entry_ends_nothing(customer: Customer) -> None:
    live_flow(trigger=CART, exits=[{"event": "Order Completed"}])
    happens(customer, "Checkout Started", day(1))
    happens(customer, "Order Completed", day(0.5), known=day(1.2))
    assert ended(customer) == ("active", "")


def test_an_event_of_one_order_ends_only_the_run_of_that_order(customer: Customer) -> None:
    live_flow(
        trigger={"event": "Order Delivered"}, reentry={"policy": "once", "key": "properties.order_id"},
        exits=[{"event": "Order Refunded"}],
    )  # fmt: skip
    for order in ("A", "B"):
        happens(customer, "Order Delivered", day(1), order_id=order)
    happens(customer, "Order Refunded", day(2), order_id="A")
    assert dict(Enrolment.objects.values_list("key", "state")) == {"A": "exited", "B": "active"}
    happens(customer, "Order Refunded", day(2))
    assert dict(Enrolment.objects.values_list("key", "state")) == {"A": "exited", "B": "exited"}


def test_the_event_that_ends_one_run_begins_the_next(customer: Customer) -> None:
    live_flow(
        trigger={"event": "Order Completed"}, reentry={"policy": "after_exit"}, exits=[{"event": "Order Completed"}]
    )
    happens(customer, "Order Completed", day(1))
    happens(customer, "Order Completed", day(2))
    runs = Enrolment.objects.order_by("pk")
    assert [(run.state, run.entered_at) for run in runs] == [("exited", day(1)), ("active", day(2))]


def test_an_open_complaint_ends_the_run_by_rule_in_its_own_transaction(customer: Customer) -> None:
    live_flow(trigger=CART, exits=[{"rule": {"ticket": {"open": True, "kind": "after_sales"}}}])
    happens(customer, "Checkout Started", day(1))
    TicketFactory.create(customer=customer, kind="enquiry", opened_at=day(1.2))
    assert ended(customer) == ("active", "")
    TicketFactory.create(customer=customer, kind="after_sales", opened_at=day(1.3))
    assert ended(customer) == ("exited", "exit rule")


def test_an_exit_of_somebody_else_ends_nothing_here(customer: Customer) -> None:
    live_flow(trigger=CART, exits=[{"event": "Order Completed"}])
    happens(customer, "Checkout Started", day(1))
    happens(CustomerFactory.create(), "Order Completed", day(1.5))
    assert ended(customer) == ("active", "")


# --- goals ------------------------------------------------------------------------------------

GOAL = {"event": "Order Completed", "within": "P7D"}


def test_reaching_the_goal_ends_the_run_and_counts(customer: Customer) -> None:
    live_flow(trigger=CART, goal=GOAL)
    happens(customer, "Checkout Started", day(1))
    happens(customer, "Order Completed", day(1.5))
    assert ended(customer) == ("exited", "goal reached")
    assert run_of(customer).goal_at == day(1.5)


def test_the_goal_counts_after_the_run_is_over_while_its_time_lasts(customer: Customer) -> None:
    live_flow(send("hi"), trigger=CART, goal=GOAL)
    happens(customer, "Checkout Started", day(1))
    runner.run_due(now=day(1), limit=10)
    happens(customer, "Order Completed", day(4))
    run = run_of(customer)
    assert (run.state, run.goal_at, run.ended_at) == ("completed", day(4), day(1))


def test_a_goal_after_its_time_does_not_count(customer: Customer) -> None:
    live_flow(send("hi"), trigger=CART, goal=GOAL)
    happens(customer, "Checkout Started", day(1))
    runner.run_due(now=day(1), limit=10)
    happens(customer, "Order Completed", day(8.1))
    assert run_of(customer).goal_at is None


def test_the_goal_is_counted_for_those_held_out_too(customer: Customer) -> None:
    live_flow(trigger=CART, goal=GOAL, holdout=90)
    held = next(one for one in [customer, *CustomerFactory.create_batch(20)] if _enters_held_out(one))
    happens(held, "Order Completed", day(2))
    run = run_of(held)
    assert (run.state, run.goal_at) == ("held_out", day(2))


def _enters_held_out(customer: Customer) -> bool:
    happens(customer, "Checkout Started", day(1))
    return run_of(customer).state == "held_out"


def test_a_goal_that_the_run_is_waiting_for_counts_and_the_waiting_step_has_its_say(customer: Customer) -> None:
    live_flow(answer(then=[send("thank")]), trigger=CART, goal={"event": "Product Reviewed"})
    happens(customer, "Checkout Started", day(1))
    runner.run_due(now=day(1), limit=10)
    happens(customer, "Product Reviewed", day(2))
    runner.run_due(now=day(2), limit=10)
    run = run_of(customer)
    assert (run.state, run.goal_at) == ("completed", day(2))
    assert list(StepVisit.objects.order_by("pk").values_list("step", "outcome")) == [
        ("answer", "heard"), ("thank", "queued"),
    ]  # fmt: skip


# --- consent and reach ------------------------------------------------------------------------


def test_withdrawn_consent_ends_a_run_that_has_nothing_else_left_to_say(customer: Customer) -> None:
    live_flow(PAUSE, send("offer", topic="promotions"), trigger=CART)
    happens(customer, "Checkout Started", day(1))
    consents.record_consents(customer, {"sms": {"promotions": "out"}}, via="keyword", now=day(1.5))
    assert ended(customer) == ("exited", "consent withdrawn")


def test_withdrawn_consent_leaves_a_run_alone_that_can_still_be_read_elsewhere(customer: Customer) -> None:
    live_flow(PAUSE, send("offer", topic="promotions", fallback=["email"]), trigger=CART)
    happens(customer, "Checkout Started", day(1))
    consents.record_consents(customer, {"sms": {"promotions": "out"}}, via="keyword", now=day(1.5))
    assert ended(customer) == ("active", "")
    consents.record_consents(customer, {"email": {"promotions": "out"}}, via="link", now=day(1.6))
    assert ended(customer) == ("exited", "consent withdrawn")


def test_messages_behind_a_run_are_no_reason_to_end_it(customer: Customer) -> None:
    live_flow(send("offer", topic="promotions"), PAUSE, trigger=CART)
    happens(customer, "Checkout Started", day(1))
    runner.run_due(now=day(1), limit=10)
    consents.record_consents(customer, {"sms": {"promotions": "out"}}, via="keyword", now=day(1.5))
    assert ended(customer) == ("active", "")


def test_giving_consent_ends_nothing(customer: Customer) -> None:
    live_flow(PAUSE, send("offer", topic="promotions"), trigger=CART)
    happens(customer, "Checkout Started", day(1))
    consents.record_consents(customer, {"sms": {"promotions": "in"}}, via="form", now=day(1.5))
    assert ended(customer) == ("active", "")


@pytest.mark.parametrize(("if_unreachable", "state"), [("go_on", "active"), ("exit", "exited")])
def test_a_message_that_finds_no_address_ends_the_run_only_where_the_step_says_so(
    if_unreachable: str, state: str
) -> None:
    customer = CustomerFactory.create(phone="")
    live_flow(send("hi", if_unreachable=if_unreachable), PAUSE, trigger=CART)
    happens(customer, "Checkout Started", day(1))
    runner.run_due(now=day(1), limit=10)
    assert Message.objects.get().reason == "unreachable"
    assert run_of(customer).state == state


# --- waking -----------------------------------------------------------------------------------


def test_an_awaited_event_makes_the_run_due_at_once(customer: Customer) -> None:
    live_flow(answer(then=[send("thank")], **{"else": [send("remind")]}), trigger=CART)
    happens(customer, "Checkout Started", day(1))
    runner.run_due(now=day(1), limit=10)
    run = run_of(customer)
    assert (run.stand, run.awaits, run.due_at) == ("event", "Product Reviewed", day(6))
    happens(customer, "Product Reviewed", day(3))
    run.refresh_from_db()
    assert (run.stand, run.awaits, run.due_at) == ("time", "", day(3))
    runner.run_due(now=day(3), limit=10)
    assert Message.objects.get().cause["step"] == "thank"


def test_an_event_of_another_order_wakes_nobody(customer: Customer) -> None:
    live_flow(answer(), trigger={"event": "Order Delivered"}, reentry={"policy": "once", "key": "properties.order_id"})
    happens(customer, "Order Delivered", day(1), order_id="A")
    runner.run_due(now=day(1), limit=10)
    happens(customer, "Product Reviewed", day(2), order_id="B")
    assert run_of(customer).stand == "event"
    happens(customer, "Product Reviewed", day(2), order_id="A")
    assert run_of(customer).stand == "time"


def test_a_review_that_arrives_late_but_was_written_in_time_stops_the_reminder(customer: Customer) -> None:
    live_flow(
        answer(then=[send("thank")], **{"else": [{**PAUSE, "id": "grace"}, send("remind")]}),
        trigger=CART,
    )
    happens(customer, "Checkout Started", day(1))
    for now in (day(1), day(6)):
        runner.run_due(now=now, limit=10)
    assert run_of(customer).step == "grace"
    happens(customer, "Product Reviewed", day(5), known=day(6.5))
    runner.run_due(now=day(6.5), limit=10)
    runner.run_due(now=day(9), limit=10)
    assert [message.cause["step"] for message in Message.objects.all()] == ["thank"]
    visits = StepVisit.objects.order_by("pk").values_list("step", "visit", "outcome")
    assert list(visits) == [
        ("answer", 1, "timed_out"), ("grace", 1, "overtaken"), ("answer", 2, "heard"), ("thank", 2, "queued"),
    ]  # fmt: skip


def test_an_answer_in_the_same_batch_and_at_the_same_instant_as_the_entry_is_heard(customer: Customer) -> None:
    live_flow(answer(then=[send("thank")]), trigger=CART)
    log.record_many(
        [told(customer, "Checkout Started", day(1)), told(customer, "Product Reviewed", day(1))], now=day(1)
    )
    runner.run_due(now=day(1), limit=10)
    assert list(StepVisit.objects.order_by("pk").values_list("step", "outcome")) == [
        ("answer", "heard"), ("thank", "queued"),
    ]  # fmt: skip


def test_a_run_does_not_hear_the_event_that_started_it(customer: Customer) -> None:
    live_flow(answer(), trigger={"event": "Product Reviewed"}, reentry={"policy": "once"})
    happens(customer, "Product Reviewed", day(1))
    runner.run_due(now=day(1.1), limit=10)
    assert run_of(customer).stand == "event"


def test_hearing_the_same_event_again_changes_nothing(customer: Customer) -> None:
    live_flow(answer(), trigger=CART)
    happens(customer, "Checkout Started", day(1))
    runner.run_due(now=day(1), limit=10)
    event = happens(customer, "Product Reviewed", day(2))
    before = Enrolment.objects.values().get()
    assert listening.hear([event], now=day(3)) == {}
    assert Enrolment.objects.values().get() == before


def test_a_wake_and_an_entry_that_is_due_ring_for_the_worker_and_a_wait_does_not(
    customer: Customer, django_capture_on_commit_callbacks: Any
) -> None:
    live_flow(PAUSE, trigger=CART)
    live_flow(answer(), trigger={"event": "Order Paid"})

    def rings(name: str, at: float) -> int:
        with django_capture_on_commit_callbacks() as callbacks:
            happens(customer, name, day(at))
        runner.run_due(now=day(at), limit=10)
        return len(callbacks)

    assert rings("Checkout Started", 1) == 0
    assert rings("Page Viewed", 1.5) == 0
    assert rings("Order Paid", 2) == 1
    assert rings("Product Reviewed", 3) == 1


# --- cost -------------------------------------------------------------------------------------


def test_events_that_no_run_listens_to_cost_a_look_and_no_lock(customer: Customer) -> None:
    live_flow(trigger=CART, exits=[{"event": "Order Completed"}])
    happens(customer, "Checkout Started", day(1))
    event = happens(customer, "Page Viewed", day(1.2))
    with CaptureQueriesContext(connection) as captured:
        assert listening.hear([event], now=day(1.2)) == {}
    assert len(captured) == 2


def test_hearing_costs_the_same_number_of_queries_whatever_the_batch() -> None:
    flow = live_flow(
        answer(), exits=[{"event": "Order Completed"}, {"rule": {"tag": "out"}}], goal={"event": "Order Paid"}
    )

    def cost(size: int) -> int:
        people = CustomerFactory.create_batch(size)
        enrolment.enrol_by_hand(flow, people, now=NOON)
        runner.run_due(now=NOON, limit=1000)
        names = ("Product Reviewed", "Order Completed", "Order Paid")
        receivers, events_recorded.receivers = events_recorded.receivers, {}
        events = log.record_many(
            [told(one, names[number % 3], day(1)) for number, one in enumerate(people)], now=day(1)
        )
        events_recorded.receivers = receivers
        with CaptureQueriesContext(connection) as captured:
            assert listening.hear(events, now=day(1)).total() == size
        return sum("SAVEPOINT" not in query["sql"] for query in captured.captured_queries)

    few = cost(3)
    assert cost(60) == few
    assert few <= 8


# --- what is queued already -------------------------------------------------------------------


def test_a_message_that_has_not_left_yet_is_taken_back_when_its_run_ends(customer: Customer) -> None:
    live_flow(send("remind"), PAUSE, trigger=CART, exits=[{"event": "Order Completed"}])
    happens(customer, "Checkout Started", day(1))
    runner.run_due(now=day(1), limit=10)
    happens(customer, "Order Completed", day(1.1))
    message = Message.objects.get()
    assert (message.state, message.reason) == ("cancelled", "stopped")


def test_the_last_message_of_a_run_that_is_complete_is_taken_back_too(customer: Customer) -> None:
    live_flow(send("remind"), trigger=CART, exits=[{"event": "Order Completed"}])
    happens(customer, "Checkout Started", day(1))
    runner.run_due(now=day(1), limit=10)
    assert ended(customer) == ("completed", "")
    happens(customer, "Order Completed", day(1.1))
    assert ended(customer) == ("completed", "")
    assert Message.objects.get().state == "cancelled"


def test_messages_of_other_runs_and_messages_that_left_stay(customer: Customer) -> None:
    live_flow(send("remind"), PAUSE, trigger=CART, exits=[{"event": "Order Completed"}])
    live_flow(send("other"), PAUSE, trigger=CART)
    happens(customer, "Checkout Started", day(1))
    runner.run_due(now=day(1), limit=10)
    Message.objects.filter(cause__step="remind").update(state="sent", wire_at=day(1))
    happens(customer, "Order Completed", day(1.1))
    assert set(Message.objects.values_list("cause__step", "state")) == {("remind", "sent"), ("other", "queued")}


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_an_exit_that_meets_the_runner_at_work_waits_for_it_and_still_ends_the_run() -> None:
    live_flow(PAUSE, {**PAUSE, "id": "more"}, trigger=CART, exits=[{"event": "Order Completed"}])
    customer = CustomerFactory.create()
    happens(customer, "Checkout Started", day(1))

    def order() -> None:
        happens(customer, "Order Completed", day(2))
        connections.close_all()

    with transaction.atomic():
        # The runner's own locks, held while the order comes in.
        list(Enrolment.objects.due(day(2)).locked(skip=True))
        worker = Thread(target=order)
        worker.start()
        assert runner.run_due(now=day(2), limit=10) == {"resting": 1}
    worker.join()
    assert ended(customer) == ("exited", "Order Completed")
    assert list(StepVisit.objects.order_by("pk").values_list("step", "outcome")) in (
        [("pause", "waited"), ("more", "left")],
        [("pause", "left")],
    )
