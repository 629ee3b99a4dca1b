"""What steps do to the shop, in batches."""

from __future__ import annotations

from typing import Any

import pytest

from crm.models import Customer, Event, Task, Ticket
from crm.services import work
from crm.services.customers import add_tags
from journeys.flows import enrolment, runner
from journeys.models import Enrolment, Flow, StageMove, StepVisit
from journeys.stages import moves
from messaging.models import Message
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.journeys import PAUSE, live_flow
from tests.journeys.happenings import day, happens, run_of, stands
from tests.journeys.happenings import moves as moves_of

pytestmark = pytest.mark.django_db

CART = {"event": "Checkout Started"}
ELSE = {"else": []}
RETAINED = {"event": "Stage Changed", "where": [{"property": "to", "op": "eq", "value": "retention"}]}


@pytest.fixture
def customer() -> Customer:
    return CustomerFactory.create()


def send(id_: str) -> dict[str, Any]:
    return {"id": id_, "type": "send", "channel": "sms", "topic": "after_sales", "body": "Hi"}


def move(stage: str) -> dict[str, Any]:
    return {"id": "move", "type": "move_stage", "journey": "five-stage", "stage": stage}


def enter(customer: Customer, *steps: dict[str, Any], **rest: Any) -> Flow:
    flow = live_flow(*steps, trigger=CART, **rest)
    happens(customer, "Checkout Started", day(1))
    runner.run_due(now=day(1), limit=10)
    return flow


def done(run: Enrolment) -> list[tuple[str, str]]:
    return list(StepVisit.objects.filter(enrolment=run).order_by("pk").values_list("step", "outcome"))


# --- stages -----------------------------------------------------------------------------------


def test_a_flow_moves_a_customer_forward_and_the_move_says_so(customer: Customer) -> None:
    flow = enter(customer, move("retention"))
    assert stands(customer) == ("retention", day(1))
    made = StageMove.objects.get(cause="flow")
    assert (made.note, made.to_stage.slug, made.effective_at, made.recorded_at) == (
        flow.name, "retention", day(1), day(1),
    )  # fmt: skip
    assert Event.objects.filter(name="Stage Changed", properties__cause="flow").count() == 1


def test_a_flow_never_moves_anybody_back(customer: Customer) -> None:
    happens(customer, "Order Completed", NOON, order_id="A")
    enter(customer, move("awareness"))
    assert stands(customer) == ("purchase", NOON)
    assert not StageMove.objects.filter(cause="flow").exists()


def test_a_flow_leaves_a_held_position_and_notes_the_move(customer: Customer) -> None:
    stage = StageMove.to_stage.field.related_model.objects.get(journey__slug="five-stage", slug="awareness")
    moves.move_customers([customer], stage=stage, actor=None, now=NOON, hold_until=day(9))
    enter(customer, move("retention"))
    assert stands(customer) == ("awareness", NOON)
    assert StageMove.objects.get(cause="flow").would_have


def test_facts_before_a_move_by_a_flow_say_nothing_afterwards(customer: Customer) -> None:
    enter(customer, move("retention"))
    happens(customer, "Product Viewed", day(0.5), known=day(2))
    assert moves_of(customer)[-1] == "retention"


def test_a_branch_behind_a_move_sees_the_new_stage(customer: Customer) -> None:
    rule = {"stage": {"journey": "five-stage", "in": ["retention"]}}
    which = {"id": "which", "type": "branch", "paths": [{"name": "there", "if": rule, "steps": [send("hi")]}]}
    enter(customer, move("retention"), which)
    assert Message.objects.get().cause["step"] == "hi"


def test_a_move_by_a_flow_starts_the_flow_of_that_stage(customer: Customer) -> None:
    other = live_flow(trigger={"stage": {"journey": "five-stage", "stage": "retention"}})
    enter(customer, move("retention"))
    assert Enrolment.objects.get(flow=other).entered_at == day(1)


