"""From the queue over a real wire and back through the door, as a shop with its own gateway has it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from messaging.models import Attempt, ChannelSettings, Message, ProviderState, Receipt
from messaging.outbox.reconcile import reconcile
from messaging.outbox.sender import send_due
from messaging.services.channels import connect_channel
from tests.factories.messaging import MessageFactory
from tests.messaging.providers.gateway import Gateway, Reply, Taken

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 4, 5, tzinfo=UTC)
SECRET = "a-shared-secret"
State = Message.State


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    def answer(taken: Taken) -> Reply:
        return Reply(json={"id": f"ref-{taken.form['key']}"})

    with Gateway(answer=answer, key_of=lambda taken: taken.form["key"], dedupes=True) as found:
        connect(found)
        yield found


def connect(gateway: Gateway, **changes: Any) -> ChannelSettings:
    config = {
        "url": f"{gateway.address}/send",
        "form": {"key": "{{ message.key }}", "to": "{{ message.to }}", "text": "{{ message.body }}"},
        "success": {"reference": "id"},
        "repeat": "key",
        "receipts": {"secret": SECRET, "reference": "id", "status": "status", "states": {"DELIVRD": "delivered"}},
        "inbound": {"secret": SECRET, "from": "from", "text": "text", "id": "id"},
        **changes,
    }
    return connect_channel(channel="sms", provider="http_sms", sender="", max_per_second=0, config=config)


def queued(count: int = 1) -> list[Message]:
    return MessageFactory.create_batch(count, due_at=NOW, planned_at=NOW)


def states() -> list[str]:
    return sorted(Message.objects.values_list("state", flat=True))


def door(what: str = "receipts", token: str = SECRET) -> str:
    return f"/hooks/messages/{ChannelSettings.objects.get(channel='sms').hook_token}/{what}/?token={token}"


def test_a_message_goes_out_and_its_receipt_comes_home(gateway: Gateway, client: Client) -> None:
    (message,) = queued()
    send_due(now=NOW, limit=10)
    message.refresh_from_db()
    assert (message.state, message.provider_reference) == (State.SENT, f"ref-{message.key}")
    assert gateway.accepts == {message.key: 1}
    receipt = {"id": message.provider_reference, "status": "DELIVRD"}
    for _ in range(3):  # gateways repeat themselves
        assert client.post(door(), receipt, content_type="application/json").status_code == 200
    message.refresh_from_db()
    assert message.state == State.DELIVERED
    assert Receipt.objects.count() == 1


def test_a_receipt_without_the_secret_changes_nothing(gateway: Gateway, client: Client) -> None:
    (message,) = queued()
    send_due(now=NOW, limit=10)
    receipt = {"id": f"ref-{message.key}", "status": "DELIVRD"}
    answer = client.post(door(token="guessed"), receipt, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "bad_signature")
    assert states() == [State.SENT]
    assert not Receipt.objects.exists()


def test_a_stop_over_the_gateway_is_obeyed(gateway: Gateway, client: Client) -> None:
    (message,) = queued()
    number = message.address.removeprefix("+")
    assert client.get(door("inbound"), {"token": SECRET, "from": number, "text": "STOP", "id": "1"}).status_code == 200
    send_due(now=NOW, limit=10)
    message.refresh_from_db()
    assert (message.state, message.reason) == (State.WITHHELD, "suppressed")
    assert message.key not in gateway.accepts


def test_accepted_and_then_a_500_is_one_message(gateway: Gateway) -> None:
    (message,) = queued()
    gateway.will(Reply(500, body="oops", accepts=True))
    send_due(now=NOW, limit=10)
    assert states() == [State.UNKNOWN]
    reconcile(now=NOW + timedelta(seconds=1))
    send_due(now=NOW + timedelta(minutes=2), limit=10)
    assert states() == [State.SENT]
    assert gateway.accepts == {message.key: 1}


def test_a_429_stops_the_account_for_as_long_as_it_says_and_costs_no_attempt(gateway: Gateway) -> None:
    queued(3)
    connect(gateway, in_flight=1)
    gateway.will(Reply(429, body="slow down", headers={"Retry-After": "120"}))
    send_due(now=NOW, limit=10)
    assert len(gateway.taken) == 1
    send_due(now=NOW + timedelta(seconds=119), limit=10)
    assert len(gateway.taken) == 1
    assert states() == [State.QUEUED] * 3
    assert set(Message.objects.values_list("attempts", flat=True)) == {0}
    send_due(now=NOW + timedelta(seconds=121), limit=10)
    assert states() == [State.SENT] * 3


def test_refused_credentials_stop_the_channel_until_a_person_enters_new_ones(gateway: Gateway) -> None:
    queued(5)
    gateway.will(*[Reply(401, body="no such key")] * 5)
    for minutes in range(5):
        send_due(now=NOW + timedelta(minutes=minutes), limit=10)
    assert states() == [State.QUEUED] * 5
    assert ProviderState.objects.get().breaker == ProviderState.Breaker.TRIPPED
    assert set(Attempt.objects.values_list("outcome", flat=True)) == {"account_refused"}
    connect(gateway)
    send_due(now=NOW + timedelta(minutes=9), limit=10)
    assert states() == [State.SENT] * 5


def test_what_no_database_keeps_stops_nothing(gateway: Gateway) -> None:
    queued(3)
    gateway.will(Reply(400, body="bad\0news"), Reply(json={"id": "ref\0-1"}), Reply(500, body="\0"))
    send_due(now=NOW, limit=10)
    assert states() == [State.FAILED, State.SENT, State.UNKNOWN]
    assert Message.objects.get(state=State.FAILED).detail == "400 badnews"
    assert Message.objects.get(state=State.SENT).provider_reference == "ref-1"


def test_settings_that_are_no_longer_taken_keep_the_messages_waiting(gateway: Gateway) -> None:
    queued()
    row = ChannelSettings.objects.get(channel="sms")
    row.config = {"url": "gone"}
    row.save()
    send_due(now=NOW, limit=10)
    assert states() == [State.QUEUED]
    assert gateway.taken == []
