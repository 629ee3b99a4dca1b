"""A gateway that is down, or answers nothing but errors, for a while: over real HTTP."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from messaging.models import Attempt, ChannelSettings, Message, ProviderState
from messaging.outbox.reconcile import reconcile
from messaging.outbox.sender import send_due
from messaging.selectors import books
from tests.factories.messaging import MessageFactory, states
from tests.messaging.providers.gateway import Gateway, Hangup, Reply, Silence
from tools.services import free_port

pytestmark = pytest.mark.django_db

DAY = datetime(2026, 3, 4, 5, tzinfo=UTC)
MESSAGES = 12


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway(
        answer=lambda taken: Reply(json={"id": f"ref-{taken.json['key']}"}), key_of=lambda taken: taken.json["key"],
        dedupes=True,
    )  # fmt: skip
    with made:
        yield made


def connect(address: str, **more: Any) -> None:
    row = ChannelSettings.objects.get(channel="sms")
    row.provider = "http_sms"
    row.config = {
        "url": f"{address}/messages",
        "json": {"key": "{{ message.key }}", "to": "{{ message.to }}", "text": "{{ message.body }}"},
        "success": {"status": [200], "reference": "id"},
        **more,
    }
    row.save()


def tick(seconds: float) -> dict[str, int]:
    """What a worker does at its tick, so long after the beginning."""
    now = DAY + timedelta(seconds=seconds)
    reconcile(now=now)
    return dict(send_due(now=now, limit=1000))


def breaker() -> str:
    return ProviderState.objects.get(channel__channel="sms").breaker


def test_a_gateway_that_is_down_costs_no_message_an_attempt_and_gets_each_once_when_it_is_back(
    gateway: Gateway,
) -> None:
    MessageFactory.create_batch(MESSAGES, queued_at=DAY)
    connect(f"http://127.0.0.1:{free_port()}")
    tick(0)
    assert states() == ["queued"] * MESSAGES
    assert breaker() == "open"
    assert Counter(Message.objects.values_list("attempts", "reason")) == {(0, "not_connected"): 10, (0, ""): 2}
    tried = Attempt.objects.count()
    tick(10)
    assert Attempt.objects.count() == tried, "nothing is tried before the probe"

    connect(gateway.address)
    for seconds in (31, 62, 93, 124):
        tick(seconds)

    assert states() == ["sent"] * MESSAGES
    assert breaker() == "closed"
    assert sorted(gateway.accepts.values()) == [1] * MESSAGES
    assert len(gateway.taken) == MESSAGES


def test_a_gateway_that_only_errs_is_left_alone_but_for_a_probe_and_recovers_by_itself(gateway: Gateway) -> None:
    MessageFactory.create_batch(40, queued_at=DAY)
    connect(gateway.address, repeat="key")
    gateway.will(*(Reply(500, accepts=False) for _ in range(12)))

    tick(0)

    assert breaker() == "open"
    assert len(gateway.taken) == 10, "a gateway that has not shown itself well gets a few calls, and no more"
    tick(15)
    assert len(gateway.taken) == 10
    for seconds in range(31, 600, 31):
        tick(seconds)
    assert states() == ["sent"] * 40
    assert breaker() == "closed"
    assert not Message.objects.filter(state="failed").exists()
    assert sorted(gateway.accepts.values()) == [1] * 40
    assert max(Message.objects.values_list("attempts", flat=True)) <= 2


def test_a_gateway_that_asks_for_patience_gets_it(gateway: Gateway) -> None:
    MessageFactory.create_batch(3, queued_at=DAY)
    connect(gateway.address, in_flight=1)
    gateway.will(Reply(429, headers={"Retry-After": "120"}))

    tick(0)
    for seconds in (1, 60, 119):
        tick(seconds)
        assert len(gateway.taken) == 1
    tick(121)

    assert states() == ["sent"] * 3
    assert set(Message.objects.values_list("attempts", flat=True)) == {1}


@pytest.mark.parametrize("answer", [Silence(), Hangup(), Hangup(half=True), Reply(500, accepts=True)])
def test_a_gateway_that_takes_a_message_and_never_says_so_gets_it_once(gateway: Gateway, answer: Any) -> None:
    (message,) = MessageFactory.create_batch(1, queued_at=DAY)
    connect(gateway.address, timeout=1, repeat="key")
    gateway.will(answer)

    tick(0)
    assert states() == ["unknown"]
    tick(100)
    tick(200)

    assert states() == ["sent"]
    assert gateway.accepts == {message.key: 1}
    assert Message.objects.get().crashes == 0
    with books.accepts([{"line": 1, "message": message.key}]):
        assert [*books.doubled(), *books.unwritten(), *books.not_accepted(since=DAY)] == []


def test_a_revoked_key_stops_the_account_until_a_person_acts_and_fails_nothing(gateway: Gateway) -> None:
    MessageFactory.create_batch(6, queued_at=DAY)
    connect(gateway.address, in_flight=3)
    gateway.will(*(Reply(401) for _ in range(3)))

    tick(0)
    tick(3600)

    assert breaker() == "tripped"
    assert len(gateway.taken) == 3
    assert states() == ["queued"] * 6
    assert set(Message.objects.values_list("attempts", flat=True)) == {0}
