"""manage.py replay_journey: judge a journey's positions anew from the log."""

from __future__ import annotations

import hashlib
import json
import sys
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from tqdm import tqdm

from crm.models import Customer, ReplayRun
from journeys.models import Position
from journeys.stages import rulebook
from journeys.stages.recompute import recompute
from journeys.stages.rulebook import Ruleset

BATCH = 1000


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
        run = _run(ruleset, now)
        customers = Customer.objects.filter(merged_into=None)
        total, changed = customers.count(), int(run.report.get("changed", 0))
        behind = customers.filter(pk__lte=run.position).count()
        with tqdm(total=total, initial=behind, unit=" customers", disable=options["json"], file=sys.stderr) as bar:
            while batch := list(
                customers.filter(pk__gt=run.position).order_by("pk").values_list("pk", flat=True)[:BATCH]
            ):
                with transaction.atomic():
                    changed += recompute(ruleset, batch, now=now)
                    run.position, run.report = batch[-1], {"changed": changed}
                    run.save(update_fields=["position", "report"])
                bar.update(len(batch))
        run.finished_at = timezone.now()
        run.save(update_fields=["finished_at"])
        self._say(ruleset, {"customers": total, "changed": changed}, as_json=options["json"])

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


def _run(ruleset: Ruleset, now: datetime) -> ReplayRun:
    """The checkpoint of these very rules: an unfinished one is gone on with, a finished one begins anew."""
    rules = [
        [row.pk, row.stage_id, row.events, row.where, row.history, row.priority, row.may_move_back]
        for row in ruleset.rows.values()
    ]
    said = json.dumps([ruleset.journey.pk, list(ruleset.stages), rules], sort_keys=True)
    name = f"journey-{hashlib.sha256(said.encode()).hexdigest()[:48]}"
    run, _created = ReplayRun.objects.get_or_create(
        fingerprint=name, defaults={"label": f"Journey {ruleset.journey.slug}", "started_at": now}
    )
    if run.finished_at:
        run.position, run.report, run.started_at, run.finished_at = 0, {}, now, None
        run.save()
    return run
