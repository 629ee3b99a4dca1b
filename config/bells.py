"""What a bell does: it queues the task that looks for due work, unless one waits already."""

import logging
from functools import cache

from django.db import DatabaseError
from django_q.brokers import get_broker
from django_q.signing import BadSignature, SignedPackage
from redis import RedisError

from config.broker import TickingBroker, package
from config.schedules import BELLS

logger = logging.getLogger("waymark.bells")


def enqueue(name: str) -> None:
    """
    Queue the task that answers bell `name`, at most one of a kind at a time.

    A queue that is down costs lateness only, so it is logged and never felt by whoever rang.

    Raises:
        KeyError: config.schedules.BELLS has no such bell.
    """
    func = BELLS[name]
    try:
        broker = _broker()
        if not any(_is_for(func, waiting) for waiting in broker.waiting()):
            broker.enqueue(package(func))
    except (DatabaseError, RedisError) as problem:
        logger.warning("bell %s was not heard (%s); the next tick does the work", name, problem)


@cache
def _broker() -> TickingBroker:
    # One for the life of the process: making a broker costs more than using it.
    broker: TickingBroker = get_broker()
    return broker


def _is_for(func: str, waiting: str) -> bool:
    try:
        task: dict[str, object] = SignedPackage.loads(waiting)
    except BadSignature:
        # Signed with a key since replaced; the cluster will drop it.
        return False
    return task["func"] == func
