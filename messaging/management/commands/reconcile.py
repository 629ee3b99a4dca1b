"""After the database was restored: put in question what may have gone out since the backup, and let sending go on."""

import getpass
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from messaging.management.moments import moment
from messaging.models import Restoration
from messaging.outbox import recovery, restores

# While it waits for the lease of a worker that was cut off.
LOOK_EVERY = 1.0
SAID = {
    "unknown": "{} may have gone out and were asked about",
    "unknown_final": "{} were written a second time and are left to a person",
    "settled_sent": "{} had gone out",
    "settled_queued": "{} are back in line",
    "settled_unknown_final": "of {} nobody can be asked: they are left to a person",
    "settled_unknown": "the workers of {} had died",
    "settled_dead": "{} were given up",
}


class Command(BaseCommand):
    help = (
        "Go through the ledger after the database was restored from a backup, and let sending go on. Stopped at any "
        "moment it goes on where it was, as do the workers. What nobody can be asked about is left to a person."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", type=moment, help="when the backup was made (default: the ledger's last beat)")
        parser.add_argument(
            "--until", type=moment, help="when the last worker on the lost database stopped (default: when noticed)"
        )
        parser.add_argument(
            "--nothing-lost", metavar="WHY", help="it was a false alarm: a database that was moved whole"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # Whoever is first: no worker may have looked yet.
        restores.look(now=timezone.now())
        by = f"{_who()}, manage.py"
        try:
            if options["nothing_lost"]:
                recovery.call_false_alarm(remark=options["nothing_lost"], actor_name=by, now=timezone.now())
                self.stdout.write("Sending goes on: nothing was lost.")
                return
            row = recovery.ask_to_reconcile(
                since=options["since"], until=options["until"], actor_name=by, now=timezone.now()
            )
        except (recovery.NotHeld, restores.ImpossibleTime) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Missing are {row.lost_from:%F %T} to {row.lost_until:%F %T} UTC.")
        self._work_off(row)

    def _work_off(self, row: Restoration) -> None:
        while True:
            done = recovery.go_on(now=timezone.now())
            row.refresh_from_db()
            if row.ended_at:
                break
            if done:
                self.stdout.write(f"… {sum(row.counts.values())}, up to message {row.position}")
            else:
                time.sleep(LOOK_EVERY)
        for name, said in SAID.items():
            if row.counts.get(name):
                self.stdout.write(said.format(row.counts[name]))
        self.stdout.write("Sending goes on. What is left to a person stands in the message log, state unclear.")


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a process whose user has no name
        return "somebody"