def test_a_move_that_is_an_exit_of_its_own_flow_ends_the_run_where_it_then_stands(customer: Customer) -> None:
    flow = enter(customer, move("retention"), PAUSE, send("hi"), exits=[RETAINED])
    run = Enrolment.objects.get(flow=flow)
    assert (run.state, run.reason, run.step) == ("exited", "Stage Changed", "pause")
    assert done(run) == [("move", "moved"), ("pause", "left")]


# --- tickets and tasks ------------------------------------------------------------------------


def test_an_enquiry_that_a_flow_opens_is_nothing_the_customer_asked(customer: Customer) -> None:
    step = {"id": "t", "type": "ticket", "kind": "enquiry", "subject": "Offer to help"}
    flow = live_flow(step)
    enrolment.enrol_by_hand(flow, [customer], now=day(1))
    runner.run_due(now=day(1), limit=10)
    assert Event.objects.get(name="Enquiry Opened").properties["cause"] == f"flow:{flow.slug}"
    assert (stands(customer), stands(customer, "usage-loop")) == (("awareness", NOON), ("awareness", NOON))
    happens(customer, "Enquiry Opened", day(2))
    assert (stands(customer), stands(customer, "usage-loop")) == (("consideration", day(2)), ("evaluation", day(2)))


def test_a_ticket_is_opened_with_its_history_and_its_fact(customer: Customer) -> None:
    step = {"id": "t", "type": "ticket", "kind": "after_sales", "subject": " Look  after them ", "priority": "high"}
    flow = enter(customer, step)
    ticket = Ticket.objects.get()
    assert (ticket.customer, ticket.kind, ticket.subject, ticket.priority) == (
        customer, "after_sales", "Look after them", "high",
    )  # fmt: skip
    assert (ticket.source, ticket.status, ticket.opened_at) == (f"flow:{flow.slug}", "new", day(1))
    assert ticket.history.get().history_type == "+"
    event = Event.objects.get(name="Ticket Opened")
    assert (event.object_id, event.occurred_at) == (ticket.pk, day(1))


CALL: dict[str, Any] = {
    "id": "call", "type": "task", "title": "Call",
    "wait_for_outcome": {
        "timeout": "P3D", "then": [{"outcome": "reached", "steps": [send("thank")]}], "else": [send("write")],
    },
}  # fmt: skip


def test_the_outcome_staff_note_on_a_task_decides_the_path(customer: Customer) -> None:
    enter(customer, CALL)
    run = run_of(customer)
    assert (run.stand, run.awaits, run.due_at) == ("event", "Task Completed", day(4))
    work.complete_task(Task.objects.get(), now=day(2), outcome="reached")
    runner.run_due(now=day(2), limit=10)
    assert done(run) == [("call", "done"), ("thank", "queued")]
    assert Task.objects.count() == 1


def test_a_task_knows_the_outcomes_its_flow_waits_for(customer: Customer) -> None:
    enter(customer, CALL, {"id": "plain", "type": "task", "title": "Look"})
    assert Task.objects.get().outcomes == ["reached"]
    work.complete_task(Task.objects.get(), now=day(2), outcome="no answer")
    runner.run_due(now=day(2), limit=10)
    assert Task.objects.get(title="Look").outcomes == []
    assert done(run_of(customer))[:2] == [("call", "done"), ("write", "queued")]


def test_a_task_of_another_run_of_the_same_step_wakes_only_its_own(customer: Customer) -> None:
    enter(customer, CALL, reentry={"policy": "always"})
    happens(customer, "Checkout Started", day(1.5))
    runner.run_due(now=day(1.5), limit=10)
    first, second = Task.objects.order_by("pk")
    work.complete_task(second, now=day(2), outcome="reached")
    assert [run.stand for run in Enrolment.objects.order_by("pk")] == ["event", "time"]
    assert first.done_at is None


# --- rules ------------------------------------------------------------------------------------

BUYER = {"id": "buys", "type": "wait_rule", "rule": {"tag": "buyer"}, "timeout": "P5D", **ELSE}


