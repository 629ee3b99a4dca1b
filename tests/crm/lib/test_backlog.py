"""Past a limit the doors for events ask callers to come later; counting costs them next to nothing."""

from datetime import timedelta
from typing import Any

import pytest

from crm.lib import backlog
from crm.models import FailedReaction
from tests.factories.crm import NOON
from tests.factories.journeys import EnrolmentFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def counted_anew(settings: Any) -> None:
    backlog.forget()
    settings.EVENT_BACKLOG_LIMIT = 2


def waiting(steps: int = 0, *, paused: int = 0, reactions: int = 0) -> None:
    EnrolmentFactory.create_batch(steps)
    EnrolmentFactory.create_batch(paused, is_paused=True)
    if reactions:
        event = EnrolmentFactory().customer.events.earliest("pk")
        for number in range(reactions):
            FailedReaction.objects.create(event=event, receiver=str(number), error="x", failed_at=NOON, retry_at=NOON)


def test_it_is_full_past_the_limit_and_not_at_it() -> None:
    waiting(steps=2)
    assert not backlog.is_full(NOON)
    waiting(steps=1)
    backlog.forget()
    assert backlog.is_full(NOON)


def test_steps_not_yet_due_and_those_of_paused_flows_wait_for_nobody() -> None:
    waiting(steps=3, paused=3)
    assert not backlog.is_full(NOON - timedelta(seconds=1))


def test_facts_without_a_reaction_count_as_well() -> None:
    waiting(reactions=2)
    assert backlog.is_full(NOON)


def test_one_count_serves_for_seconds(django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(backlog.time, "monotonic", lambda: clock[0])
    with django_assert_num_queries(2):
        for clock[0] in (0.0, 1.0, 4.9):
            backlog.is_full(NOON)
    with django_assert_num_queries(2):
        clock[0] = 5.0
        backlog.is_full(NOON)


def test_counting_stops_at_the_limit() -> None:
    asked: list[int] = []
    backlog.measure("a test")(lambda now, most: asked.append(most) or 0)  # type: ignore[func-returns-value]
    try:
        waiting(steps=1)
        assert not backlog.is_full(NOON)
    finally:
        del backlog._measures["a test"]
    assert asked == [2]
