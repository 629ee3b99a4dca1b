"""Moves that people make: to another stage, with a note, and perhaps held there until a date."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _t

from crm.models import Customer, User
from journeys.models import Stage, StageMove
from journeys.stages import positions
from journeys.stages.rules import Place


class InvalidMove(ValueError):
    """The move cannot be made; `field` names what is wrong with it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@transaction.atomic
def move_customers(
    customers: Collection[Customer],
    *,
    stage: Stage,
    actor: User | None,
    now: datetime,
    note: str = "",
    hold_until: datetime | None = None,
) -> list[StageMove]:
    """
    Put customers in a stage, forward or back, because a member of staff says so.

    From then on only facts that occur later count. With `hold_until` the rules leave the position alone until then and
    note where they would have moved it; without, a hold there was is lifted. Who stands there already is not moved.

    Raises:
        InvalidMove: `stage` (its journey is switched off), `note` (longer than 500 characters), `hold_until` (not in
            the future) or `customers` (merged away or erased).
    """
    _check(customers, stage, note, hold_until, now)
    standings = positions.lock({(customer.pk, stage.journey_id) for customer in customers})
    stages = stage.journey.stages.in_bulk()
    moves: list[StageMove] = []
    for (customer, _journey), standing in sorted(standings.items()):
        standing.held_until = hold_until
        if standing.stage_id == stage.pk:
            continue
        moves.append(
            StageMove(
                customer_id=customer,
                journey=stage.journey,
                from_stage=stages.get(standing.stage_id) if standing.stage_id else None,
                to_stage=stage,
                cause=StageMove.Cause.STAFF,
                actor=actor,
                note=note.strip(),
                effective_at=now,
                recorded_at=now,
            )
        )
        standing.stand_at(Place(stage=stage.pk, since=now, settled_at=now))
    return positions.write(moves, list(standings.values()), now=now)


def _check(
    customers: Collection[Customer], stage: Stage, note: str, hold_until: datetime | None, now: datetime
) -> None:
    if not stage.journey.is_active:
        raise InvalidMove("stage", _t("This journey is switched off."))
    if len(note.strip()) > 500:
        raise InvalidMove("note", _t("The note is longer than 500 characters."))
    if hold_until is not None and hold_until <= now:
        raise InvalidMove("hold_until", _t("A hold ends in the future."))
    if any(customer.merged_into_id or customer.erased_at for customer in customers):
        raise InvalidMove("customers", _t("Somebody among them was merged into another record or erased."))
