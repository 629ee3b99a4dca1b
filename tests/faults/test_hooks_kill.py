"""kill -9 while webhooks are being delivered: none is lost, and what is made twice has the same id."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from crm.hooks import deliver
from crm.models import HookDelivery
from crm.services import hooks
from crm.services.hooks import HookCall
from tests.crm.hooks.receiver import receiving
from tests.factories.crm import NOON

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
CALLS = 20


def die(*_args: Any, **_more: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def worker(point: str) -> Callable[[str], None]:
    """A process that delivers to the place it is told, and dies as it comes to `point` of crm.hooks.deliver."""
    heard, say = os.pipe()
    connection.close()
    pid = os.fork()
    if not pid:
        settings.WEBHOOK_TRUSTED = frozenset({os.read(heard, 100).decode()})
        setattr(deliver, point, die)
        deliver.deliver_due(now=NOON, limit=CALLS // 2)
        os._exit(0)  # it should not come so far

    def go(place: str) -> None:
        os.write(say, place.encode())
        _pid, status = os.waitpid(pid, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL

    return go


@pytest.mark.parametrize(("point", "twice"), [("make_calls", 0), ("_note", CALLS // 2)])
def test_a_worker_that_is_killed_loses_no_call(point: str, twice: int, settings: Any) -> None:
    go = worker(point)  # before there are threads here
    with receiving() as receiver:
        settings.WEBHOOK_TRUSTED = frozenset({receiver.place})
        made = [
            HookCall(url=receiver.url, event="Order Completed", body={"n": n}, dedupe_key=f"call:{n}")
            for n in range(CALLS)
        ]
        hooks.queue_calls(made, now=NOON)
        connection.close()
        go(receiver.place)

        # What it had in its hands waits for its lease; the rest goes out at once.
        assert deliver.deliver_due(now=NOON, limit=CALLS) == {"delivered": CALLS // 2}
        later = NOON + deliver.LEASE + timedelta(seconds=1)
        assert deliver.deliver_due(now=later, limit=CALLS) == {"delivered": CALLS // 2}
        assert deliver.deliver_due(now=later, limit=CALLS) == {}

    times = Counter(call.headers["webhook-id"] for call in receiver.calls)
    assert set(times) == {delivery.webhook_id for delivery in HookDelivery.objects.filter(state="delivered")}
    assert len(times) == CALLS
    assert sum(number - 1 for number in times.values()) == twice
