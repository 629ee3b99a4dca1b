"""What fell due while a flow was paused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import Max

from crm.models import Customer
from journeys.flows import backlog, enrolment, repair, runner, versions, work
from journeys.models import Enrolment, Flow
from messaging.models import Message
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.journeys import PAUSE, live_flow
from tests.journeys.happenings import day, happens, run_of

pytestmark = pytest.mark.django_db

SEND = {"id": "hi", "type": "send", "channel": "sms", "topic": "after_sales", "body": "Hi"}
MINUTE = timedelta(minutes=1)


def paused(*entered: float) -> tuple[Flow, list[Customer]]:
    """A flow with a day's wait, paused at noon of the first day, and somebody who entered on each of these days."""
    flow = live_flow(PAUSE, SEND)
    people = CustomerFactory.create_batch(len(entered))
    for customer, at in zip(people, entered, strict=True):
        enrolment.enrol_by_hand(flow, [customer], now=day(at))
    versions.pause(flow, now=NOON)
    return flow, people


def written() -> set[Customer]:
    return {message.customer for message in Message.objects.select_related("customer")}


def test_the_backlog_is_told_by_age() -> None:
    flow, _people = paused(9, 8.99, 8, 5, 0, 9.5)
    told = backlog.backlog_of(flow, now=day(10))
    assert [number for _age, number in told.by_age] == [2, 1, 0, 1, 1]
    assert [age for age, _number in told.by_age] == [*backlog.AGES, None]
    assert told.total == 5


def test_resuming_does_all_that_fell_due_at_once_when_nothing_else_is_said() -> None:
    flow, people = paused(0, 1, 20)
    versions.resume(flow, now=day(10))
    runner.run_due(now=day(10), limit=10)
    assert written() == set(people[:2])


def test_what_is_older_than_staff_care_for_is_left_out() -> None:
    flow, (old, fresh, later) = paused(0, 8, 20)
    versions.resume(flow, now=day(10), skip_older_than=timedelta(days=3))
    runner.run_due(now=day(10), limit=10)
    assert (run_of(old).state, run_of(old).reason) == ("exited", "too old after a pause")
    assert written() == {fresh}
    assert run_of(later).due_at == day(21)


def test_the_rest_is_spread_at_so_many_a_minute_longest_overdue_first() -> None:
    flow, people = paused(4, 3, 2, 1, 0)
    versions.resume(flow, now=day(10), per_minute=2)
    sent: list[int] = []
    for minute in range(4):
        work.work_due(now=day(10) + minute * MINUTE, limit=100)
        sent.append(len(written()))
        if minute == 0:
            assert written() == set(people[3:])
    assert sent == [2, 4, 5, 5]


@pytest.mark.parametrize("skip", [None, timedelta(days=3), timedelta(days=30), timedelta(0)])
@pytest.mark.parametrize("per_minute", [None, 1, 2, 3, 100])
def test_what_happens_equals_the_prospect(skip: timedelta | None, per_minute: int | None) -> None:
    flow, _people = paused(9, 8.99, 8, 5, 0, 0.5, 6, 20, 21)
    now = day(10)
    told = backlog.prospect(flow, skip_older_than=skip, per_minute=per_minute, now=now)
    versions.resume(flow, now=now, skip_older_than=skip, per_minute=per_minute)
    runs = Enrolment.objects.filter(flow=flow)
    assert runs.filter(state="exited", reason=backlog.SKIPPED).count() == told.leave
    active = runs.filter(state="active")
    assert active.filter(is_paused=False, due_at__lte=now).count() == told.at_once
    assert active.filter(is_paused=True, release_at__gt=now).count() == told.later
    assert active.aggregate(last=Max("release_at"))["last"] == told.until
    assert active.filter(is_paused=False, due_at__gt=now).count() == told.resting == 2
    assert told.leave + told.at_once + told.later == 7


def test_spreading_keeps_the_time_a_run_was_due() -> None:
    flow, (customer, _other) = paused(1, 0)
    versions.resume(flow, now=day(10), per_minute=1)
    run = run_of(customer)
    assert (run.due_at, run.release_at, run.is_paused) == (day(2), day(10) + MINUTE, True)
    work.work_due(now=day(10) + MINUTE, limit=10)
    assert (run_of(customer).release_at, run_of(customer).is_paused) == (None, False)


def test_an_exit_ends_a_run_that_waits_to_be_let_go() -> None:
    flow = live_flow(PAUSE, SEND, exits=[{"event": "Order Completed"}])
    first, second = CustomerFactory.create_batch(2)
    enrolment.enrol_by_hand(flow, [first, second], now=NOON)
    versions.pause(flow, now=NOON)
    versions.resume(flow, now=day(10), per_minute=1)
    happens(second, "Order Completed", day(10))
    work.work_due(now=day(11), limit=10)
    assert written() == {first}


def test_pausing_again_holds_what_was_to_be_let_go() -> None:
    flow, _people = paused(0, 1, 2)
    versions.resume(flow, now=day(10), per_minute=1)
    versions.pause(flow, now=day(10))
    work.work_due(now=day(11), limit=10)
    assert not Message.objects.exists()
    assert Enrolment.objects.active().filter(is_paused=True, release_at=None).count() == 3


def test_a_failed_run_that_is_retried_in_a_paused_flow_waits_with_the_others() -> None:
    _flow, (customer,) = paused(0)
    run = run_of(customer)
    resume = {"resume": {"stand": "time", "due_at": day(1).isoformat(), "awaits": ""}}
    Enrolment.objects.filter(pk=run.pk).update(
        state="failed", stand="", due_at=None, ended_at=day(1), memory=resume, is_paused=False
    )
    assert repair.retry_failed([run], now=NOON) == 1
    assert run_of(customer).is_paused
    assert runner.run_due(now=day(2), limit=10) == {}


def test_a_pace_of_less_than_one_a_minute_is_none() -> None:
    flow, _people = paused(0)
    with pytest.raises(ValueError, match="per_minute"):
        versions.resume(flow, now=day(10), per_minute=0)


def test_an_archived_flow_lets_everybody_go_and_nobody_in() -> None:
    flow, (customer,) = paused(0)
    assert versions.archive(flow, now=day(1)) == 1
    flow.refresh_from_db()
    assert (flow.state, run_of(customer).state, run_of(customer).reason) == ("archived", "exited", "flow archived")
    with pytest.raises(enrolment.NotLive):
        enrolment.enrol_by_hand(flow, [customer], now=day(1))
    with pytest.raises(versions.CannotPublish):
        versions.archive(flow, now=day(1))
    with pytest.raises(versions.CannotPublish):
        versions.resume(flow, now=day(1))


def test_publishing_a_paused_flow_leaves_it_paused() -> None:
    flow, (customer,) = paused(0)
    flow.draft = {**flow.draft, "holdout": 5}
    flow.save()
    versions.publish(flow, actor=None, now=day(1))
    flow.refresh_from_db()
    assert (flow.state, flow.live_version.number if flow.live_version else 0) == ("paused", 2)
    assert runner.run_due(now=day(9), limit=10) == {}
    assert run_of(customer).is_paused
