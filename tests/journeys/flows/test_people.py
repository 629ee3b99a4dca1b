"""Editing a flow with people inside: the preview, and what then happens."""

from __future__ import annotations

from threading import Thread
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from crm.models import Customer
from journeys.flows import enrolment, people, runner, versions
from journeys.flows.impact import PeopleInside
from journeys.models import Enrolment, Flow, StepVisit
from messaging.models import Message
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.journeys import PAUSE, live_flow
from tests.journeys.happenings import day, happens, run_of

pytestmark = pytest.mark.django_db

SEND = {"id": "hi", "type": "send", "channel": "sms", "topic": "after_sales", "body": "Hi"}
MORE = {"id": "more", "type": "wait", "for": "P5D"}
MANUAL = {"manual": True}


def draft(flow: Flow, *steps: dict[str, Any], **rest: Any) -> None:
    flow.draft = {"trigger": MANUAL, "steps": list(steps), **rest}
    flow.save()


def enter(flow: Flow, number: int = 1, at: float = 0) -> list[Customer]:
    found = CustomerFactory.create_batch(number)
    enrolment.enrol_by_hand(flow, found, now=day(at))
    return found


def test_pinned_people_finish_the_version_they_entered_with() -> None:
    flow = live_flow(PAUSE)
    [customer] = enter(flow)
    draft(flow, {**PAUSE, "for": "P9D"})
    version = versions.publish(flow, actor=None, now=day(0.5))
    assert (run_of(customer).version.number, run_of(customer).due_at) == (1, day(1))
    assert (version.people_inside, version.impact) == ("pin", {"pause": {"stays": 1}})


def test_people_who_follow_go_on_by_step_id_and_time_already_waited_counts() -> None:
    flow = live_flow(PAUSE, MORE)
    [early], [late] = enter(flow), enter(flow, at=0.9)
    runner.run_due(now=day(1), limit=10)
    draft(flow, {**PAUSE, "for": "P3D"}, MORE, SEND, goal={"event": "Order Paid", "within": "P7D"})
    version = versions.publish(flow, actor=None, now=day(1.5), people_inside=PeopleInside.FOLLOW)
    assert version.impact == {"more": {"goes_on": 1}, "pause": {"waits": 1}}
    assert (run_of(early).version, run_of(early).due_at, run_of(early).goal_until) == (version, day(6), day(7))
    assert (run_of(late).version, run_of(late).due_at) == (version, day(3.9))
    runner.run_due(now=day(6), limit=10)
    assert Message.objects.get().customer == early


def test_a_step_that_the_edit_puts_ahead_of_people_is_taken_also_when_they_have_been_at_it() -> None:
    flow = live_flow(SEND, PAUSE)
    [customer] = enter(flow)
    runner.run_due(now=NOON, limit=10)
    draft(flow, PAUSE, SEND)
    versions.publish(flow, actor=None, now=day(0.1), people_inside=PeopleInside.FOLLOW)
    assert runner.run_due(now=day(1), limit=10) == {"completed": 1}
    assert list(StepVisit.objects.order_by("pk").values_list("step", "visit")) == [("hi", 1), ("pause", 2), ("hi", 2)]
    assert run_of(customer).state == "completed"


def test_a_wait_made_shorter_than_what_was_waited_is_over_at_the_next_tick() -> None:
    flow = live_flow({**PAUSE, "for": "P9D"}, SEND)
    [customer] = enter(flow)
    draft(flow, PAUSE, SEND)
    version = versions.publish(flow, actor=None, now=day(2), people_inside=PeopleInside.FOLLOW)
    assert version.impact == {"pause": {"due": 1}}
    assert runner.run_due(now=day(2), limit=10) == {"completed": 1}
    assert Message.objects.get().queued_at == day(2)
    assert run_of(customer).version == version


def test_people_on_a_step_that_is_gone_leave_and_their_messages_are_taken_back() -> None:
    flow = live_flow(SEND, PAUSE)
    [customer] = enter(flow)
    runner.run_due(now=NOON, limit=10)
    draft(flow, MORE)
    versions.publish(flow, actor=None, now=day(0.1), people_inside=PeopleInside.FOLLOW)
    run = run_of(customer)
    assert (run.state, run.reason, run.version.number) == ("exited", "step removed", 1)
    assert list(StepVisit.objects.order_by("pk").values_list("step", "outcome")) == [
        ("hi", "queued"),
        ("pause", "left"),
    ]
    assert Message.objects.get().state == "cancelled"


def test_drained_people_leave_whatever_step_they_are_on() -> None:
    flow = live_flow(PAUSE, MORE)
    inside = enter(flow, 3)
    draft(flow, PAUSE, MORE, SEND)
    version = versions.publish(flow, actor=None, now=day(0.5), people_inside=PeopleInside.DRAIN)
    assert version.impact == {"pause": {"leaves": 3}}
    assert {(run_of(one).state, run_of(one).reason) for one in inside} == {("exited", "drained")}
    assert enter(flow, at=0.6)
    assert Enrolment.objects.active().get().version == version


