"""
How late steps are that fall due one after the other, with a worker that ticks once a minute and sends what they queue.

This one runs in real time: as long as the steps take to fall due.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from crm.models import Topic
from journeys.flows import punctuality
from journeys.models import Enrolment, Flow
from tests.benchmarks import contacts, shop, sql
from tests.benchmarks.crew import database_url
from tests.benchmarks.harness import row, scaled

RUNS = scaled(50_000)
SECONDS = scaled(240)
STARTS_UP = timedelta(seconds=15)
PATIENCE = 120  # seconds behind the last due time


def rows() -> list[dict[str, str]]:
    flow = contacts.publish()
    people = shop.add_people(RUNS, now=timezone.now(), topic=Topic.objects.order_by("pk")[0])
    begins = timezone.now() + STARTS_UP
    _let_wait(flow, people[0], begins)
    environment = {
        **os.environ, "DATABASE_URL": database_url(), "TASK_BROKER": "orm", "TICK_SECONDS": "60", "HTTPS": "false",
    }  # fmt: skip
    worker = subprocess.Popen([sys.executable, str(settings.BASE_DIR / "manage.py"), "worker"], env=environment)
    try:
        _wait_for_the_last(begins + timedelta(seconds=SECONDS))
    finally:
        worker.terminate()
        worker.wait()
    found = punctuality.of_last_hour(timezone.now())
    assert found.runs == RUNS
    work = f"lateness of {RUNS:,} steps that fall due within {SECONDS} s, a tick a minute"
    return [
        row(f"{work}: half of them", f"{found.p50:g} s"),
        row(f"{work}: 95 of 100", f"{found.p95:g} s", must="≤ 5 s", goal="≤ 2 s"),
    ]


def _let_wait(flow: Flow, first: int, begins: datetime) -> None:
    at, due = sql.at(begins), sql.later(begins, f"n * {SECONDS}.0 / {RUNS}")
    sql.run(
        "INSERT INTO journeys_enrolment (flow_id, version_id, customer_id, entry_key, key, slot, context, entered_at, "
        "state, stand, step, visit, arrived_at, due_at, awaits, is_paused, memory, reason, error) "
        f"SELECT {flow.pk}, {flow.live_version_id}, {first} + n, 'due:' || n, '', '', {sql.json('{}')}, {at}, "
        f"'active', 'time', 'settle', 1, {at}, {due}, '', {sql.false()}, {sql.json('{}')}, '', '' "
        f"FROM {sql.series(RUNS)}"
    )
    sql.run("ANALYZE")


def _wait_for_the_last(due_at: datetime) -> None:
    deadline = due_at + timedelta(seconds=PATIENCE)
    while Enrolment.objects.active().exists():
        assert timezone.now() < deadline, "the worker does not keep up"
        time.sleep(1)
