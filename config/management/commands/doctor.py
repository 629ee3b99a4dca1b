"""Says what is wrong, and how to mend it."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from crm.lib import health
from crm.lib.health import Level

MARKS = {Level.OK: "ok     ", Level.WARNING: "warning", Level.ERROR: "ERROR  "}


class Command(BaseCommand):
    help = "Examine settings, database, clocks, schedules, worker and what is due. Exit code 1 when something is wrong."
    # The doctor must be able to speak of a system that the usual checks would refuse to start.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object: healthy, findings")

    def handle(self, *args: Any, **options: Any) -> None:
        reports = health.examine(timezone.now())
        healthy = not any(report.finding.level == Level.ERROR for report in reports)
        if options["json"]:
            findings = [{"check": report.check, **asdict(report.finding)} for report in reports]
            self.stdout.write(json.dumps({"healthy": healthy, "findings": findings}, indent=2))
        else:
            width = max(len(report.check) for report in reports)
            for report in reports:
                self.stdout.write(self._line(report, width))
        if not healthy:
            sys.exit(1)

    def _line(self, report: health.Report, width: int) -> str:
        finding = report.finding
        style = {Level.OK: self.style.SUCCESS, Level.WARNING: self.style.WARNING, Level.ERROR: self.style.ERROR}
        line = f"{style[finding.level](MARKS[finding.level])}  {report.check:<{width}}  {finding.message}"
        # The remedy stands below what it mends.
        return f"{line}\n{'':>{len(MARKS[finding.level]) + width + 4}}{finding.remedy}" if finding.remedy else line
