"""A storefront that tells a running server what its customers do."""

import asyncio
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from typing import IO, Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from crm.access import keys
from crm.management.load import MOST_CUSTOMERS, Refused, Storefront, Tally, plan
from crm.models import ApiKey

NAME = "loadgen"


class Command(BaseCommand):
    help = (
        "Play a storefront: report events to a running server over HTTP at a steady rate, and keep a ledger of what it "
        "answered, for `audit --events`. The same seed makes the same events with the same ids. What gets no answer "
        "is tried again. Exit code 1 when something never got one."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--eps", type=float, default=20, help="events a second (20)")
        parser.add_argument("--secs", type=float, default=60, help="for so many seconds (60)")
        parser.add_argument("--seed", type=int, default=0, help="of the lots that say who does what (0)")
        parser.add_argument("--dup", type=float, default=0, help="share of the events that is sent twice: .2")
        parser.add_argument("--shuffle", action="store_true", help="some events come late, and others overtake them")
        parser.add_argument("--customers", type=int, default=200, help="people they are about (200)")
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="of the server (http://127.0.0.1:8000)")
        parser.add_argument("--key", help="an API key with events:write; else one is made, good for a day")
        parser.add_argument("--ledger", type=Path, default=Path("loadgen.jsonl"), help="a line a try (loadgen.jsonl)")
        parser.add_argument("--patience", type=float, default=120, help="seconds that an event is tried for (120)")

    def handle(self, *args: Any, **options: Any) -> None:
        planned = plan(
            eps=_between(options, "eps", 0.1, 5_000),
            secs=_between(options, "secs", 0.01, 86_400),
            seed=options["seed"],
            dup=_between(options, "dup", 0, 1),
            shuffle=options["shuffle"],
            customers=int(_between(options, "customers", 1, MOST_CUSTOMERS)),
        )
        url = options["url"]
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise CommandError(f"--url: {url!r} is no address such as http://127.0.0.1:8000")
        key, source = _key(options["key"])
        with _ledger(options["ledger"]) as ledger:
            patience = _between(options, "patience", 0, 86_400)
            storefront = Storefront(url=url, key=key, source=source, ledger=ledger, patience=patience)
            try:
                asyncio.run(storefront.tell(planned))
            except Refused as refusal:
                raise CommandError(str(refusal)) from refusal
            except KeyboardInterrupt:
                self.stderr.write("stopped early")
        self.stdout.write(f"{len(planned):,} calls of {len({one.id for one in planned}):,} events to {url}")
        self._tell(storefront.tally)
        self.stdout.write(f"ledger: {options['ledger']}")
        if storefront.tally.unanswered:
            raise CommandError(f"{len(storefront.tally.unanswered):,} calls never got an answer; the ledger has them")

    def _tell(self, tally: Tally) -> None:
        self.stdout.write(f"answered: {_counted(tally.answered)}")
        if tally.failed:
            self.stdout.write(f"tried again after: {_counted(tally.failed)}")
        if len(tally.milliseconds) > 1:
            found = quantiles(tally.milliseconds, n=100)
            self.stdout.write(f"answers took {found[49]:.0f} ms at the median, {found[94]:.0f} ms at the 95th of 100")


def _key(given: str | None) -> tuple[str, str]:
    """The key to use, and the source as which it writes."""
    if given is None:
        made = keys.create_key(
            name=NAME, scopes=["events:write"], source=NAME, expires_at=timezone.now() + timedelta(days=1)
        )
        return made.secret, NAME
    known = ApiKey.objects.filter(hashed=ApiKey.digest(given)).first()
    if known is None:
        raise CommandError("--key: this installation's database has no such key: make one with create_api_key")
    return given, known.source


def _ledger(path: Path) -> IO[bytes]:
    try:
        return path.open("ab")
    except OSError as error:
        raise CommandError(f"--ledger: {path}: {error.strerror}") from error


def _between(options: dict[str, Any], name: str, least: float, most: float) -> float:
    value: float = options[name]
    if not least <= value <= most:
        raise CommandError(f"--{name}: between {least:g} and {most:g}, please")
    return value


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "nothing"
