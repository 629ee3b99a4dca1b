import re
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from crm.models import Customer, Topic
from journeys.models import Enrolment, Flow, StepVisit
from journeys.selectors import flow_results
from journeys.selectors.flows import messages_of_runs, runs_at, step_counts
from journeys.selectors.results import Group
from messaging.models import Message
from tests.factories.crm import NOON, CustomerFactory, later
from tests.factories.journeys import PAUSE, EnrolmentFactory, live_flow

pytestmark = pytest.mark.django_db
State = Enrolment.State


def ended(flow: Flow, state: str = State.COMPLETED, **fields: Any) -> Enrolment:
    n = Enrolment.objects.count()
    return EnrolmentFactory(
        flow=flow, entry_key=f"e{n}", state=state, stand="", due_at=None, ended_at=NOON, step="pause", **fields
    )


def left(run: Enrolment, step: str = "pause", outcome: str = "waited", *, visit: int = 1, **fields: Any) -> StepVisit:
    asked = {"arrived_at": NOON, "left_at": later(days=1), **fields}
    return StepVisit.objects.create(enrolment=run, flow=run.flow, step=step, visit=visit, outcome=outcome, **asked)


def wrote(run: Enrolment, state: str, reason: str = "", *, step: str = "ask", parts: int = 1) -> None:
    Message.objects.create(
        dedupe_key=f"m{Message.objects.count()}", customer=run.customer, channel="sms", lane=0, state=state,
        topic=Topic.objects.get(slug="after_sales"), reason=reason, segments=parts,
        cause={"kind": "flow", "flow": run.flow.slug, "enrolment": run.pk, "step": step},
        queued_at=NOON, planned_at=NOON, due_at=NOON,
    )  # fmt: skip


def runs(flow: Flow, **more: Any) -> Any:
    asked = {"since": None, "until": later(days=99), **more}
    return flow_results.runs_in(flow, Customer.objects.all(), **asked)


def test_those_who_went_through_stand_beside_those_who_were_only_watched() -> None:
    flow = live_flow(PAUSE)
    for state, reason, goal in (
        (State.COMPLETED, "", NOON), (State.EXITED, "goal reached", NOON), (State.COMPLETED, "", None),
        (State.HELD_OUT, "held out", NOON), (State.HELD_OUT, "control group", None),
        (State.HELD_OUT, "control group", None),
    ):  # fmt: skip
        ended(flow, state, reason=reason, goal_at=goal)
    EnrolmentFactory(flow=flow)
    ended(live_flow(PAUSE))
    outcome = flow_results.outcome_of(runs(flow))
    assert (outcome.treated, outcome.own, outcome.control) == (Group(4, 2), Group(1, 1), Group(2, 0))
    assert (outcome.entered, outcome.held_out) == (7, Group(3, 1))
    assert outcome.lift is not None
    assert round(outcome.lift.difference, 4) == round(2 / 4 - 1 / 3, 4)


def test_without_anybody_held_out_there_is_no_lift() -> None:
    flow = live_flow(PAUSE)
    ended(flow, goal_at=NOON)
    assert flow_results.outcome_of(runs(flow)).lift is None


def test_weeks_of_entry_are_open_while_somebody_may_still_reach_the_goal() -> None:
    flow = live_flow(PAUSE)
    ended(flow, entered_at=later(days=-6), goal_at=NOON)  # the Tuesday before
    ended(flow, entered_at=later(days=1), goal_until=later(days=30))
    ended(flow, entered_at=later(days=2), goal_until=later(days=2))
    ended(flow, State.HELD_OUT, entered_at=later(days=2), goal_until=later(days=30))
    found = flow_results.over_time(runs(flow), by="week", now=later(days=9))
    assert [(span.first, span.last, span.group, span.is_open) for span in found] == [
        (date(2026, 2, 23), date(2026, 3, 1), Group(1, 1), False),
        (date(2026, 3, 2), date(2026, 3, 8), Group(2, 0), True),
    ]
    months = flow_results.over_time(runs(flow), by="month", now=later(days=40))
    assert [(span.first, span.last, span.is_open) for span in months] == [
        (date(2026, 2, 1), date(2026, 2, 28), False), (date(2026, 3, 1), date(2026, 3, 31), False),
    ]  # fmt: skip


def test_a_path_counts_who_went_it_and_who_reached_the_goal_after_it() -> None:
    flow = live_flow(PAUSE)
    for path, goal in (("A", later(days=3)), ("A", later(hours=-1)), ("A", None), ("else", later(days=3))):
        run = ended(flow, goal_at=goal)
        left(run, "fork", "path", detail={"path": path})
        left(run)
    found = flow_results.per_path(runs(flow))
    assert [(one.step, one.path, one.group) for one in found] == [
        ("fork", "A", Group(3, 1)), ("fork", "else", Group(1, 1)),
    ]  # fmt: skip
    for one in found:
        for converted, n in ((False, one.group.people), (True, one.group.converted)):
            behind = flow_results.on_path(runs(flow), step=one.step, path=one.path, converted=converted)
            assert behind.count() == n


