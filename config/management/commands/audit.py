"""Does what must hold, hold?"""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

from crm.lib import audits
from crm.lib.audits import Breach, Case, Report, Verdict
from crm.lib.ledgers import InvalidLedger, Ledger
from crm.lib.moments import InvalidMoment, read_past

SHOWN = 5


class Command(BaseCommand):
    help = (
        "Hold the database against the invariants of docs/checking.md, and against the ledgers of `loadgen` and "
        "`fakeprovider` where they are given. Exit code 1 when one is broken."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object, with the rows behind each breach")
        parser.add_argument("--events", type=Path, metavar="LEDGER", help="what `loadgen` was answered")
        parser.add_argument("--provider", type=Path, metavar="LEDGER", help="what `fakeprovider` accepted")
        parser.add_argument("--since", metavar="ISO", help="look at nothing before; else at all there is")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        try:
            case = Case(
                now=now,
                answered=Ledger(options["events"]) if options["events"] else None,
                accepted=Ledger(options["provider"]) if options["provider"] else None,
                since=read_past(options["since"], now) if options["since"] else None,
            )
            reports = audits.audit(case)
        except InvalidMoment as error:
            raise CommandError(f"--since: {error.message}") from error
        except InvalidLedger as error:
            raise CommandError(str(error)) from error
        holds = all(report.verdict != Verdict.BROKEN for report in reports)
        if options["json"]:
            told = {"holds": holds, "invariants": [asdict(report) for report in reports]}
            self.stdout.write(json.dumps(told, indent=2, cls=DjangoJSONEncoder))
        else:
            for report in reports:
                self._tell(report)
        if not holds:
            sys.exit(1)

    def _tell(self, report: Report) -> None:
        styles = {Verdict.HOLDS: self.style.SUCCESS, Verdict.NOT_LOOKED_AT: self.style.WARNING}
        verdict = styles.get(report.verdict, self.style.ERROR)(f"{report.verdict:<13}")
        self.stdout.write(f"{report.code}  {verdict}  {report.rule}")
        if report.note:
            self.stdout.write(f"{'':19}({report.note})")
        for breach in report.breaches:
            self._show(breach)

    def _show(self, breach: Breach) -> None:
        self.stdout.write(f"{'':19}{breach.count:,} {breach.message}:")
        for row in breach.rows[:SHOWN]:
            self.stdout.write(f"{'':21}{', '.join(f'{name} {value}' for name, value in row.items())}")
        if breach.count > SHOWN:
            self.stdout.write(f"{'':21}… (--json lists {min(breach.count, audits.MOST_LISTED):,})")
