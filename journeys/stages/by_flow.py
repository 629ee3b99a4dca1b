"""Moves that flows make: a decision like one of staff, but forward only, and giving way to a hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from journeys.models import Stage, StageMove
from journeys.stages import positions
from journeys.stages.rules import Place


@transaction.atomic(savepoint=False)
def move_by_flow(notes: Mapping[int, str], *, stage: Stage, now: datetime) -> list[StageMove]:
    """
    Put customers in `stage` who have not come so far; a fixed number of queries.

    Whose position staff hold is left there, and the move is noted as one that would have been.

    Args:
        notes: by customer, what made the move, e.g. the flow's name.

    Returns:
        The moves made.
    """
    standings = positions.lock({(customer, stage.journey_id) for customer in notes})
    stages = stage.journey.stages.in_bulk()
    moves: list[StageMove] = []
    changed = []
    for (customer, _journey), standing in sorted(standings.items()):
        before = stages.get(standing.stage_id) if standing.stage_id else None
        if before and before.rank >= stage.rank:
            continue
        held = standing.is_held(now)
        moves.append(
            StageMove(
                customer_id=customer,
                journey=stage.journey,
                from_stage=before,
                to_stage=stage,
                cause=StageMove.Cause.FLOW,
                note=notes[customer][:500],
                would_have=held,
                effective_at=now,
                recorded_at=now,
            )
        )
        if not held:
            standing.stand_at(Place(stage=stage.pk, since=now, settled_at=now))
            changed.append(standing)
    return positions.write(moves, changed, now=now)
