"""Calls that are owed are made: signed, again where need be under the same id, and never to the wrong place."""

from __future__ import annotations

import socket
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from crm.hooks import calls, deliver
from crm.hooks.secrets import replace_shop_secret, shop_secret
from crm.models import HookDelivery, WebhookEndpoint
from crm.services import hooks
from crm.services.hooks import HookCall
from tests.crm.hooks.receiver import Receiver
from tests.factories.crm import NOON, CustomerFactory

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
State = HookDelivery.State


def owe(url: str, *, key: str = "one", endpoint: WebhookEndpoint | None = None, now: datetime = NOON) -> HookDelivery:
    call = HookCall(
        url=url, event="Order Completed", body={"order": "สั่งซื้อ", "n": 1}, dedupe_key=key,
        customer_id=CustomerFactory.create().pk, endpoint_id=endpoint.pk if endpoint else None,
    )  # fmt: skip
    return hooks.queue_calls([call], now=now)[0]


def endpoint_of(receiver: Receiver) -> tuple[WebhookEndpoint, str]:
    made = hooks.create_endpoint(url=receiver.url, events=["Order Completed"], actor=None, now=NOON)
    return made.endpoint, made.secret


def again(delivery: HookDelivery) -> HookDelivery:
    delivery.refresh_from_db()
    return delivery


# --- that it arrives --------------------------------------------------------------------------


def test_a_call_arrives_signed_as_standard_webhooks_has_it(receiver: Receiver) -> None:
    now = timezone.now()  # the library refuses what is more than five minutes old
    delivery = owe(receiver.url, now=now)
    assert deliver.deliver_due(now=now, limit=10) == {"delivered": 1}
    (got,) = receiver.calls
    assert (got.path, got.headers["content-type"]) == ("/in", "application/json")
    assert got.headers["webhook-id"] == f"msg_{delivery.public_id.hex}"
    assert Webhook(shop_secret()).verify(got.body, dict(got.headers)) == {"order": "สั่งซื้อ", "n": 1}
    found = again(delivery)
    assert (found.state, found.status, found.attempts, found.ended_at) == ("delivered", 204, 1, now)


def test_an_endpoint_has_a_secret_of_its_own_and_the_shops_can_be_replaced(receiver: Receiver) -> None:
    endpoint, secret = endpoint_of(receiver)
    now = timezone.now()
    first = owe(receiver.url, endpoint=endpoint, now=now)
    replaced = replace_shop_secret()
    owe(receiver.url, key="two", now=now)
    deliver.deliver_due(now=now, limit=10)
    to_endpoint, by_flow = sorted(  # both are on the way at once: either may arrive first
        receiver.calls, key=lambda got: got.headers["webhook-id"] != f"msg_{first.public_id.hex}"
    )
    assert Webhook(secret).verify(to_endpoint.body, dict(to_endpoint.headers))
    assert Webhook(replaced).verify(by_flow.body, dict(by_flow.headers))
    assert len({secret, replaced, shop_secret()}) == 2


def test_what_is_not_due_yet_waits(receiver: Receiver) -> None:
    owe(receiver.url)
    assert deliver.deliver_due(now=NOON - timedelta.resolution, limit=10) == {}
    assert receiver.calls == []


