"""manage.py replay: live through a shop's past."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from config.replay import olist, online_retail, report
from config.replay.files import UnreadableHistory
from config.replay.history import History
from config.replay.phones import with_phones
from config.replay.player import Player
from crm.models import ReplayRun
from journeys.flows import presets as flow_presets
from journeys.models import Flow
from messaging import presets as template_presets
from messaging.models import ChannelSettings

FORMATS = {"olist": olist.read, "online-retail": online_retail.read}


class Command(BaseCommand):
    help = (
        "Live through a shop's past in time order under a virtual clock, with the real services, stage machine, flows, "
        "policy and sandbox. A killed run goes on where it stopped; a second run adds nothing. Stop the worker first."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", type=Path, metavar="DIR_OR_FILE", help="the data set's folder, or its one file")
        parser.add_argument("--format", required=True, choices=sorted(FORMATS))
        parser.add_argument(
            "--until", type=_instant, metavar="DATE", help="stop at this day's end, or this ISO instant"
        )
        parser.add_argument("--limit", type=_positive, metavar="N", help="take only the first N rows of the orders")
        parser.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")
        parser.add_argument(
            "--no-phones",
            action="store_true",
            help="the data sets hold no addresses; do not make up phone numbers (they are made up only while SMS goes "
            "to the sandbox)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            history = FORMATS[options["format"]](options["path"], limit=options["limit"])
        except UnreadableHistory as error:
            raise CommandError(str(error)) from error
        if not options["no_phones"] and ChannelSettings.sends_to_sandbox("sms"):
            history = with_phones(history)
        until = _in_zone(options["until"], history)
        run, _created = ReplayRun.objects.get_or_create(
            fingerprint=history.fingerprint, defaults={"label": history.label, "started_at": timezone.now()}
        )
        self._install_flows(history)
        player = Player(history, run, until)
        with tqdm(total=len(player.remaining), unit=" happenings", disable=options["json"], file=sys.stderr) as bar:
            player.play(lambda done: bar.update(done) and None)
        result = report.add_up(history, run, end=player.end or timezone.now())
        run.finished_at = run.finished_at or timezone.now()
        run.save(update_fields=["finished_at"])
        if options["json"]:
            self.stdout.write(json.dumps(result, ensure_ascii=False, indent=2))
        else:
            self._print_table(history, result)

    def _install_flows(self, history: History) -> None:
        """A shop without any flow gets the six that come with the product, live from the history's beginning."""
        if Flow.objects.exists() or not history.happenings:
            return
        now = history.happenings[0].at
        template_presets.install_templates(now=now)
        flow_presets.install_flows(now=now, publish=True)

    def _print_table(self, history: History, result: report.Report) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING(history.label))
        rows = list(report.lines(result))
        width = max(len(label) for label, _ in rows)
        for label, value in rows:
            self.stdout.write(f"  {label.replace('_', ' '):<{width}}  {value}")


def _instant(text: str) -> datetime:
    """A day (its end) or an instant; without a zone it is the shop's wall clock."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is neither a date nor an ISO 8601 instant") from error
    return datetime.combine(value, time.max) if len(text) == len("2018-01-31") else value


def _in_zone(value: datetime | None, history: History) -> datetime | None:
    if value is None or value.tzinfo is not None:
        return value
    return value.replace(tzinfo=ZoneInfo(history.time_zone)).astimezone(UTC)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)
