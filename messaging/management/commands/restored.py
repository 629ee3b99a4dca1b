"""Says that the database was restored from a backup, where nothing has noticed."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from messaging.management.moments import moment
from messaging.outbox import restores


class Command(BaseCommand):
    help = (
        "Hold all sending because the database was restored from a backup; `manage.py reconcile` lets it go on. "
        "Waymark notices by itself, unless what it keeps outside the database was restored, too."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--backup-at", required=True, type=moment, help="when the backup was made, ISO 8601")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = restores.tell(backup_at=options["backup_at"], now=timezone.now())
        except restores.ImpossibleTime as error:
            raise CommandError(f"--backup-at: {error}") from error
        self.stdout.write(f"held: {found.get_cause_display()}; backup of {found.lost_from:%F %T} UTC")
