"""Figures of providers, from the calls and the messages of the time asked for."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from messaging.models import Attempt, ChannelSettings, Message
from messaging.selectors.deliveries import Health, Outcome, healths, hourly
from tests.factories.crm import NOON
from tests.factories.messaging import MessageFactory

pytestmark = pytest.mark.django_db
State = Message.State
SINCE = NOON - timedelta(hours=24)


@pytest.fixture(autouse=True)
def _sms_alone() -> None:
    ChannelSettings.objects.exclude(channel="sms").delete()


def sent(
    state: str, *tries: tuple[str, int | None], at: datetime = NOON, provider: str = "sandbox", **more: Any
) -> Any:
    """A message in `state` with these calls (outcome, milliseconds), the last of them at `at`."""
    message = MessageFactory.create(state=state, provider=provider, wire_at=at, **more)
    for number, (outcome, milliseconds) in enumerate(tries):
        Attempt.objects.create(
            message=message, token=str(number), provider=provider, started_at=at, outcome=outcome,
            milliseconds=milliseconds,
        )  # fmt: skip
    return message


def of_sms(now: datetime = NOON) -> Health:
    (health,) = healths(since=SINCE, now=now)
    return health


def test_calls_are_counted_by_how_they_ended_and_messages_by_what_became_of_them():
    later = {"sent_at": NOON, "delivered_at": NOON + timedelta(seconds=3)}
    sent(State.DELIVERED, ("temporary", 40), ("accepted", 20), **later)
    sent(State.DELIVERED, ("accepted", 30), sent_at=NOON, delivered_at=NOON + timedelta(seconds=60))
    sent(State.SENT, ("accepted", 25))
    sent(State.FAILED, ("temporary", 10), ("unknown_address", 15))
    sent(State.UNKNOWN, ("", None))

    health = of_sms()

    assert (health.calls, health.accepted) == (7, 3)
    assert health.outcomes == [Outcome("temporary", 2), Outcome("", 1), Outcome("unknown_address", 1)]
    assert (health.typical_ms, health.longest_ms) == (20, 40)
    assert health.states == Counter({State.DELIVERED: 2, State.SENT: 1, State.FAILED: 1, State.UNKNOWN: 1})
    assert (health.taken, health.unclear) == (4, 1)
    assert health.typical_delivery == timedelta(seconds=3)


def test_what_was_before_the_time_asked_for_does_not_count():
    sent(State.SENT, ("accepted", 20), at=SINCE - timedelta(seconds=1))
    sent(State.SENT, ("accepted", 30), at=SINCE)

    health = of_sms()

    assert (health.calls, health.typical_ms, health.states) == (1, 30, Counter({State.SENT: 1}))


def test_a_provider_no_longer_used_is_told_of_beside_the_one_in_use():
    sent(State.SENT, ("accepted", 20), provider="http_sms")

    now_used, before = healths(since=SINCE, now=NOON)

    assert (now_used.provider, now_used.calls, now_used.row is None) == ("sandbox", 0, False)
    assert (before.provider, before.calls, before.row is None) == ("http_sms", 1, True)


def test_what_is_due_and_waits_is_told_with_its_age():
    MessageFactory.create(due_at=NOON - timedelta(minutes=7))
    MessageFactory.create(due_at=NOON)
    MessageFactory.create(due_at=NOON + timedelta(seconds=1))

    assert (of_sms().waiting, of_sms().oldest) == (2, NOON - timedelta(minutes=7))


def test_nothing_at_all_is_no_error():
    health = of_sms()

    assert (health.calls, health.typical_ms, health.typical_delivery, health.waiting) == (0, None, None, 0)


def test_the_queries_are_as_few_for_many_messages_and_providers(django_assert_max_num_queries):
    for provider in ("sandbox", "http_sms", "twilio"):
        sent(State.SENT, ("accepted", 20), provider=provider)

    with django_assert_max_num_queries(6):
        assert len(healths(since=SINCE, now=NOON)) == 3


def test_hours_are_those_of_the_shop():
    at = datetime(2026, 3, 4, 16, 59, 59, tzinfo=UTC)  # 23:59:59 in Bangkok
    sent(State.SENT, ("accepted", 20), at=at)
    sent(State.FAILED, ("refused", 20), at=at + timedelta(seconds=1))
    bangkok = ZoneInfo("Asia/Bangkok")

    by_hour = hourly("sms", "sandbox", since=at, zone=bangkok)

    assert by_hour == {
        datetime(2026, 3, 4, 23, tzinfo=bangkok): Counter(accepted=1),
        datetime(2026, 3, 5, 0, tzinfo=bangkok): Counter(refused=1),
    }
