"""The brokers hand out the tick when it is time, and the queue in between."""

import os
import uuid
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from django.db import InterfaceError, OperationalError
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
def test_while_the_database_is_away_there_is_no_tick_and_a_word_every_half_minute(clock, monkeypatch, caplog):
    away = SimpleNamespace(cursor=Mock(side_effect=OperationalError("gone")), close=Mock())
    monkeypatch.setattr(broker, "connection", away)
    monkeypatch.setattr(broker.time, "sleep", lambda seconds: setattr(clock, "at", clock.at + seconds), raising=False)
    ticking = OrmBroker()

    for _second in range(90):
        assert ticking.dequeue() is None

    assert [record.message for record in caplog.records] == ["the database does not say what is due (gone)"] * 3
    assert away.close.call_count == 90


@pytest.mark.django_db
def test_when_it_is_back_the_tick_comes_at_once(clock, monkeypatch):
    monkeypatch.setattr(broker.time, "sleep", lambda seconds: None, raising=False)
    ticking = OrmBroker()
    with monkeypatch.context() as gone:
        gone.setattr(broker, "connection", SimpleNamespace(cursor=Mock(side_effect=OperationalError), close=Mock()))
        assert ticking.dequeue() is None

    assert funcs(ticking.dequeue()) == HEARTBEAT_FIRST


@pytest.mark.django_db
def test_a_queue_that_cannot_be_read_does_not_end_whoever_reads_it(clock, monkeypatch):
    monkeypatch.setattr(broker.time, "sleep", lambda seconds: None, raising=False)
    monkeypatch.setattr(broker, "connection", SimpleNamespace(close=Mock()))
    monkeypatch.setattr(broker.ORM, "dequeue", Mock(side_effect=InterfaceError("closed")))
    ticking = OrmBroker()
    ticking._next_tick = ticking._next_look = clock.at + 60

    assert ticking.dequeue() is None


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
@pytest.mark.django_db
def test_redis_carries_tick_and_queue_alike(redis_broker):
    redis_broker.enqueue(package("first"))
    redis_broker.enqueue(package("second"))

    assert [SignedPackage.loads(payload)["func"] for payload in redis_broker.waiting()] == ["first", "second"]
    assert funcs(redis_broker.dequeue()) == HEARTBEAT_FIRST
    assert [SignedPackage.loads(payload)["func"] for _, payload in redis_broker.dequeue()] == ["first"]
    assert [SignedPackage.loads(payload)["func"] for payload in redis_broker.waiting()] == ["second"]


@pytest.mark.django_db
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
