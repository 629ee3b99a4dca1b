"""The task cluster, watched."""

import os
import signal
import socket
import sys
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, close_old_connections, connection, connections
from django.utils import timezone

from config import checks
from config.broker import WORKER_VARIABLE
from config.supervisor import DRAIN_SECONDS, Group, HeldBack, Supervisor
from crm.lib.health import Level
from crm.models import Heartbeat

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
BEATS_MISSED = 6  # of the tick's heartbeats before the cluster counts as stuck
PATIENCE = 1  # seconds that a look at the heartbeat waits for whoever holds SQLite


class Command(BaseCommand):
    help = "Run the task cluster and watch over it: restarts it when a part dies or it stops making progress."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workers", type=int, help="processes that do the work (default: TASK_WORKERS)")

    def handle(self, *args: Any, workers: int | None, **options: Any) -> None:
        self._refuse_to_start_sick()
        call_command("sync_schedules", verbosity=0)
        name = f"worker:{socket.gethostname()[:16]}:{os.getpid()}"
        environment = {WORKER_VARIABLE: name}
        if workers is not None:
            environment["TASK_WORKERS"] = str(workers)
        supervisor = Supervisor(
            lambda: Group([sys.executable, str(settings.BASE_DIR / "manage.py"), "cluster"], environment),
            lambda: read_heartbeat(name),
            limit=BEATS_MISSED * settings.TICK_SECONDS,
        )
        stop_on_signals(supervisor)
        connections.close_all()
        if connection.vendor == "sqlite":
            connection.settings_dict["OPTIONS"]["timeout"] = PATIENCE
        supervisor.run()

    def _refuse_to_start_sick(self) -> None:
        now = timezone.now()
        for finding in (*checks.database(now), *checks.clock(now)):
            if finding.level == Level.ERROR:
                raise CommandError(f"{finding.message} {finding.remedy}")


def stop_on_signals(supervisor: Supervisor) -> None:
    """The first signal drains, a second one ends at once, and so does the alarm in case the draining hangs."""

    def stop(number: int, frame: object) -> None:
        for again in STOP_SIGNALS:
            signal.signal(again, leave)
        signal.signal(signal.SIGALRM, leave)
        signal.alarm(DRAIN_SECONDS + 5)
        supervisor.stop()

    def leave(number: int, frame: object) -> None:
        supervisor.leave()

    for number in STOP_SIGNALS:
        signal.signal(number, stop)


def read_heartbeat(name: str) -> datetime | None:
    """
    Raises:
        HeldBack: SQLite is held, perhaps by the very process that hangs.
        DatabaseError: the database is away.
    """
    close_old_connections()
    try:
        return _beat_at(name)
    except OperationalError as problem:
        if connection.vendor == "sqlite" and "locked" in str(problem):
            raise HeldBack(str(problem)) from problem
        raise


def _beat_at(name: str) -> datetime | None:
    return Heartbeat.objects.filter(name=name).values_list("beat_at", flat=True).first()
