"""
django-q's brokers, with the tick built in. See docs/decisions/007.

The tick is made where tasks are fetched, not stored in the queue: it needs no queue to be up, cannot pile up, and each
cluster gets its own, so the heartbeat in it proves this cluster and no other.
"""

import logging
import os
import time
import uuid
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone
from django_q.brokers import Broker
from django_q.brokers.orm import ORM
from django_q.brokers.redis_broker import Redis
from django_q.conf import Conf
from django_q.signing import SignedPackage

from config.lookout import Lookout
from config.schedules import HEARTBEAT, STEPS, TICK

logger = logging.getLogger("waymark.worker")

WORKER_VARIABLE = "WAYMARK_WORKER"
LOOK_SECONDS = 1
SAY_AGAIN_AFTER = 30  # seconds between two words on the same trouble
LOOK_AHEAD = 50  # waiting tasks that are looked at before a bell is rung; there are only as many kinds as bells

Fetched = list[tuple[Any, str]]
AWAY = (DatabaseError, InterfaceError)


class TickingBroker(Broker):  # type: ignore[misc] # django-q ships no types
    """Hands out the tick when it is time, and what the queue holds otherwise."""

    # None while a tick is being pushed: the pause is counted from the end of that, and the queue has its turn first.
    _next_tick: float | None = 0.0
    _next_look = 0.0
    _said_at = float("-inf")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lookout = Lookout()

    def dequeue(self) -> Fetched | None:
        if self._next_tick is None:
            self._next_tick = time.monotonic() + settings.TICK_SECONDS
        elif time.monotonic() >= self._next_tick:
            # A tick without a database is a dozen failures, each in the log; it is made up for once there is one.
            if self._is_away():
                return None
            self._next_tick = None
            worker = os.environ.get(WORKER_VARIABLE, "qcluster")
            return [(None, package(HEARTBEAT, worker)), *((None, package(func)) for func in TICK)]
        elif self._is_step_due():
            return [(None, package(STEPS))]
        fetched: Fetched | None = super().dequeue()
        return fetched

    def _is_step_due(self) -> bool:
        """Look for it once a second: a tick is far too seldom for steps that fall due at a time of their own."""
        if time.monotonic() < self._next_look:
            return False
        self._next_look = time.monotonic() + LOOK_SECONDS
        try:
            return self._lookout.calls(timezone.now())
        except AWAY as problem:
            self._bear(problem)
            return False

    def _is_away(self) -> bool:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except AWAY as problem:
            self._bear(problem)
            return True
        return False

    def _bear(self, problem: Exception) -> None:
        """Wait a moment for the database, and say so now and then."""
        self._say_now_and_then("the database does not say what is due (%s)", problem)
        connection.close()
        time.sleep(LOOK_SECONDS)

    def _say_now_and_then(self, words: str, problem: Exception) -> None:
        if time.monotonic() - self._said_at >= SAY_AGAIN_AFTER:
            self._said_at = time.monotonic()
            logger.warning(words, problem)

    def waiting(self) -> list[str]:
        """The packages that no worker has taken yet, oldest first."""
        raise NotImplementedError

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        """Keep no statistics: twice a second, and the heartbeat says more."""


class OrmBroker(TickingBroker, ORM):  # type: ignore[misc]
    """Waits for its database rather than ending."""

    def dequeue(self) -> Fetched | None:
        try:
            return super().dequeue()
        except AWAY as problem:
            self._bear(problem)
            return None

    def waiting(self) -> list[str]:
        queued = self.get_connection().filter(key=self.list_key, lock__lte=timezone.now()).order_by("pk")
        return list(queued.values_list("payload", flat=True)[:LOOK_AHEAD])


class RedisBroker(TickingBroker, Redis):  # type: ignore[misc]
    """Goes on ticking while Redis is down, and starts without it."""

    def ping(self) -> bool:
        return True

    def dequeue(self) -> Fetched | None:
        try:
            return super().dequeue()
        except redis.RedisError as problem:
            self._say_now_and_then("Redis does not answer (%s); the tick goes on without it", problem)
            time.sleep(settings.TICK_SECONDS / 2)
            return None

    @staticmethod
    def get_connection(list_key: str | None = None) -> redis.Redis:
        # A Redis that hangs must not hold up the request that rings a bell; the answer to BLPOP may take a second.
        return redis.Redis.from_url(Conf.REDIS, socket_connect_timeout=1, socket_timeout=5)

    def waiting(self) -> list[str]:
        return [payload.decode() for payload in self.connection.lrange(self.list_key, 0, LOOK_AHEAD - 1)]


def package(func: str, *args: str) -> str:
    """A signed task as django-q's workers expect it."""
    task = {
        "id": uuid.uuid4().hex,
        "name": func,
        "func": func,
        "args": args,
        "kwargs": {},
        "started": timezone.now(),
        "ack_failure": True,
    }
    signed: str = SignedPackage.dumps(task)
    return signed
