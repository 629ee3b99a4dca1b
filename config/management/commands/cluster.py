"""django-q's cluster, strict with itself: what `manage.py worker` starts and watches."""

import logging
import os
from multiprocessing import Process, RLock, Value
from typing import Any

from django.core.management.base import BaseCommand
from django_q import cluster
from django_q.worker import worker

from config.processes import die_with_parent
from crm.lib import lifeline

logger = logging.getLogger("waymark.worker")

# Held for an instant at a time: whoever holds it for so many seconds will not let go of it any more.
PATIENCE = 10.0


class TimerLock:
    """
    The lock of the clock that a worker and the sentinel share, which a killed worker takes with it.

    Waiting for it for ever, the sentinel would replace nobody and start no nightly job, while other workers' heartbeat
    goes on. So whoever waits too long ends, and with it the cluster.
    """

    def __init__(self) -> None:
        self._lock = RLock()

    def acquire(self) -> bool:
        if not self._lock.acquire(timeout=PATIENCE):
            logger.error("a killed process holds a worker's clock; ending the cluster")
            os._exit(1)
        return True

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


class StrictSentinel(cluster.Sentinel):  # type: ignore[misc] # django-q ships no types
    """
    A sentinel that ends the cluster when one of its processes was killed, instead of putting a new one beside the rest.

    A killed process may have held a lock of the queue; the others then wait for it for ever while all looks well.
    Processes that end by themselves (recycled, timed out) are replaced as ever.
    """

    def spawn_worker(self) -> None:
        timer = Value("f", -1, lock=TimerLock())  # type: ignore[call-overload] # any lock will do
        self.spawn_process(worker, self.task_queue, self.result_queue, timer, self.timeout)

    def reincarnate(self, process: Process) -> None:
        if process.exitcode:
            logger.error("process %s died with exit code %s; ending the cluster", process.pid, process.exitcode)
            # No clean-up: it would wait for the same locks. The rest of the cluster dies with its parent.
            os._exit(1)
        super().reincarnate(process)


class Command(BaseCommand):
    help = "Run the task cluster without a watch over it; `manage.py worker` is the one to use."

    def handle(self, *args: Any, **options: Any) -> None:
        die_with_parent()
        if lifeline.is_cut():
            return  # the supervisor was gone before we could say that we go with it
        # The one name by which Cluster.start finds what to run.
        cluster.Sentinel = StrictSentinel
        cluster.Cluster().start()
