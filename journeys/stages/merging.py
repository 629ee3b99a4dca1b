"""Two customers become one: their positions are judged anew on the facts of both."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db import transaction

from crm.models import Customer, Event
from journeys.facts import Fact
from journeys.models import Position, StageMove
from journeys.stages import machine, rulebook, rules
from journeys.stages.rulebook import Ruleset
from journeys.stages.rules import Place


@transaction.atomic(savepoint=False)
def merge_positions(*, survivor: Customer, loser: Customer, now: datetime) -> list[StageMove]:
    """
    Give `survivor`, whose events are those of both by now, one position per journey; `loser` keeps none.

    A hold or a decision by staff on either record stands; of two the later does.
    """
    StageMove.objects.filter(customer=loser).update(customer=survivor)
    lost = {position.journey_id: position for position in Position.objects.filter(customer=loser)}
    if not lost:
        return []
    kept = machine.lock({(survivor.pk, journey) for journey in lost})
    moves: list[StageMove] = []
    changed: list[Position] = []
    for ruleset in rulebook.current():
        position = kept.get((survivor.pk, ruleset.journey.pk))
        if position is not None:
            moves += _join(position, lost[ruleset.journey.pk], ruleset, survivor, now)
            changed.append(position)
    Position.objects.filter(customer=loser).delete()
    return machine.write(moves, changed, now=now)


def _join(position: Position, other: Position, ruleset: Ruleset, survivor: Customer, now: datetime) -> list[StageMove]:
    """Change `position` (in memory) to where both together stand; the move, if it is one."""
    hold = max((it.held_until for it in (position, other) if it.held_until), default=None)
    if hold != position.held_until:
        Position.objects.filter(pk=position.pk).update(held_until=hold)
    place = _furthest(ruleset.place(position), ruleset.place(other))
    facts = [
        Fact.of(event)
        for event in Event.objects.filter(customer=survivor, name__in=ruleset.listens).order_by("occurred_at", "pk")
    ]
    place, _steps = rules.advance(place, facts, ruleset.rules)
    before = position.stage
    position.stage_id, position.since = place.stage, place.since
    position.event_id, position.rule_id, position.settled_at = place.event, place.rule, place.settled_at
    if place.stage is None or (before is not None and before.pk == place.stage):
        return []
    return [
        StageMove(
            customer=survivor,
            journey=ruleset.journey,
            from_stage=before,
            to_stage=ruleset.stages[place.stage],
            cause=StageMove.Cause.MERGE,
            event_id=place.event,
            rule=ruleset.rows.get(place.rule) if place.rule else None,
            effective_at=place.since or now,
            recorded_at=now,
        )
    ]


def _furthest(one: Place, two: Place) -> Place:
    """Of two places the one that stands after the later decision; of two such the further, then the earlier."""
    settled = max((it.settled_at for it in (one, two) if it.settled_at), default=None)
    standing = [(-it.rank, it.since, it) for it in (one, two) if it.since and (settled is None or it.since >= settled)]
    best = min(standing, key=lambda entry: entry[:2])[2] if standing else Place()
    return replace(best, settled_at=settled)
