"""Positions under lock: read many, change them in memory, write them with their moves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from crm.events import log
from crm.events.types import EventDraft
from crm.lib import bulk
from crm.lib.among import Among
from journeys.events import STAGE_CHANGED
from journeys.models import Position, StageMove
from journeys.stages.rules import Place

Key = tuple[int, int]  # customer, journey
_UPDATED = ("stage_id", "since", "event_id", "rule_id", "settled_at", "held_until")
_COLUMNS = ("pk", "customer_id", "journey_id", *_UPDATED)


@dataclass(slots=True)
class Standing:
    """A locked row of Position, its columns only: a batch has a thousand of them."""

    pk: int
    customer_id: int
    journey_id: int
    stage_id: int | None
    since: datetime | None
    event_id: int | None
    rule_id: int | None
    settled_at: datetime | None
    held_until: datetime | None

    def is_held(self, now: datetime) -> bool:
        return self.held_until is not None and now < self.held_until

    def stand_at(self, place: Place) -> None:
        self.stage_id, self.since = place.stage, place.since
        self.event_id, self.rule_id, self.settled_at = place.event, place.rule, place.settled_at


def lock(pairs: Collection[Key]) -> dict[Key, Standing]:
    """
    The positions of (customer, journey) pairs, made where missing and locked until the transaction ends.

    Locked in one order everywhere, so that two batches wait for one another instead of deadlocking; whoever comes
    second reads the log only after the first has committed, so that neither misses the other's facts.
    """
    found = _locked(pairs)
    missing = sorted(pairs - found.keys())
    if missing:
        stubs = [Position(customer_id=customer, journey_id=journey) for customer, journey in missing]
        bulk.insert_new(Position, stubs, unique=("customer_id", "journey_id"))
        found |= _locked(missing)
    return found


def read(customers: Collection[int], journey: int) -> dict[int, Standing]:
    """The positions that customers have in a journey, as they are: not locked, none made."""
    rows = Position.objects.filter(Among("customer", customers), journey=journey).values_list(*_COLUMNS)
    return {row[1]: Standing(*row) for row in rows}


def nowhere(customer: int, journey: int) -> Standing:
    """The position of somebody who has none; not stored."""
    return Standing(0, customer, journey, None, None, None, None, None, None)


def write(moves: Sequence[StageMove], changed: Sequence[Standing], *, now: datetime) -> list[StageMove]:
    """
    Store moves and positions, and record each move that was made as a fact.

    Returns:
        The moves made; those that only would have been are stored and not returned.
    """
    new = bulk.insert_new(StageMove, moves, unique=("journey_id", "customer_id", "event_id", "to_stage_id"))
    rows = [{"id": standing.pk, **{name: getattr(standing, name) for name in _UPDATED}} for standing in changed]
    bulk.update_rows(Position, rows, fields=_UPDATED)
    made = [move for move in new if not move.would_have]
    log.record_many([_fact(move) for move in made], now=now)
    return made


def _locked(pairs: Collection[Key]) -> dict[Key, Standing]:
    rows = (
        Position.objects.filter(
            Among("customer", (customer for customer, _ in pairs)), journey__in={journey for _, journey in pairs}
        )
        .order_by("pk")
        .select_for_update()
        .values_list(*_COLUMNS)
    )
    return {(row[1], row[2]): Standing(*row) for row in rows}


def _fact(move: StageMove) -> EventDraft:
    return EventDraft(
        name=STAGE_CHANGED,
        customer_id=move.customer_id,
        occurred_at=move.effective_at,
        dedupe_key=f"stage-move:{move.pk}",
        properties={
            "journey": move.journey.slug,
            "from": move.from_stage.slug if move.from_stage else None,
            "to": move.to_stage.slug,
            "cause": move.cause,
            "rule": move.rule.name if move.rule else "",
        },
        object_type="stage_move",
        object_id=move.pk,
    )
