"""
Workers as processes of their own, on the database that is measured.

    crew = Crew(2)
    seconds, replies = crew.do("run", now=NOW)
    crew.dismiss()

Each does what a task of the worker does, under the clock it is told, and says how much that was.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import django
from django.db import connection

PER_ROUND = 1_000


class Crew:
    """So many workers, which have started up and wait for orders."""

    def __init__(self, workers: int) -> None:
        self.size = workers
        command = [sys.executable, "-m", "tests.benchmarks.crew"]
        environment = {**os.environ, "DATABASE_URL": database_url()}
        self._workers = [
            subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(workers)
        ]
        self.do("start")

    def dismiss(self) -> None:
        for worker in self._workers:
            worker.communicate()

    def do(self, work: str, *, now: datetime | None = None, **orders: list[int]) -> tuple[float, list[dict[str, int]]]:
        """
        Have all of them do `work` at once; how many seconds it took, and what each says.

        Args:
            orders: shared out among them.
        """
        started = time.perf_counter()
        for number, worker in enumerate(self._workers):
            share = {name: items[number :: len(self._workers)] for name, items in orders.items()}
            _say(worker.stdin, {"work": work, "now": now.isoformat() if now else "", **share})
        replies = [json.loads(worker.stdout.readline()) for worker in self._workers if worker.stdout]
        return time.perf_counter() - started, replies


def database_url() -> str:
    """Where the benchmarks' own database is."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{settings['NAME']}"
    return f"postgres://{settings['USER']}@{settings['HOST']}:{settings['PORT']}/{settings['NAME']}"


def _say(stream: Any, what: Any) -> None:
    stream.write(json.dumps(what) + "\n")
    stream.flush()


# --- A worker -----------------------------------------------------------------------------------

# Seconds that each round of the work in hand took.
_ROUNDS: list[float] = []


def main() -> None:
    django.setup()
    from crm.lib import bell
    from tests.benchmarks import sink

    sink.install()
    rung: list[str] = []
    bell.connect(rung.append)
    for line in sys.stdin:
        order = json.loads(line)
        now = datetime.fromisoformat(order["now"]) if order["now"] else None
        rung.clear()
        _ROUNDS.clear()
        done, tasks = _WORKS[order["work"]](now, order)
        longest = round(max(_ROUNDS, default=0) * 1_000)
        reply = {"done": done, "tasks": tasks, "rung": len(rung), "kilobytes": _resident(), "longest": longest}
        _say(sys.stdout, reply)


def _start(now: datetime | None, order: dict[str, Any]) -> tuple[int, int]:
    connection.ensure_connection()
    return 0, 0


def _enter(now: datetime, order: dict[str, Any]) -> tuple[int, int]:
    from crm.models import Customer
    from journeys.flows import enrolment
    from journeys.models import Flow

    flow, people = Flow.objects.get(slug="bench"), order["people"]
    entered = 0
    for start in range(0, len(people), PER_ROUND):
        some = [Customer(pk=pk) for pk in people[start : start + PER_ROUND]]
        entered += len(enrolment.enrol_by_hand(flow, some, now=now))
    return entered, 0


def _run(now: datetime, order: dict[str, Any]) -> tuple[int, int]:
    """As journeys.tasks.run_due, which goes on for twenty seconds: as many tasks as that would take."""
    from journeys.flows import work

    return _off(lambda: work.work_due(now=now, limit=PER_ROUND))


def _send(now: datetime, order: dict[str, Any]) -> tuple[int, int]:
    from messaging.outbox import sender

    return _off(lambda: sender.send_due(now=now, limit=PER_ROUND).total())


def _broadcast(now: datetime, order: dict[str, Any]) -> tuple[int, int]:
    """Queue all there is, as if somebody else sent it meanwhile."""
    from messaging.broadcasts import work
    from messaging.models import Broadcast, Message

    total = tasks = 0
    while Broadcast.objects.filter(state__in=["scheduled", "sending"]).exists():
        done, rounds = _off(lambda: work.work_due(now=now))
        total, tasks = total + done, tasks + rounds
        Message.objects.queued().update(state=Message.State.SENT)
    return total, tasks


def _record(now: datetime, order: dict[str, Any]) -> tuple[int, int]:
    """Facts with all their consequences, as a request brings them: a batch for each of the `turns`."""
    from crm.events import log
    from tests.benchmarks import ingest

    people = ingest.everybody()
    for turn in order["turns"]:
        log.record_many(ingest.drafts(people, turn), now=now)
    return len(order["turns"]) * ingest.BATCH, 0


def _off(work: Callable[[], int]) -> tuple[int, int]:
    from crm.lib.rounds import work_off

    def timed() -> int:
        started = time.perf_counter()
        done = work()
        _ROUNDS.append(time.perf_counter() - started)
        return done

    total = tasks = 0
    while done := work_off(timed):
        total, tasks = total + done, tasks + 1
    return total, tasks


def _resident() -> int:
    """The most memory this process has held, in kilobytes."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


_WORKS: dict[str, Callable[[Any, dict[str, Any]], tuple[int, int]]] = {
    "start": _start,
    "enter": _enter,
    "run": _run,
    "send": _send,
    "broadcast": _broadcast,
    "record": _record,
}

if __name__ == "__main__":
    main()
