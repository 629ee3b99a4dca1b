"""The brokers hand out the tick when it is time, and the queue in between."""

import os
import uuid
from types import SimpleNamespace

import pytest
from django_q.conf import Conf
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from config import broker
from config.broker import OrmBroker, RedisBroker, package
from config.schedules import TICK

HEARTBEAT_FIRST = ["crm.tasks.beat", *TICK]


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    clock = SimpleNamespace(at=1000.0)
    monkeypatch.setattr(broker, "time", SimpleNamespace(monotonic=lambda: clock.at))
    return clock


@pytest.fixture
def redis_broker(monkeypatch):
    """A Redis broker with a queue of its own."""
    monkeypatch.setattr(Conf, "REDIS", os.environ["REDIS_URL"])
    made = RedisBroker(list_key=f"test-{uuid.uuid4().hex}")
    yield made
    made.delete_queue()
    made.connection.close()


def funcs(fetched: broker.Fetched | None) -> list[str]:
    return [SignedPackage.loads(payload)["func"] for _, payload in fetched or []]


@pytest.mark.django_db
def test_the_tick_comes_at_once_then_the_queue_then_the_tick_again(clock, settings):
    settings.TICK_SECONDS = 15
    ticking = OrmBroker()
    for name in ("first", "second"):
        ticking.enqueue(package(name))

    assert funcs(ticking.dequeue()) == HEARTBEAT_FIRST
    # Pushing the tick to a busy pool took a minute: the queue still has its turn before the next tick.
    clock.at += 60
    assert funcs(ticking.dequeue()) == ["first"]
    clock.at += 14
    assert funcs(ticking.dequeue()) == ["second"]
    clock.at += 1
    assert funcs(ticking.dequeue()) == HEARTBEAT_FIRST


@pytest.mark.django_db
def test_the_heartbeat_names_the_worker_it_belongs_to(monkeypatch):
    monkeypatch.setenv("WAYMARK_WORKER", "worker:shop-1:42")

    heartbeat, *_rest = OrmBroker().dequeue()

    assert SignedPackage.loads(heartbeat[1])["args"] == ("worker:shop-1:42",)
    assert heartbeat[0] is None


@pytest.mark.django_db
def test_a_tick_leaves_nothing_in_the_queue():
    OrmBroker().dequeue()

    assert OrmQ.objects.count() == 0


@pytest.mark.django_db
def test_what_a_worker_has_taken_no_longer_waits(clock):
    ticking = OrmBroker()
    ticking.enqueue(package("first"))
    ticking.enqueue(package("second"))
    ticking.dequeue()  # the tick

    ticking.dequeue()

    assert [SignedPackage.loads(payload)["func"] for payload in ticking.waiting()] == ["second"]


@pytest.mark.redis
def test_redis_carries_tick_and_queue_alike(redis_broker):
    redis_broker.enqueue(package("first"))
    redis_broker.enqueue(package("second"))

    assert [SignedPackage.loads(payload)["func"] for payload in redis_broker.waiting()] == ["first", "second"]
    assert funcs(redis_broker.dequeue()) == HEARTBEAT_FIRST
    assert [SignedPackage.loads(payload)["func"] for _, payload in redis_broker.dequeue()] == ["first"]
    assert [SignedPackage.loads(payload)["func"] for payload in redis_broker.waiting()] == ["second"]


def test_a_redis_that_is_down_does_not_stop_the_tick(monkeypatch, caplog):
    monkeypatch.setattr(Conf, "REDIS", "redis://127.0.0.1:1/0")
    slept: list[float] = []
    clock = SimpleNamespace(at=1000.0)
    monkeypatch.setattr(broker, "time", SimpleNamespace(monotonic=lambda: clock.at, sleep=slept.append))
    ticking = RedisBroker()

    assert ticking.ping()
    assert funcs(ticking.dequeue()) == HEARTBEAT_FIRST
    assert ticking.dequeue() is None
    clock.at += 15
    assert funcs(ticking.dequeue()) == HEARTBEAT_FIRST
    assert slept == [7.5]
    assert [record.message.split(" (")[0] for record in caplog.records] == ["Redis does not answer"]
