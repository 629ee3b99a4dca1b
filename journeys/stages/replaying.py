"""Judging a whole journey anew, a batch of customers at a time, with a checkpoint: after a kill it goes on."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from crm.models import Customer, ReplayRun
from journeys.models import Journey
from journeys.stages import rulebook
from journeys.stages.recompute import recompute
from journeys.stages.rulebook import Ruleset

BATCH = 1000
BELL = "replay_journeys"
_PREFIX = "journey-"


def begin(ruleset: Ruleset, *, now: datetime) -> ReplayRun:
    """The checkpoint of these very rules: an unfinished one is gone on with, a finished one begins anew."""
    run, created = ReplayRun.objects.get_or_create(
        fingerprint=_fingerprint(ruleset), defaults={"label": ruleset.journey.name, "started_at": now}
    )
    if not created and run.finished_at:
        run.position, run.report, run.started_at, run.finished_at = 0, {}, now, None
        run.save()
    return run


def step(run: ReplayRun, ruleset: Ruleset, *, now: datetime) -> int:
    """Judge the next batch, or finish; returns how many customers it was. `run` is brought up to date."""
    with transaction.atomic():
        # The command and the worker may both be at it.
        locked = ReplayRun.objects.select_for_update().get(pk=run.pk)
        batch = list(_ahead(locked).order_by("pk").values_list("pk", flat=True)[:BATCH])
        if batch:
            changed = recompute(ruleset, batch, now=now)
            locked.position = batch[-1]
            locked.report = {"changed": int(locked.report.get("changed", 0)) + changed}
        else:
            locked.finished_at = locked.finished_at or now
        locked.save()
    run.position, run.report, run.finished_at = locked.position, locked.report, locked.finished_at
    return len(batch)


def go_on(*, now: datetime) -> int:
    """Judge a batch of the first journey under way; 0: nothing is left. What was edited since is given up."""
    for run in under_way():
        ruleset = next((one for one in rulebook.current() if _fingerprint(one) == run.fingerprint), None)
        if ruleset is None:
            ReplayRun.objects.filter(pk=run.pk).update(finished_at=now)
        elif done := step(run, ruleset, now=now):
            return done
    return 0


def under_way() -> QuerySet[ReplayRun]:
    """Runs that are not finished, the first begun first."""
    return ReplayRun.objects.filter(fingerprint__startswith=_PREFIX, finished_at=None).order_by("started_at", "pk")


def last_run(journey: Journey) -> ReplayRun | None:
    """The last time a journey's rules, as they are now, were judged by; None when they never were."""
    ruleset = rulebook.of(journey)
    return ReplayRun.objects.filter(fingerprint=_fingerprint(ruleset)).first() if ruleset else None


def progress(run: ReplayRun) -> tuple[int, int]:
    """(customers judged, customers there are)."""
    total = Customer.objects.filter(merged_into=None).count()
    return total - _ahead(run).count(), total


def _ahead(run: ReplayRun) -> QuerySet[Customer]:
    return Customer.objects.filter(merged_into=None, pk__gt=run.position)


def _fingerprint(ruleset: Ruleset) -> str:
    rules = [
        [row.pk, row.stage_id, row.events, row.where, row.history, row.priority, row.may_move_back]
        for row in ruleset.rows.values()
    ]
    said = json.dumps([ruleset.journey.pk, list(ruleset.stages), rules], sort_keys=True)
    return f"{_PREFIX}{hashlib.sha256(said.encode()).hexdigest()[:48]}"
