"""One round of all due work, in the foreground."""

from argparse import ArgumentParser
from collections import Counter
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from config.ticks import tick
from messaging.outbox import restores


class Command(BaseCommand):
    help = "Do one round of everything that is due, here and now, without a worker."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--until-idle", action="store_true", help="go on until nothing is due")
        parser.add_argument("--now", metavar="ISO", help="pretend that it is this time (only with DEBUG on)")

    def handle(self, *args: Any, until_idle: bool, now: str | None, **options: Any) -> None:
        pretended = self._pretended(now) if now else None
        done: Counter[str] = Counter()
        if pretended is None:
            restores.beat(now=timezone.now())
        while True:
            counts = tick(pretended or timezone.now())
            done.update(counts)
            if not until_idle or not any(counts.values()):
                break
        self.stdout.write(", ".join(f"{name} {count}" for name, count in done.items()))

    def _pretended(self, text: str) -> datetime:
        if not settings.DEBUG:
            raise CommandError("--now would send real messages at a made-up time; it needs DEBUG=1.")
        try:
            moment = parse_datetime(text)
        except ValueError as problem:
            raise CommandError(f"--now: {text!r}: {problem}.") from problem
        if moment is None or moment.tzinfo is None:
            raise CommandError(
                f"--now: {text!r} is not an ISO 8601 time with an offset, such as 2026-11-21T09:00:00+07:00."
            )
        return moment
