"""Take a stage away: whoever stands there goes on to another, and what is past goes on naming it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from crm.models import User
from journeys.models import Position, Stage, StageMove
from journeys.stages import positions
from journeys.stages.editing import InvalidJourney
from journeys.stages.rules import Place

BATCH = 1000


def people_in(stage: Stage) -> int:
    return Position.objects.filter(stage=stage).count()


@transaction.atomic
def remove_stage(stage: Stage, *, move_to: Stage | None, actor: User | None, now: datetime) -> int:
    """
    Take `stage` away with its rules; return how many people were moved on.

    They go to `move_to`, as if staff had decided so; since nobody has just come there, no flow begins. Moves and the
    funnel count what was reached as `move_to` from then on.

    Raises:
        InvalidJourney: it is the journey's last stage; people stand there, or have, and no other was chosen for them;
            the other is not one of this journey.
    """
    stages = list(stage.journey.stages.select_for_update().order_by("rank", "pk"))
    others = [other for other in stages if other.pk != stage.pk]
    if len(others) == len(stages):
        raise InvalidJourney(["stage"], _("This stage is not there any more."))
    if not others:
        raise InvalidJourney(["stage"], _("A journey has at least one stage."))
    if move_to is not None and move_to not in others:
        raise InvalidJourney(["move_to"], _("Choose another stage of the same journey."))
    if not was_ever_used(stage):
        stage.delete()
        return 0
    if move_to is None:
        raise InvalidJourney(["move_to"], _("Choose the stage where the people of this one go."))
    for rule in stage.rules.filter(is_active=True):
        rule.is_active = False
        rule.save()
    stage.retired_at, stage.rank = now, move_to.rank
    stage.save()
    return _move_on(stage, move_to, actor, now)


def was_ever_used(stage: Stage) -> bool:
    """Whether anybody stands there or has ever moved there: such a stage leaves its name behind."""
    moves = StageMove.objects.filter(journey=stage.journey_id)
    return people_in(stage) > 0 or moves.filter(to_stage=stage).exists() or moves.filter(from_stage=stage).exists()


def _move_on(stage: Stage, to: Stage, actor: User | None, now: datetime) -> int:
    moved, note = 0, _("The stage “%(stage)s” was taken away.") % {"stage": stage.label}
    here = Position.objects.filter(stage=stage).order_by("pk")
    while chunk := list(here.values_list("customer_id", "journey_id")[:BATCH]):
        standings = [standing for standing in positions.lock(chunk).values() if standing.stage_id == stage.pk]
        moves = [
            StageMove(
                customer_id=standing.customer_id, journey=stage.journey, from_stage=stage, to_stage=to,
                cause=StageMove.Cause.REPLAY, actor=actor, note=note[:500], effective_at=now, recorded_at=now,
            )
            for standing in standings
        ]  # fmt: skip
        for standing in standings:
            standing.stand_at(Place(stage=to.pk, since=now, settled_at=now))
        moved += len(positions.write(moves, standings, now=now))
    return moved
