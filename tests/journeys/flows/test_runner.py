from __future__ import annotations

import re
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from crm.models import Customer, Task
from crm.services.customers import add_tags
from journeys.flows import enrolment, repair, rows, runner
from journeys.flows.effects import PERFORMERS
from journeys.flows.steps.base import Effect
from journeys.flows.steps.send import SendMessage
from journeys.flows.steps.set import SetAttributes
from journeys.models import Enrolment, Flow, StepVisit
from messaging.models import Message
from tests.factories.crm import NOON, CustomerFactory, TicketFactory, UserFactory
from tests.factories.journeys import PAUSE, live_flow
from tests.journeys.happenings import day, happens, run_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer() -> Customer:
    return CustomerFactory.create()


def send(id_: str = "hi", **rest: Any) -> dict[str, Any]:
    return {"id": id_, "type": "send", "channel": "sms", "topic": "after_sales", "body": "Hi", **rest}


def branch(rule: dict[str, Any], then: list[Any], **rest: Any) -> dict[str, Any]:
    return {"id": "which", "type": "branch", "paths": [{"name": "yes", "if": rule, "steps": then}], **rest}


def enter(flow: Flow, *people: Customer) -> None:
    enrolment.enrol_by_hand(flow, people, now=NOON)


def done(customer: Customer) -> list[tuple[str, str]]:
    visits = StepVisit.objects.filter(enrolment__customer=customer).order_by("pk")
    return list(visits.values_list("step", "outcome"))


# --- what steps do ----------------------------------------------------------------------------


def test_nothing_happens_a_second_too_early(customer: Customer) -> None:
    enter(live_flow(PAUSE, send()), customer)
    assert runner.run_due(now=day(1) - timedelta(seconds=1), limit=10) == {}
    assert runner.run_due(now=day(1), limit=10) == {"completed": 1}
    assert runner.run_due(now=day(1), limit=10) == {}


def test_a_send_step_puts_one_message_on_the_ledger_with_its_cause_and_context(customer: Customer) -> None:
    step = send("ask", fallback=["email"], expires_after="PT12H", over_cap="hold", subject="Hello")
    flow = live_flow(step, trigger={"event": "Order Delivered"})
    happens(customer, "Order Delivered", NOON, order_id="A")
    runner.run_due(now=NOON, limit=10)
    run, message = run_of(customer), Message.objects.get()
    assert message.cause == {"kind": "flow", "flow": flow.slug, "enrolment": run.pk, "step": "ask", "visit": 1}
    assert message.context == {"event": {"order_id": "A"}}
    assert message.dedupe_key == f"enrolment:{run.pk}:ask:1"
    assert (message.channel, message.topic.slug, message.over_cap) == ("sms", "after_sales", "hold")
    assert (message.queued_at, message.expires_at) == (NOON, NOON + timedelta(hours=12))
    assert (message.source_subject, message.source_body) == ("Hello", "Hi")


def test_set_merges_attributes_null_removes_and_history_remembers(customer: Customer) -> None:
    Customer.objects.filter(pk=customer.pk).update(attributes={"size": "M", "old": 1})
    flow = live_flow({"id": "s", "type": "set", "attributes": {"asked": True, "old": None}})
    enter(flow, customer)
    runner.run_due(now=NOON, limit=10)
    customer.refresh_from_db()
    assert customer.attributes == {"size": "M", "asked": True}
    line = customer.history.order_by("history_id").last()
    assert (line.attributes, line.history_change_reason) == ({"size": "M", "asked": True}, f"flow:{flow.slug}")


def test_tag_adds_and_removes(customer: Customer) -> None:
    add_tags(customer, ["new"])
    enter(live_flow({"id": "t", "type": "tag", "add": ["vip"], "remove": ["new"]}), customer)
    runner.run_due(now=NOON, limit=10)
    assert list(customer.tags.values_list("name", flat=True)) == ["vip"]


def test_of_two_tag_steps_in_one_round_the_last_word_counts(customer: Customer) -> None:
    steps = ({"id": "on", "type": "tag", "add": ["vip"]}, {"id": "off", "type": "tag", "remove": ["vip"]})
    enter(live_flow(*steps), customer)
    runner.run_due(now=NOON, limit=10)
    assert not customer.tags.exists()


def test_a_task_goes_to_the_owner_to_somebody_named_or_to_everybody(customer: Customer) -> None:
    owner, named = UserFactory.create(), UserFactory.create(username="nok")
    Customer.objects.filter(pk=customer.pk).update(owner=owner)
    flow = live_flow(
        {"id": "a", "type": "task", "title": "Call", "assign": "owner", "due": "PT4H"},
        {"id": "b", "type": "task", "title": "Pack", "assign": "nok"},
        {"id": "c", "type": "task", "title": "Look", "assign": "left-us"},
    )
    enter(flow, customer)
    runner.run_due(now=NOON, limit=10)
    tasks = Task.objects.order_by("pk")
    assert [(task.title, task.assignee, task.due_at) for task in tasks] == [
        ("Call", owner, NOON + timedelta(hours=4)), ("Pack", named, None), ("Look", None, None),
    ]  # fmt: skip
    assert {task.cause for task in tasks} == {f"flow:{flow.slug}"}


