"""The stage rules of all active journeys, ready to use: two queries, none in a batch that remembers them."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

from crm.lib import configuration
from crm.rules import InvalidRule
from journeys.models import Journey, Stage, StageRule
from journeys.stages.positions import Standing
from journeys.stages.rules import Place, Rule, read_rule, touched_by

logger = logging.getLogger("waymark.journeys")


@dataclass(frozen=True)
class Ruleset:
    """A journey with its stages, first to last, and its rules ready to use."""

    journey: Journey
    stages: dict[int, Stage]
    rules: Sequence[Rule]
    rows: dict[int, StageRule]

    @cached_property
    def id(self) -> int:
        """The journey's number, which a batch asks for thousands of times."""
        return self.journey.pk

    @cached_property
    def ranks(self) -> dict[int, int]:
        """Each stage's place in the journey, counted from 0."""
        return {pk: rank for rank, pk in enumerate(self.stages)}

    @cached_property
    def listens(self) -> frozenset[str]:
        """Every event name that some rule asks about."""
        return frozenset(name for rule in self.rules for name in rule.touches)

    @cached_property
    def touched_by(self) -> Callable[[frozenset[str]], Sequence[Rule]]:
        """The rules that facts of these names may concern, sought once for each set of names."""
        return lru_cache(maxsize=1024)(partial(touched_by, rules=self.rules))

    def place(self, standing: Standing, *, with_hold: bool = True) -> Place:
        """The position as the rules see it: `with_hold`, what happened during a hold says nothing."""
        settled_at, held_until = standing.settled_at, standing.held_until if with_hold else None
        if held_until and (settled_at is None or held_until > settled_at):
            settled_at = held_until
        # Nowhere, for who came to a stage in the very moment it was taken away.
        stage = standing.stage_id if standing.stage_id in self.stages else None
        return Place(
            stage=stage,
            rank=self.ranks[stage] if stage else -1,
            since=standing.since,
            event=standing.event_id,
            rule=standing.rule_id,
            settled_at=settled_at,
        )


@configuration.remembered(Journey, Stage, StageRule)
def current() -> list[Ruleset]:
    """
    The rules in force.

    A row that cannot be read is left out and logged: a broken rule must not hold up what the others have to say.
    `manage.py doctor` names it.
    """
    stages: dict[int, dict[int, Stage]] = defaultdict(dict)
    for stage in Stage.objects.filter(journey__is_active=True).select_related("journey").order_by("rank", "pk"):
        stages[stage.journey_id][stage.pk] = stage
    rows: dict[int, list[StageRule]] = defaultdict(list)
    for row in StageRule.objects.filter(is_active=True, stage__journey__is_active=True).order_by("pk"):
        rows[row.stage_id].append(row)
    return [_ruleset(of_journey, rows) for of_journey in stages.values()]


def of(journey: Journey) -> Ruleset | None:
    """The rules in force of one journey; None when it is switched off or has no stages."""
    return next((ruleset for ruleset in current() if ruleset.journey == journey), None)


def with_draft(draft: StageRule) -> Ruleset:
    """
    The rules of a journey as they would be with `draft` in the place of the row with its number, or added to them.

    Raises:
        InvalidRule: with every fault of the draft's JSON columns.
    """
    read(draft, 0)
    journey = draft.stage.journey
    stages = {stage.pk: stage for stage in journey.stages.select_related("journey").order_by("rank", "pk")}
    rows: dict[int, list[StageRule]] = defaultdict(list)
    for row in StageRule.objects.filter(is_active=True, stage__in=stages).exclude(pk=draft.pk).order_by("pk"):
        rows[row.stage_id].append(row)
    if draft.is_active:
        rows[draft.stage_id].append(draft)
    return _ruleset(stages, rows)


def read(row: StageRule, rank: int) -> Rule:
    """
    A row as a rule.

    Raises:
        InvalidRule: with every fault of its JSON columns.
    """
    return read_rule(
        id=row.pk or 0,
        stage=row.stage_id,
        rank=rank,
        events=row.events,
        where=row.where,
        history=row.history,
        priority=row.priority,
        may_move_back=row.may_move_back,
    )


def _ruleset(stages: dict[int, Stage], rows: dict[int, list[StageRule]]) -> Ruleset:
    rules: list[Rule] = []
    for rank, stage_id in enumerate(stages):
        for row in rows[stage_id]:
            try:
                rules.append(read(row, rank))
            except InvalidRule as error:
                logger.error("stage rule %s cannot be read: %s", row.pk, error)  # noqa: TRY400 - the reason says it all
    by_id = {row.pk or 0: row for stage_id in stages for row in rows[stage_id]}
    return Ruleset(next(iter(stages.values())).journey, stages, rules, by_id)