def test_messages_are_counted_by_step_channel_and_fate() -> None:
    flow, other = live_flow(PAUSE), live_flow(PAUSE)
    run = ended(flow)
    for state, reason in (
        ("delivered", ""), ("sent", ""), ("withheld", "capped"), ("withheld", "no_consent"), ("withheld", "capped"),
        ("failed", "refused"), ("queued", ""), ("cancelled", "stopped"), ("unknown", ""),
    ):  # fmt: skip
        wrote(run, state, reason, parts=2)
    wrote(ended(other), "sent")
    Message.objects.update(cost_micros=350_000)
    Message.objects.filter(state="delivered").update(clicked_at=later(days=1))
    (found,) = flow_results.per_message(flow, runs(flow))
    assert (found.step, found.channel, found.written, found.parts) == ("ask", "sms", 9, 4)
    assert found.cost_micros == 700_000
    assert found.fates == {
        "on_the_way": 1, "sent": 2, "delivered": 1, "clicked": 1, "failed": 1, "unclear": 1, "withheld": 3,
        "cancelled": 1,
    }  # fmt: skip
    assert found.withheld == [("capped", 2), ("no_consent", 1)]


def test_a_period_and_a_version_narrow_runs_and_messages() -> None:
    flow = live_flow(PAUSE)
    early, late = ended(flow), ended(flow, entered_at=later(days=5))
    for run in (early, late):
        wrote(run, "sent")
    narrowed = runs(flow, since=later(days=2))
    assert list(narrowed) == [late]
    assert list(messages_of_runs(flow, narrowed)) == list(Message.objects.filter(customer=late.customer))
    assert list(runs(flow, version=2)) == []
    assert flow_results.per_version(runs(flow)) == [(1, Group(2, 0))]


def test_endings_are_told_by_their_reason_the_most_frequent_first() -> None:
    flow = live_flow(PAUSE)
    for reason in ("drained", "goal reached", "goal reached"):
        ended(flow, State.EXITED, reason=reason)
    ended(flow)
    assert flow_results.endings(runs(flow)) == [("goal reached", 2), ("drained", 1)]


def test_every_counter_of_a_step_is_as_many_runs_as_lie_behind_it() -> None:
    flow = live_flow(PAUSE)
    once, twice, back = ended(flow, goal_at=later(days=2)), ended(flow, visit=2), EnrolmentFactory(flow=flow, visit=2)
    EnrolmentFactory(flow=flow, customer=CustomerFactory())
    left(once)
    # One was overtaken there and came again; another stands there once more.
    left(twice, outcome="overtaken")
    left(twice, visit=2, left_at=later(days=2))
    left(back, outcome="overtaken")
    ended(flow, State.FAILED)
    count = step_counts(flow)["pause"]
    assert (count.entered, count.waiting, count.failed, count.converted) == (5, 2, 1, 1)
    assert {word: n for word, n in count.outcomes.items() if n} == {"waited": 2}
    every = Enrolment.objects.filter(flow=flow)
    assert runs_at(every, step="pause").count() == count.entered
    for at in ("waiting", "failed", "converted"):
        assert runs_at(every, step="pause", at=at).count() == getattr(count, at)
    for word, n in count.outcomes.items():
        assert runs_at(every, step="pause", outcome=word).count() == n


def test_the_figures_cost_the_same_however_many_runs(django_assert_num_queries: Any) -> None:
    flow = live_flow(PAUSE)
    for _ in range(5):
        run = ended(flow)
        left(run, "fork", "path", detail={"path": "A"})
        wrote(run, "sent")
    with django_assert_num_queries(7):
        flow_results.outcome_of(runs(flow))
        flow_results.over_time(runs(flow), by="day", now=NOON)
        flow_results.per_path(runs(flow))
        flow_results.per_message(flow, runs(flow))
        flow_results.per_version(runs(flow))
        flow_results.endings(runs(flow))
    with django_assert_num_queries(5):
        step_counts(flow)


def test_the_messages_of_a_flow_are_found_by_their_index_and_not_in_the_whole_ledger() -> None:
    flow = live_flow(PAUSE)
    run = ended(flow)
    wrote(run, "sent")
    many = Message(
        channel="sms", lane=0, state="sent", topic=Topic.objects.get(slug="after_sales"), customer=run.customer,
        queued_at=NOON, planned_at=NOON, due_at=NOON,
    )  # fmt: skip
    Message.objects.bulk_create(
        Message(**{**_plain(many), "public_id": uuid4(), "dedupe_key": f"n{n}", "cause": {"flow": f"other-{n % 9}"}})
        for n in range(3000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    of_flow = Message.objects.by_flow(flow.slug)
    for messages in (of_flow, messages_of_runs(flow, runs(flow))):
        plan = messages.explain()
        assert "message_by_flow" in plan, plan
        assert not re.search(r"Seq Scan on messaging_message|SCAN messaging_message", plan), plan
        assert messages.count() == 1


def _plain(row: Message) -> dict[str, Any]:
    fields = (field for field in Message._meta.concrete_fields if not field.primary_key)
    return {field.attname: getattr(row, field.attname) for field in fields}
