"""How late steps are taken, measured to the second under a clock that stands still."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from journeys.flows import punctuality, repair, runner, versions, work
from journeys.flows.effects import PERFORMERS
from journeys.flows.punctuality import Punctuality
from journeys.flows.steps.set import SetAttributes
from journeys.models import Enrolment, Flow, Lateness
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.journeys import PAUSE, EnrolmentFactory, live_flow
from tests.journeys.happenings import day, happens, run_of

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)


def take(*, now: datetime) -> dict[str, int]:
    """Take what is due, and return how late that was by the only batch there is."""
    Lateness.objects.all().delete()
    runner.run_due(now=now, limit=500)
    return dict(Lateness.objects.get().counts)


def test_a_run_is_as_late_as_its_time_is_past() -> None:
    for late in (0, 2, 2, 61):
        EnrolmentFactory.create(due_at=NOON - late * SECOND)
    assert take(now=NOON) == {"0": 1, "2": 2, "61": 1}


def test_the_seconds_are_kept_to_two_digits() -> None:
    for milliseconds in (4, 123, 4_960, 98_700):
        EnrolmentFactory.create(due_at=NOON - timedelta(milliseconds=milliseconds))
    assert take(now=NOON) == {"0.004": 1, "0.12": 1, "5": 1, "99": 1}


def test_with_nothing_due_nothing_is_written() -> None:
    EnrolmentFactory.create(due_at=NOON + SECOND)
    runner.run_due(now=NOON, limit=500)
    assert not Lateness.objects.exists()
    assert punctuality.of_last_hour(NOON) == Punctuality(0, 0, 0)


def test_the_quantiles_are_those_of_all_runs_of_the_last_hour() -> None:
    Lateness.objects.create(at=NOON - timedelta(hours=1), counts={"500": 1000})  # an hour ago is over
    Lateness.objects.create(at=NOON - timedelta(minutes=59), counts={"0.1": 49, "0.2": 1})
    Lateness.objects.create(at=NOON, counts={"0.3": 45, "4": 5})
    assert punctuality.of_last_hour(NOON) == Punctuality(100, 0.2, 0.3)
    Lateness.objects.create(at=NOON, counts={"4": 1})
    assert punctuality.of_last_hour(NOON) == Punctuality(101, 0.3, 4)


def test_an_event_that_we_learn_of_late_makes_no_late_step() -> None:
    live_flow({"id": "s", "type": "set", "attributes": {"a": 1}}, trigger={"event": "Order Delivered"})
    happens(CustomerFactory.create(), "Order Delivered", NOON - timedelta(hours=9), known=NOON)
    assert take(now=NOON + 3 * SECOND) == {"3": 1}


def test_a_pause_makes_no_late_step() -> None:
    flow = _somebody_waits()
    versions.pause(flow, now=NOON)
    versions.resume(Flow.objects.get(pk=flow.pk), now=day(9))
    assert take(now=day(9) + 2 * SECOND) == {"2": 1}


def test_a_backlog_let_go_at_a_pace_is_late_from_when_it_was_let_go() -> None:
    flow = _somebody_waits(2)
    versions.pause(flow, now=NOON)
    versions.resume(Flow.objects.get(pk=flow.pk), now=day(9), per_minute=1)
    assert take(now=day(9)) == {"0": 1}
    Lateness.objects.all().delete()
    work.work_due(now=day(9) + timedelta(seconds=64), limit=10)
    assert Lateness.objects.get().counts == {"4": 1}


def test_a_failed_run_is_late_from_when_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    _somebody_waits()
    with monkeypatch.context() as patch:
        patch.setitem(PERFORMERS, SetAttributes, lambda orders, now: 1 / 0)  # type: ignore[arg-type]
        assert take(now=day(1)) == {"0": 1}
    repair.retry_failed(Enrolment.objects.all(), now=day(2))
    assert take(now=day(2) + SECOND) == {"1": 1}


def test_who_is_woken_by_an_event_is_due_from_then() -> None:
    wait: dict[str, object] = {"id": "w", "type": "wait_event", "event": "Product Reviewed", "timeout": "P5D"}
    customer = CustomerFactory.create()
    live_flow({**wait, "else": []}, trigger={"event": "Order Delivered"})
    happens(customer, "Order Delivered", NOON)
    runner.run_due(now=NOON, limit=10)
    happens(customer, "Product Reviewed", day(1))
    assert take(now=day(1) + 5 * SECOND) == {"5": 1}
    assert run_of(customer).state == "completed"


def test_yesterdays_batches_are_forgotten_at_night() -> None:
    for hours in (0, 24, 25):
        Lateness.objects.create(at=NOON - timedelta(hours=hours), counts={"1": 1})
    assert punctuality.forget(NOON) == 1
    assert Lateness.objects.count() == 2


def _somebody_waits(people: int = 1) -> Flow:
    flow = live_flow(PAUSE, {"id": "s", "type": "set", "attributes": {"a": 1}}, trigger={"event": "Order Delivered"})
    for customer in CustomerFactory.create_batch(people):
        happens(customer, "Order Delivered", NOON)
    return flow
