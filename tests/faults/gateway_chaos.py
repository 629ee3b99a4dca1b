"""
Workers that send to a gateway of their own process, and are cut down in the middle of their calls; run by test_gateway.

    python -m tests.faults.gateway_chaos FOLDER MODE kill|crash TIMES
    python -m tests.faults.gateway_chaos FOLDER MODE crowd 0

Queues messages, then forks two workers a round (a crowd: four, and no harm), which share them. When the gateway has
accepted some more, one of them is killed by SIGKILL, or the database server crashes under both and recovers. The clock
moves on two minutes a round, so that leases end without anybody waiting. Prints what came of it as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import django

from tests.faults import books, dying

CUSTOMERS, EACH = 60, 6
# While there is harm to come a worker takes no more a round, so that something is left to do.
LIMIT = 8
ROUNDS = 60
A_ROUND = timedelta(minutes=2)
# What nobody can be asked about is given up after a quarter of an hour.
A_LATE_ROUND = timedelta(minutes=20)
FAULTS = "500=.02,reset=.02"
DELAY_MS = 10
WITHIN = 60  # seconds for one worker to get on, on a busy machine


def main(folder: str, mode: str, manner: str, times: str) -> None:
    django.setup()
    dying.load()
    ledger = Path(folder) / f"{mode}.jsonl"
    with _gateway(mode, ledger) as config:
        harm = {"kill": _kill, "crash": _crash, "crowd": _kill}[manner]
        print(json.dumps(_break(config, ledger, harm, int(times), workers=4 if manner == "crowd" else 2)))


def _break(
    config: dict[str, Any], ledger: Path, harm: Callable[[int], None], times: int, *, workers: int
) -> dict[str, Any]:
    from django.db import connection

    from messaging.outbox import reconcile

    # So many deaths would make a message suspect, and somebody's case; that is another test's matter.
    reconcile.POISON_AFTER = max(10 * times, reconcile.POISON_AFTER)
    now = _queue(config)
    chance = random.Random(times)
    harmed = 0
    for _round in range(ROUNDS):
        now += A_ROUND if harmed < times else A_LATE_ROUND
        connection.close()  # a connection must not be shared with a child
        is_calm = harmed == times
        at_work = [dying.fork(partial(_work, now, is_calm), None) for _ in range(workers)]
        if not is_calm and _gets_on(at_work[0], ledger, chance.randint(2, 6)):
            harm(at_work[0])
            harmed += 1
        for worker in at_work:
            os.waitpid(worker, 0)
        if harmed == times and not _pending():
            break
    accepted = [json.loads(line)["key"] for line in ledger.read_text().splitlines()]
    return {**books.compared(accepted), "harmed": harmed}


@contextlib.contextmanager
def _gateway(mode: str, ledger: Path) -> Iterator[dict[str, Any]]:
    """The settings to send to it."""
    command = [
        sys.executable, "manage.py", "fakeprovider", "--mode", mode, "--fault", FAULTS, "--delay-ms", str(DELAY_MS),
        "--ledger", str(ledger), "--seconds", "600",
    ]  # fmt: skip
    gateway = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = gateway.stdout.readline() if gateway.stdout else ""
        yield {**json.loads(line.partition(" ")[2]), "in_flight": 5}
    finally:
        gateway.terminate()
        gateway.communicate()


def _queue(config: dict[str, Any]) -> datetime:
    from crm.models import Customer
    from messaging.models import ChannelSettings
    from messaging.outbox.queue import MessageRequest, queue_messages
    from tests.factories.crm import NOON

    channel = ChannelSettings.objects.get(channel="sms")
    channel.provider, channel.config = "http_sms", config
    channel.save()
    people = [Customer.objects.create(phone=f"+6681000{number:04}") for number in range(CUSTOMERS)]
    queue_messages(
        [
            MessageRequest(
                customer_id=person.pk, channel="sms", topic="order_updates", body=f"{turn}",
                dedupe_key=f"chaos:{person.pk}:{turn}",
            )
            for turn in range(EACH)
            for person in people
        ],
        now=NOON,
    )  # fmt: skip
    return NOON


def _work(now: datetime, until_done: bool) -> None:
    """A worker's tick, or ticks until nothing more is due."""
    from messaging.outbox.reconcile import reconcile
    from messaging.outbox.sender import send_due

    reconcile(now=now)
    while sum(send_due(now=now, limit=100 if until_done else LIMIT).values()) and until_done:
        pass


def _gets_on(worker: int, ledger: Path, by: int) -> bool:
    """Wait until the gateway has accepted so many more; false when the worker is through before."""
    wanted = _lines(ledger) + by
    deadline = time.monotonic() + WITHIN
    while _lines(ledger) < wanted:
        if os.waitid(os.P_PID, worker, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return False
        if time.monotonic() > deadline:
            raise TimeoutError("the worker does not get on")
        time.sleep(0.001)
    return True


def _lines(ledger: Path) -> int:
    return ledger.read_bytes().count(b"\n") if ledger.exists() else 0


def _kill(worker: int) -> None:
    os.kill(worker, signal.SIGKILL)


def _crash(worker: int) -> None:
    """A killed backend takes all others with it, and the server goes through recovery."""
    import psycopg

    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(_dsn()) as backend:
        os.kill(backend.info.backend_pid, signal.SIGKILL)
        backend.execute("SELECT 1")
    deadline = time.monotonic() + WITHIN
    while not _answers():
        if time.monotonic() > deadline:
            raise TimeoutError("the server does not recover")
        time.sleep(0.05)


def _answers() -> bool:
    import psycopg

    try:
        psycopg.connect(_dsn()).close()
    except psycopg.OperationalError:
        return False
    return True


def _dsn() -> str:
    return os.environ["DATABASE_URL"].replace("postgres://", "postgresql://")


def _pending() -> bool:
    from messaging.models import Message

    return Message.objects.pending().exists()


if __name__ == "__main__":
    main(*sys.argv[1:])