def test_a_rule_is_asked_on_the_customers_events_and_wakes_only_those_for_whom_it_holds(customer: Customer) -> None:
    enter(customer, {**BUYER, "then": [send("thank")]})
    assert run_of(customer).stand == "rule"
    happens(customer, "Page Viewed", day(1.5))
    assert (run_of(customer).stand, run_of(customer).due_at) == ("rule", day(6))
    add_tags(customer, ["buyer"])
    happens(customer, "Page Viewed", day(2))
    assert (run_of(customer).stand, run_of(customer).due_at) == ("time", day(2))
    runner.run_due(now=day(2), limit=10)
    assert done(run_of(customer)) == [("buys", "held"), ("thank", "queued")]


def test_an_event_of_somebody_else_asks_no_rule_here(customer: Customer) -> None:
    enter(customer, BUYER)
    add_tags(customer, ["buyer"])
    happens(CustomerFactory.create(), "Page Viewed", day(2))
    assert run_of(customer).stand == "rule"


# --- other flows ------------------------------------------------------------------------------


def test_a_customer_is_handed_on_to_another_flow_with_what_started_this_one(customer: Customer) -> None:
    other = live_flow(PAUSE, reentry={"policy": "once", "key": "properties.order_id"})
    live_flow({"id": "on", "type": "enrol", "flow": other.slug}, trigger={"event": "Order Paid"})
    happens(customer, "Order Paid", day(1), order_id="A")
    runner.run_due(now=day(1), limit=10)
    run = Enrolment.objects.get(flow=other)
    assert (run.entered_at, run.context, run.key) == (day(1), {"event": {"order_id": "A"}}, "A")


@pytest.mark.parametrize("state", ["paused", "archived"])
def test_a_flow_that_takes_nobody_in_does_not_stop_the_one_that_hands_on(customer: Customer, state: str) -> None:
    other = live_flow(PAUSE)
    flow = live_flow({"id": "on", "type": "enrol", "flow": other.slug}, trigger=CART)
    Flow.objects.filter(pk=other.pk).update(state=state)
    happens(customer, "Checkout Started", day(1))
    runner.run_due(now=day(1), limit=10)
    assert Enrolment.objects.get().flow == flow
    assert Enrolment.objects.get().state == "completed"


def test_a_customer_is_taken_out_of_another_flow_and_its_messages_are_taken_back(customer: Customer) -> None:
    other = live_flow(send("hi"), PAUSE, trigger={"event": "Signed Up"})
    happens(customer, "Signed Up", day(0.5))
    runner.run_due(now=day(0.5), limit=10)
    enter(customer, {"id": "off", "type": "unenrol", "flow": other.slug})
    run = Enrolment.objects.get(flow=other)
    assert (run.state, run.reason) == ("exited", "taken out by another flow")
    assert done(run) == [("hi", "queued"), ("pause", "left")]
    assert Message.objects.get().state == "cancelled"


def test_a_run_that_is_due_in_the_same_batch_as_the_one_that_ends_it_stays_ended(customer: Customer) -> None:
    other = live_flow(PAUSE, {**PAUSE, "id": "more"}, trigger=CART)
    live_flow(PAUSE, {"id": "off", "type": "unenrol", "flow": other.slug}, trigger=CART)
    happens(customer, "Checkout Started", day(1))
    assert runner.run_due(now=day(2), limit=10).total() == 2
    run = Enrolment.objects.get(flow=other)
    assert (run.state, run.step) == ("exited", "more")


def test_out_and_in_again_begins_anew(customer: Customer) -> None:
    other = live_flow(PAUSE, trigger={"event": "Signed Up"}, reentry={"policy": "after_exit"})
    happens(customer, "Signed Up", day(0.5))
    steps = [{"id": "off", "type": "unenrol", "flow": other.slug}, {"id": "on", "type": "enrol", "flow": other.slug}]
    enter(customer, *steps)
    runs = Enrolment.objects.filter(flow=other).order_by("pk")
    assert [(run.state, run.entered_at) for run in runs] == [("exited", day(0.5)), ("active", day(1))]
