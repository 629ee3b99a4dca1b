"""manage.py replay_journey: judge a journey's positions anew from the log."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count
from django.utils import timezone
from tqdm import tqdm

from journeys.models import Position
from journeys.stages import replaying, rulebook
from journeys.stages.rulebook import Ruleset


class Command(BaseCommand):
    help = (
        "Put everybody where the rules of a journey say, from all facts on the log: after its rules were edited, or "
        "for a journey that is new. What staff decided stands. A killed run goes on where it stopped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("journey", help="its slug, such as five-stage")
        parser.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        ruleset = _ruleset(options["journey"])
        run = replaying.begin(ruleset, now=now)
        behind, total = replaying.progress(run)
        with tqdm(total=total, initial=behind, unit=" customers", disable=options["json"], file=sys.stderr) as bar:
            while done := replaying.step(run, ruleset, now=now):
                bar.update(done)
        self._say(ruleset, {"customers": total, "changed": run.report.get("changed", 0)}, as_json=options["json"])

    def _say(self, ruleset: Ruleset, counts: dict[str, int], *, as_json: bool) -> None:
        standing = Position.objects.filter(journey=ruleset.journey).values_list("stage").annotate(Count("pk"))
        here = dict(standing.order_by())
        positions = {stage.slug: here.get(stage.pk, 0) for stage in ruleset.stages.values()}
        if as_json:
            self.stdout.write(json.dumps({**counts, "positions": positions}))
            return
        self.stdout.write(f"{counts['customers']} customers judged, {counts['changed']} positions changed")
        for slug, number in positions.items():
            self.stdout.write(f"  {slug:<16} {number}")


def _ruleset(slug: str) -> Ruleset:
    rulesets = {ruleset.journey.slug: ruleset for ruleset in rulebook.current()}
    if slug not in rulesets:
        raise CommandError(f"there is no active journey {slug!r}; there are {', '.join(sorted(rulesets))}")
    return rulesets[slug]
