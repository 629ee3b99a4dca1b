"""django-q's cluster, strict with itself: what `manage.py worker` starts and watches."""

import logging
import os
from multiprocessing import Process
from typing import Any

from django.core.management.base import BaseCommand
from django_q import cluster

from config.processes import die_with_parent

logger = logging.getLogger("waymark.worker")


class StrictSentinel(cluster.Sentinel):  # type: ignore[misc] # django-q ships no types
    """
    A sentinel that ends the cluster when one of its processes was killed, instead of putting a new one beside the rest.

    A killed process may have held a lock of the queue; the others then wait for it for ever while all looks well.
    Processes that end by themselves (recycled, timed out) are replaced as ever.
    """

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
        # The one name by which Cluster.start finds what to run.
        cluster.Sentinel = StrictSentinel
        cluster.Cluster().start()