def test_a_branch_is_decided_by_a_rule_as_of_now(customer: Customer) -> None:
    flow = live_flow(PAUSE, branch({"tag": "vip"}, [send("gift")], **{"else": [send("hello")]}))
    enter(flow, customer)
    add_tags(customer, ["vip"])
    runner.run_due(now=day(1), limit=10)
    assert done(customer) == [("pause", "waited"), ("which", "path"), ("gift", "queued")]


def test_a_branch_sees_what_the_step_before_it_has_changed(customer: Customer) -> None:
    rule = {"attribute": {"name": "asked", "op": "eq", "value": True}}
    enter(live_flow({"id": "s", "type": "set", "attributes": {"asked": True}}, branch(rule, [send("yes")])), customer)
    runner.run_due(now=NOON, limit=10)
    assert done(customer) == [("s", "set"), ("which", "path"), ("yes", "queued")]


def test_a_run_that_begins_with_a_wait_for_an_event_hears_what_came_before_the_runner(customer: Customer) -> None:
    step: dict[str, Any] = {"id": "a", "type": "wait_event", "event": "Product Reviewed", "timeout": "P5D"} | {
        "then": [send("thank")],
        "else": [],
    }
    live_flow(step, trigger={"event": "Order Delivered"})
    happens(customer, "Order Delivered", NOON)
    happens(customer, "Product Reviewed", NOON + timedelta(minutes=1))
    runner.run_due(now=NOON + timedelta(minutes=2), limit=10)
    assert done(customer) == [("a", "heard"), ("thank", "queued")]


def test_a_wait_for_the_customers_birthday_is_in_their_own_time_zone(customer: Customer) -> None:
    Customer.objects.filter(pk=customer.pk).update(birthday="2026-05-01")
    step = {"id": "b", "type": "wait", "until": {"attribute": "birthday"}, "window": {"from": "09:00", "to": "19:00"}}
    enter(live_flow(step), customer)
    runner.run_due(now=NOON, limit=10)
    due_at = run_of(customer).due_at
    assert due_at is not None
    assert due_at.isoformat() == "2026-05-01T02:00:00+00:00"  # nine o'clock in Bangkok


# --- ends -------------------------------------------------------------------------------------


def test_an_exit_rule_is_asked_again_before_every_step(customer: Customer) -> None:
    flow = live_flow(PAUSE, send(), exits=[{"rule": {"ticket": {"open": True}}}])
    enter(flow, customer)
    TicketFactory.create(customer=customer)
    Enrolment.objects.update(state="active", ended_at=None, due_at=day(1), stand="time", reason="")
    StepVisit.objects.all().delete()
    assert runner.run_due(now=day(1), limit=10) == {"exited": 1}
    assert not Message.objects.exists()


@pytest.mark.parametrize(("field", "reason"), [("merged_into", "merged into another record"), ("erased_at", "erased")])
def test_a_customer_who_is_gone_is_sent_nothing(customer: Customer, field: str, reason: str) -> None:
    enter(live_flow(PAUSE, send()), customer)
    value = CustomerFactory.create() if field == "merged_into" else NOON
    Customer.objects.filter(pk=customer.pk).update(**{field: value})
    assert runner.run_due(now=day(1), limit=10) == {"exited": 1}
    assert run_of(customer).reason == reason
    assert not Message.objects.exists()


def test_an_exit_step_ends_with_its_own_reason(customer: Customer) -> None:
    enter(live_flow({"id": "x", "type": "exit", "reason": "not for them"}), customer)
    runner.run_due(now=NOON, limit=10)
    assert (run_of(customer).state, run_of(customer).reason) == ("exited", "not for them")


def test_paused_runs_are_left_where_they_are(customer: Customer) -> None:
    enter(live_flow(PAUSE, send()), customer)
    Enrolment.objects.update(is_paused=True)
    assert runner.run_due(now=day(3), limit=10) == {}


# --- faults -----------------------------------------------------------------------------------


