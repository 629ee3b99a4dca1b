"""Trials on the past as rows that the worker does a part at a time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from journeys import tasks
from journeys.models import Backtest, Flow
from journeys.simulation.backtest import backtest as trials
from journeys.simulation.backtest import rows
from journeys.simulation.backtest.backtest import CannotBacktest, add_part, backtest, begin, trial_of
from journeys.simulation.backtest.report import as_json, from_json
from tests.factories.crm import CustomerFactory
from tests.factories.journeys import FlowFactory
from tests.journeys.flows.worlds import send, wait
from tests.journeys.happenings import day, happens

pytestmark = pytest.mark.django_db

END = day(30)
SINCE = END - timedelta(days=60)


@pytest.fixture
def flow() -> Flow:
    """Five people were delivered to, one of them twice."""
    for number in range(5):
        customer = CustomerFactory.create()
        happens(customer, "Order Delivered", day(number))
    happens(customer, "Order Delivered", day(10))
    steps = [wait("settle", "P1D"), send("ask")]
    return FlowFactory.create(
        slug="ask", draft={"trigger": {"event": "Order Delivered"}, "reentry": {"policy": "once"}, "steps": steps}
    )


def ask(flow: Flow, **more: Any) -> Backtest:
    return rows.ask(flow, since=SINCE, until=END, actor=None, now=END, **{"most": 100, **more})


def test_parts_add_up_to_the_whole(flow: Flow) -> None:
    whole = backtest(flow.draft, days=60, now=END, slug="ask")

    trial = trial_of(flow.draft, since=SINCE, until=END, slug="ask")
    report, last, sizes = begin(trial), 0, []
    while last is not None:
        report = from_json(as_json(report))  # as a row keeps it
        last, done = add_part(report, trial, after=last, size=2)
        sizes.append(done)

    assert sizes == [2, 2, 2]
    assert as_json(report) == as_json(whole)
    assert (whole.events, whole.entered, whole.refused, whole.sent) == (6, 5, {"reentry": 1}, {"sms": 5})


def test_the_worker_does_a_part_and_then_the_next_and_says_how_far_it_is(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials.add_part, "__kwdefaults__", {"size": 3})
    row = ask(flow)

    assert rows.go_on(now=END) == 3
    row.refresh_from_db()
    assert (row.done, row.total, row.finished_at, row.report["entered"]) == (3, 6, None, 3)

    assert tasks.run_backtests() == "3 events tried"
    row.refresh_from_db()
    assert (row.done, row.report["entered"], row.report["sent"]) == (6, 5, {"sms": 5})
    assert row.finished_at is not None
    assert rows.go_on(now=END) == 0


def test_two_workers_never_do_the_same_part(flow: Flow) -> None:
    row = ask(flow)
    Backtest.objects.update(leased_until=END + timedelta(minutes=1))

    assert rows.go_on(now=END) == 0
    # The other was killed: its lease runs out.
    assert rows.go_on(now=END + timedelta(minutes=2)) == 6
    row.refresh_from_db()
    assert row.report["entered"] == 5


def test_what_a_worker_finds_after_the_row_was_taken_over_or_away_is_not_written(flow: Flow) -> None:
    row = ask(flow)
    rows._write(row, END, done=99)
    row.refresh_from_db()
    assert row.done == 0


def test_one_that_raises_is_over_and_keeps_the_error_and_holds_up_no_other(flow: Flow) -> None:
    broken, sound = ask(flow), ask(flow)
    Backtest.objects.filter(pk=broken.pk).update(definition={"trigger": {"event": "Order Delivered"}, "steps": []})

    tasks.run_backtests()

    broken.refresh_from_db()
    sound.refresh_from_db()
    assert "InvalidDefinition" in broken.error
    assert broken.finished_at is not None
    assert (sound.error, sound.report["entered"]) == ("", 5)


def test_the_draft_of_the_time_is_tried_whatever_becomes_of_it(flow: Flow) -> None:
    row = ask(flow)
    Flow.objects.update(draft={})
    tasks.run_backtests()
    row.refresh_from_db()
    assert row.report["sent"] == {"sms": 5}


def test_only_the_latest_events_are_tried_and_only_the_latest_rows_kept(flow: Flow) -> None:
    row = ask(flow, most=2)
    tasks.run_backtests()
    row.refresh_from_db()
    assert (row.report["events"], row.report["tried"], row.report["entered"]) == (6, 2, 1)

    for _number in range(rows.KEPT):
        ask(flow)
    assert Backtest.objects.count() == rows.KEPT
    assert not Backtest.objects.filter(pk=row.pk).exists()


def test_what_nothing_starts_cannot_be_asked_for() -> None:
    with pytest.raises(CannotBacktest):
        ask(FlowFactory.create())
    assert not Backtest.objects.exists()