def test_publishing_the_same_draft_lets_stragglers_follow_to_the_live_version() -> None:
    flow = live_flow(PAUSE)
    [old] = enter(flow)
    draft(flow, PAUSE, SEND)
    version = versions.publish(flow, actor=None, now=day(0.1))
    [new] = enter(flow, at=0.2)
    again = versions.publish(flow, actor=None, now=day(0.3), people_inside=PeopleInside.FOLLOW)
    assert (again, again.impact) == (version, {"pause": {"goes_on": 2}})
    assert run_of(old).version == run_of(new).version == version


def test_who_is_over_or_failed_is_left_alone() -> None:
    flow = live_flow(PAUSE)
    done, failed = enter(flow, 2)
    Enrolment.objects.filter(customer=done).update(state="completed", stand="", due_at=None, ended_at=NOON, awaits="")
    Enrolment.objects.filter(customer=failed).update(state="failed", stand="", due_at=None, ended_at=NOON, awaits="")
    draft(flow, MORE)
    for choice in (PeopleInside.FOLLOW, PeopleInside.DRAIN):
        versions.publish(flow, actor=None, now=day(1), people_inside=choice)
    assert [(run_of(one).state, run_of(one).version.number) for one in (done, failed)] == [
        ("completed", 1), ("failed", 1),
    ]  # fmt: skip


@pytest.mark.parametrize("choice", PeopleInside)
def test_what_happens_equals_the_preview(choice: PeopleInside) -> None:
    answer = {"id": "answer", "type": "wait_event", "event": "Order Paid", "timeout": "P5D", "else": []}
    flow = live_flow(PAUSE, answer, MORE, {"id": "last", "type": "wait", "for": "P9D"})
    for moment in (0, 0.5, 1, 2, 6.5, 8):
        runner.run_due(now=day(moment), limit=100)
        enter(flow, 2, at=moment)
    runner.run_due(now=day(8), limit=100)
    runner.run_due(now=day(13), limit=100)
    happens(Enrolment.objects.filter(step="answer").first().customer, "Order Paid", day(13))  # type: ignore[union-attr]
    edited = [
        {**PAUSE, "for": "P2D"},
        {**answer, "timeout": "P8D"},
        {"id": "last", "type": "wait", "for": "P9D"},
    ]
    draft(flow, *edited)
    said = people.preview(flow, flow.draft, choice, now=day(13.1)).as_json()
    inside = Enrolment.objects.active().count()
    with CaptureQueriesContext(connection) as captured:
        people.preview(flow, flow.draft, choice, now=day(13.1))
    assert len(captured) <= 6
    version = versions.publish(flow, actor=None, now=day(13.1), people_inside=choice)
    assert version.impact == said
    assert sum(number for fates in said.values() for number in fates.values()) == inside
    left = Enrolment.objects.filter(ended_at=day(13.1)).count()
    assert left == sum(fates.get("leaves", 0) for fates in said.values())
    due = Enrolment.objects.filter(version=version, due_at=day(13.1)).exclude(stand="").count()
    assert due >= sum(fates.get("due", 0) for fates in said.values())


def test_the_preview_changes_nothing() -> None:
    flow = live_flow(PAUSE)
    enter(flow, 2)
    before = list(Enrolment.objects.order_by("pk").values())
    people.preview(flow, {"trigger": MANUAL, "steps": [MORE]}, PeopleInside.FOLLOW, now=day(1))
    assert list(Enrolment.objects.order_by("pk").values()) == before


def test_more_people_than_one_chunk_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "CHUNK", 2)
    flow = live_flow(PAUSE)
    enter(flow, 5)
    draft(flow, {**PAUSE, "for": "P2D"})
    version = versions.publish(flow, actor=None, now=day(0.5), people_inside=PeopleInside.FOLLOW)
    assert Enrolment.objects.filter(version=version, due_at=day(2)).count() == 5


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_people_who_take_a_step_while_the_edit_is_published_are_carried_from_where_they_then_stand() -> None:
    flow = live_flow(PAUSE, MORE)
    enter(flow, 3)
    draft(flow, PAUSE, {**MORE, "for": "P9D"})

    def publish() -> None:
        versions.publish(flow, actor=None, now=day(1), people_inside=PeopleInside.FOLLOW)
        connections.close_all()

    with transaction.atomic():
        # The runner's own locks, held while the edit is published: everybody moves from a step that was not edited to
        # one that was.
        list(Enrolment.objects.due(day(1)).locked(skip=True))
        publisher = Thread(target=publish)
        publisher.start()
        assert runner.run_due(now=day(1), limit=10) == {"resting": 3}
    publisher.join()
    runs = Enrolment.objects.values_list("version__number", "step", "due_at")
    assert set(runs) == {(2, "more", day(10))}