def test_a_run_that_raises_is_set_aside_with_its_trace_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    people = CustomerFactory.create_batch(7)
    enter(live_flow(PAUSE, send()), *people)
    poison, queue = run_of(people[4]).pk, PERFORMERS[SendMessage]

    def queue_unless_poison(orders: Any, now: Any) -> None:
        if any(order.run.pk == poison for order in orders):
            raise ZeroDivisionError("poison")
        queue(orders, now)

    monkeypatch.setitem(PERFORMERS, SendMessage, queue_unless_poison)  # type: ignore[arg-type]
    assert runner.run_due(now=day(1), limit=100) == {"completed": 6, "failed": 1}
    run = Enrolment.objects.get(pk=poison)
    assert (run.state, run.due_at, run.step) == ("failed", None, "pause")
    assert run.error.rstrip().endswith("ZeroDivisionError: poison")
    assert "queue_unless_poison" in run.error
    assert Message.objects.count() == 6
    assert not StepVisit.objects.filter(enrolment=poison).exists()


def test_a_failed_run_is_taken_up_where_it_stood_when_staff_retry_it(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    enter(live_flow(PAUSE, send()), customer)
    with monkeypatch.context() as patch:
        patch.setitem(PERFORMERS, SendMessage, lambda orders, now: 1 / 0)  # type: ignore[arg-type]
        runner.run_due(now=day(1), limit=10)
    assert repair.retry_failed([run_of(customer)], now=day(2)) == 1
    assert runner.run_due(now=day(2), limit=10) == {"completed": 1}
    assert done(customer) == [("pause", "waited"), ("hi", "queued")]
    assert repair.retry_failed([run_of(customer)], now=day(2)) == 0


def test_a_crash_leaves_nothing_half_done(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(live_flow({"id": "s", "type": "set", "attributes": {"a": 1}}, send()), customer)

    def killed(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rows, "write", killed)
    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        runner.run_due(now=NOON, limit=10)
    customer.refresh_from_db()
    assert (customer.attributes, Message.objects.count(), run_of(customer).state) == ({}, 0, "active")


def test_a_visit_that_is_on_record_is_not_made_again(customer: Customer) -> None:
    enter(live_flow(PAUSE, send()), customer)
    run = run_of(customer)
    StepVisit.objects.create(enrolment=run, flow=run.flow, step="hi", outcome="queued", arrived_at=NOON, left_at=NOON)
    assert runner.run_due(now=day(1), limit=10) == {"failed": 1}
    assert "DuplicateVisit" in run_of(customer).error
    assert not Message.objects.exists()


# --- many -------------------------------------------------------------------------------------


def test_the_longest_overdue_go_first_and_the_limit_holds() -> None:
    flow, people = live_flow(PAUSE, send()), CustomerFactory.create_batch(5)
    for number, customer in enumerate(people):
        enrolment.enrol_by_hand(flow, [customer], now=day(5 - number))
    assert runner.run_due(now=day(30), limit=2) == {"completed": 2}
    assert set(Message.objects.values_list("customer", flat=True)) == {people[4].pk, people[3].pk}


def test_a_batch_costs_the_same_number_of_queries_whatever_its_size() -> None:
    flow = live_flow(
        PAUSE,
        {"id": "s", "type": "set", "attributes": {"a": 1}},
        {"id": "t", "type": "tag", "add": ["seen"]},
        {"id": "k", "type": "task", "title": "Call", "assign": "owner"},
        branch({"tag": "seen"}, [send("a")], **{"else": [send("b")]}),
        {"id": "w", "type": "wait_event", "event": "Product Reviewed", "timeout": "P5D", "else": []},
        exits=[{"rule": {"tag": "out"}}],
    )

    def cost(size: int) -> int:
        enter(flow, *CustomerFactory.create_batch(size))
        with CaptureQueriesContext(connection) as captured:
            assert runner.run_due(now=day(1), limit=500) == {"resting": size}
        return sum("SAVEPOINT" not in query["sql"] for query in captured.captured_queries)

    few = cost(2)
    assert cost(60) == few
    assert few <= 40


def test_the_claim_reads_its_own_index_and_no_table_from_end_to_end() -> None:
    enter(live_flow(PAUSE, send()), *CustomerFactory.create_batch(3))
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # three rows are read faster without an index
        plan = Enrolment.objects.due(day(1)).with_customer().locked(skip=True)[:500].explain()
    assert "enrolment_due" in plan
    assert not re.search(r"\bSort\b|TEMP B-TREE|SCAN|Seq Scan", plan), plan


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_workers_share_the_work_and_do_no_step_twice() -> None:
    enter(live_flow(PAUSE, {"id": "s", "type": "set", "attributes": {"a": 1}}), *CustomerFactory.create_batch(60))
    counts: list[int] = []

    def work() -> None:
        counts.append(sum(runner.run_due(now=day(1), limit=7).total() for _ in range(20)))
        connections.close_all()

    workers = [Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(counts) == 60
    assert Enrolment.objects.filter(state="completed").count() == 60
    assert StepVisit.objects.count() == 120


def test_each_class_of_effect_has_a_performer() -> None:
    assert SetAttributes in PERFORMERS
    assert {kind.__name__ for kind in PERFORMERS} == {kind.__name__ for kind in Effect.__subclasses__()}