def test_no_transaction_is_open_while_calls_are_made(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    owe(receiver.url)
    depth = len(transaction.get_connection().savepoint_ids)
    seen: list[int] = []

    def watched(given: Any) -> Any:
        seen.append(len(transaction.get_connection().savepoint_ids))
        return calls.make_calls(given)

    monkeypatch.setattr(deliver, "make_calls", watched)
    deliver.deliver_due(now=NOON, limit=10)
    assert seen == [depth]


# --- that it does not -------------------------------------------------------------------------


def test_a_refusal_is_tried_again_with_the_same_id_longer_and_longer(receiver: Receiver) -> None:
    receiver.status, receiver.body = 500, b"down for maintenance" + b"!" * 1000
    delivery = owe(receiver.url)
    waits, now = [], NOON
    while len(waits) < 8:
        deliver.deliver_due(now=now, limit=10)
        found = again(delivery)
        assert (found.state, found.reason, found.status) == ("queued", "refused", 500)
        assert found.detail == "down for maintenance" + "!" * 280
        waits.append(found.due_at - now)
        now = found.due_at
    expected = [5, 30, 120, 600, 1800, 3600, 3600, 3600]
    assert all(0.8 * s <= wait.total_seconds() <= min(1.2 * s, 3600) for s, wait in zip(expected, waits, strict=True))
    assert len({got.headers["webhook-id"] for got in receiver.calls}) == 1
    receiver.status = 200
    assert deliver.deliver_due(now=now, limit=10) == {"delivered": 1}
    assert again(delivery).attempts == 9


def test_a_receiver_says_how_long_to_leave_it_alone(receiver: Receiver) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": "900"}
    delivery = owe(receiver.url)
    deliver.deliver_due(now=NOON, limit=10)
    assert again(delivery).due_at == NOON + timedelta(minutes=15)


def test_after_a_day_the_last_try_is_made_and_then_it_has_failed(receiver: Receiver) -> None:
    receiver.status = 503
    delivery = owe(receiver.url)
    HookDelivery.objects.update(due_at=NOON + 23.9 * HOUR, attempts=30)
    deliver.deliver_due(now=NOON + 23.9 * HOUR, limit=10)
    assert again(delivery).due_at == NOON + 24 * HOUR
    assert deliver.deliver_due(now=NOON + 24 * HOUR, limit=10) == {"failed": 1}
    assert (again(delivery).reason, delivery.ended_at) == ("refused", NOON + 24 * HOUR)


def test_who_took_nothing_for_a_day_is_switched_off_with_the_reason(receiver: Receiver) -> None:
    endpoint, _secret = endpoint_of(receiver)
    receiver.status = 503
    owe(receiver.url, endpoint=endpoint)
    deliver.deliver_due(now=NOON + 24 * HOUR, limit=10)
    endpoint.refresh_from_db()
    assert (endpoint.is_active, endpoint.disabled_at) == (False, NOON + 24 * HOUR)
    assert endpoint.disabled_reason == "refused: 503"
    owed = owe(receiver.url, key="two", endpoint=endpoint, now=NOON + 24 * HOUR)
    assert deliver.deliver_due(now=NOON + 25 * HOUR, limit=10) == {}
    receiver.status = 200
    hooks.edit_endpoint(endpoint, {"is_active": True})
    assert deliver.deliver_due(now=NOON + 25 * HOUR, limit=10) == {"delivered": 1}
    assert again(owed).state == State.DELIVERED
    assert (endpoint.disabled_at, endpoint.disabled_reason) == (None, "")


def test_who_refuses_one_call_and_takes_others_stays_on(receiver: Receiver) -> None:
    endpoint, _secret = endpoint_of(receiver)
    bad = owe(receiver.url, endpoint=endpoint)
    owe(receiver.url, key="good", endpoint=endpoint)
    HookDelivery.objects.filter(pk=bad.pk).update(due_at=NOON + 24 * HOUR)
    deliver.deliver_due(now=NOON + HOUR, limit=10)
    receiver.status = 400
    assert deliver.deliver_due(now=NOON + 24 * HOUR, limit=10) == {"failed": 1}
    endpoint.refresh_from_db()
    assert endpoint.is_active


def test_who_says_that_they_are_gone_is_switched_off_at_once(receiver: Receiver) -> None:
    endpoint, _secret = endpoint_of(receiver)
    receiver.status = 410
    owe(receiver.url, endpoint=endpoint)
    assert deliver.deliver_due(now=NOON, limit=10) == {"failed": 1}
    endpoint.refresh_from_db()
    assert not endpoint.is_active


def test_nobody_listening_is_tried_again_and_what_else_is_in_line_for_them_waits(settings: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{free.getsockname()[1]}"
    settings.WEBHOOK_TRUSTED = frozenset({place})
    made = hooks.create_endpoint(url=f"http://{place}/", events=["x"], actor=None, now=NOON)
    first = owe(f"http://{place}/", endpoint=made.endpoint)
    deliver.deliver_due(now=NOON, limit=1)
    other = owe(f"http://{place}/", key="two", endpoint=made.endpoint)
    HookDelivery.objects.filter(pk=first.pk).update(due_at=NOON)
    deliver.deliver_due(now=NOON, limit=1)
    assert (again(first).state, first.reason, first.attempts) == ("queued", "no_answer", 2)
    assert (again(other).attempts, other.due_at) == (0, first.due_at)


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.status, receiver.headers = 302, {"Location": f"http://127.0.0.1:{receiver.port}/elsewhere"}
    delivery = owe(receiver.url)
    deliver.deliver_due(now=NOON, limit=10)
    assert [got.path for got in receiver.calls] == ["/in"]
    assert (again(delivery).state, delivery.status) == ("queued", 302)


def test_a_receiver_that_does_not_answer_in_time_is_tried_again(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "TIMEOUT", timedelta(milliseconds=200))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr("django.conf.settings.WEBHOOK_TRUSTED", frozenset({place}))
        delivery = owe(f"http://{place}/")
        deliver.deliver_due(now=NOON, limit=10)
    assert (again(delivery).state, delivery.reason) == ("queued", "no_answer")
    assert delivery.detail == "no answer within 0.2 s"


# --- that it goes nowhere else ----------------------------------------------------------------


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let hosts resolve to these addresses, another answer each time; returns the hosts that were asked for."""
    asked: list[str] = []
    left = list(answers)

    async def getaddrinfo(self: Any, host: str, port: int, **kwargs: Any) -> list[Any]:
        asked.append(host)
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr("asyncio.base_events.BaseEventLoop.getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["169.254.169.254"]])
def test_a_name_that_leads_into_our_network_is_blocked_and_sees_no_connection(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    resolving(monkeypatch, addresses)
    delivery = owe("http://rebound.example/in")
    assert deliver.deliver_due(now=NOON, limit=10) == {"failed": 1}
    assert (again(delivery).reason, delivery.attempts) == ("blocked_address", 1)
    assert receiver.connections == 0


def test_a_name_is_resolved_once_and_the_call_goes_to_what_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = resolving(monkeypatch, ["93.184.216.34"], ["127.0.0.1"])
    connected: list[str] = []

    async def connect(self: Any, factory: Any, *args: Any, **kwargs: Any) -> Any:
        raise OSError("no network in tests")

    async def start(*args: Any, addr_infos: Any, **kwargs: Any) -> Any:
        connected.extend(info[4][0] for info in addr_infos)
        raise OSError("no network in tests")

    monkeypatch.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", start)
    delivery = owe("http://rebound.example/in")
    deliver.deliver_due(now=NOON, limit=10)
    assert connected == ["93.184.216.34"]
    assert asked == ["rebound.example"]
    assert (again(delivery).state, delivery.reason) == ("queued", "no_answer")


@pytest.mark.parametrize("url", ["http://127.1/", "http://[::ffff:7f00:1]/", "http://hooks.example.com:22/"])
def test_an_address_that_came_past_the_door_is_blocked_all_the_same(receiver: Receiver, url: str) -> None:
    delivery = owe(url)
    assert deliver.deliver_due(now=NOON, limit=10) == {"failed": 1}
    assert again(delivery).reason == "blocked_address"


def test_trust_in_one_port_is_no_trust_in_another(receiver: Receiver, settings: Any) -> None:
    settings.WEBHOOK_TRUSTED = frozenset({"127.0.0.1:1"})
    delivery = owe(receiver.url)
    deliver.deliver_due(now=NOON, limit=10)
    assert (again(delivery).reason, receiver.connections) == ("blocked_address", 0)


# --- several workers, and those that die ------------------------------------------------------


def test_a_call_in_another_workers_hands_is_left_to_it_until_its_lease_ends(receiver: Receiver) -> None:
    delivery = owe(receiver.url)
    (claimed,) = deliver._claim("dead", now=NOON, limit=10)
    assert claimed == delivery
    assert deliver.deliver_due(now=NOON + deliver.LEASE - timedelta.resolution, limit=10) == {}
    assert deliver.deliver_due(now=NOON + deliver.LEASE, limit=10) == {"delivered": 1}
    assert receiver.calls[0].headers["webhook-id"] == delivery.webhook_id


def test_a_worker_that_lost_its_lease_writes_nothing(receiver: Receiver) -> None:
    delivery = owe(receiver.url)
    claimed = deliver._claim("slow", now=NOON, limit=10)
    deliver.deliver_due(now=NOON + deliver.LEASE, limit=10)
    deliver._note(claimed, [calls.Answer(calls.REFUSED, 500)], "slow", now=NOON + deliver.LEASE)
    assert (again(delivery).state, delivery.status) == ("delivered", 204)


def test_the_number_of_queries_does_not_grow_with_the_batch(
    receiver: Receiver, django_assert_max_num_queries: Any
) -> None:
    used = []
    shop_secret()  # there from now on
    for size in (2, 20):
        for number in range(size):
            owe(receiver.url, key=f"{size}:{number}")
        with django_assert_max_num_queries(40) as queries:
            deliver.deliver_due(now=NOON, limit=size)
        used.append(len(queries))
    assert used[0] == used[1]


# --- what staff can do ------------------------------------------------------------------------


def test_what_failed_or_arrived_can_be_replayed_with_the_same_id_and_body(receiver: Receiver) -> None:
    delivery = owe(receiver.url)
    deliver.deliver_due(now=NOON, limit=10)
    later = NOON + 3 * HOUR
    assert hooks.replay(again(delivery), now=later)
    assert (again(delivery).state, delivery.attempts, delivery.expires_at) == ("queued", 0, later + 24 * HOUR)
    deliver.deliver_due(now=later, limit=10)
    first, second = receiver.calls
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


def test_what_is_still_in_line_and_what_never_had_a_body_is_not_replayed() -> None:
    waiting = owe("https://hooks.example.com/")
    assert not hooks.replay(waiting, now=NOON)
    call = HookCall(url="https://hooks.example.com/", event="x", body=None, dedupe_key="two", fault="template_error")
    (faulty,) = hooks.queue_calls([call], now=NOON)
    assert not hooks.replay(faulty, now=NOON)
