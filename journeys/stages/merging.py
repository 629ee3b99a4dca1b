"""Two customers become one: their positions are judged anew on the facts of both."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db import transaction

from crm.models import Customer, Event
from journeys.facts import Fact
from journeys.models import Position, StageMove
from journeys.stages import positions, rulebook, rules
from journeys.stages.positions import Standing
from journeys.stages.rulebook import Ruleset
from journeys.stages.rules import Place


@transaction.atomic(savepoint=False)
def merge_positions(*, survivor: Customer, loser: Customer, now: datetime) -> list[StageMove]:
    """
    Give `survivor`, whose events are those of both by now, one position per journey; `loser` keeps none.

    A hold or a decision by staff on either record stands; of two the later does.
    """
    StageMove.objects.filter(customer=loser).update(customer=survivor)
    journeys = set(Position.objects.filter(customer=loser).values_list("journey", flat=True))
    if not journeys:
        return []
    standings = positions.lock({(customer.pk, journey) for customer in (survivor, loser) for journey in journeys})
    moves: list[StageMove] = []
    changed: list[Standing] = []
    for ruleset in rulebook.current():
        if ruleset.journey.pk in journeys:
            kept, lost = (standings[customer.pk, ruleset.journey.pk] for customer in (survivor, loser))
            moves += _join(kept, lost, ruleset, now)
            changed.append(kept)
    Position.objects.filter(customer=loser).delete()
    return positions.write(moves, changed, now=now)


def _join(kept: Standing, lost: Standing, ruleset: Ruleset, now: datetime) -> list[StageMove]:
    """Change `kept` (in memory) to where both together stand; the move, if it is one."""
    before = kept.stage_id
    kept.stand_at(_furthest(ruleset.place(kept, with_hold=False), ruleset.place(lost, with_hold=False)))
    kept.held_until = max((it.held_until for it in (kept, lost) if it.held_until), default=None)
    place = ruleset.place(kept)
    if not kept.is_held(now):
        events = Event.objects.filter(customer=kept.customer_id, name__in=ruleset.listens)
        place, _steps = rules.advance(place, [Fact.of(event) for event in events], ruleset.rules)
        kept.stand_at(place)
    if place.stage is None or place.stage == before:
        return []
    return [
        StageMove(
            customer_id=kept.customer_id,
            journey=ruleset.journey,
            from_stage=ruleset.stages.get(before) if before else None,
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
