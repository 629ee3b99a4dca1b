"""
Move customers between stages in answer to events: a whole batch with a fixed number of queries.

The pure part, journeys.stages.rules, decides; here positions are locked, the facts it needs are read, and the result
is written. Every move is itself a fact, "Stage Changed", which flows can start on; it is evidence for nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from crm.events import log
from crm.events.types import EventDraft
from crm.lib import bulk
from crm.models import Event
from journeys.events import HEALTH_CHANGED, STAGE_CHANGED
from journeys.facts import Fact
from journeys.models import Position, StageMove
from journeys.stages import rulebook, rules
from journeys.stages.rulebook import Ruleset
from journeys.stages.rules import Place

_UPDATED = ("stage_id", "since", "event_id", "rule_id", "settled_at")


@dataclass(frozen=True, slots=True)
class _Case:
    """One customer in one journey, with the new facts that some rule there asks about."""

    customer: int
    ruleset: Ruleset
    facts: Sequence[Fact]

    @property
    def key(self) -> tuple[int, int]:
        return self.customer, self.ruleset.journey.pk


@transaction.atomic(savepoint=False)
def advance(events: Sequence[Event], *, now: datetime) -> list[StageMove]:
    """
    Apply the stage rules of every active journey to new events; return the moves made.

    Applying the same events again makes no move. While a position is held, moves are noted (`would_have`) and not made.
    """
    cases = _cases(events)
    if not cases:
        return []
    positions = lock({case.key for case in cases})
    known = _known([(case, _before(case, positions[case.key], now)) for case in cases])
    moves: list[StageMove] = []
    changed: list[Position] = []
    for case in cases:
        position = positions[case.key]
        made, moved = _advance(case, position, known.get(case.customer, ()), now)
        moves += made
        if moved:
            changed.append(position)
    return write(moves, changed, now=now)


def lock(pairs: Collection[tuple[int, int]]) -> dict[tuple[int, int], Position]:
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


def write(moves: Sequence[StageMove], changed: Sequence[Position], *, now: datetime) -> list[StageMove]:
    """Store moves and positions, and record each move that was made as a fact."""
    new = bulk.insert_new(StageMove, moves, unique=("journey_id", "customer_id", "event_id", "to_stage_id"))
    bulk.update_rows(
        Position,
        [{"id": position.pk, **{name: getattr(position, name) for name in _UPDATED}} for position in changed],
        fields=_UPDATED,
    )
    made = [move for move in new if not move.would_have]
    log.record_many([_fact(move) for move in made], now=now)
    return made


def _cases(events: Sequence[Event]) -> list[_Case]:
    by_customer: dict[int, list[Fact]] = defaultdict(list)
    for event in events:
        if event.name not in {STAGE_CHANGED, HEALTH_CHANGED}:
            by_customer[event.customer_id].append(Fact.of(event))
    if not by_customer:
        return []
    names = {fact.name for facts in by_customer.values() for fact in facts}
    rulesets = [ruleset for ruleset in rulebook.current() if names & ruleset.listens]
    cases = []
    for customer, facts in sorted(by_customer.items()):
        for ruleset in rulesets:
            asked = [fact for fact in facts if fact.name in ruleset.listens]
            if asked:
                cases.append(_Case(customer, ruleset, asked))
    return cases


def _locked(pairs: Collection[tuple[int, int]]) -> dict[tuple[int, int], Position]:
    rows = (
        Position.objects.filter(
            customer__in={customer for customer, _ in pairs}, journey__in={journey for _, journey in pairs}
        )
        .order_by("pk")
        .select_for_update()
    )
    return {(row.customer_id, row.journey_id): row for row in rows}


def _before(case: _Case, position: Position, now: datetime) -> Place:
    """Where the customer stands; under a hold, as if there were none, to see where the rules would move them."""
    place = case.ruleset.place(position)
    return replace(place, settled_at=position.settled_at) if _is_held(position, now) else place


def _is_held(position: Position, now: datetime) -> bool:
    return position.held_until is not None and now < position.held_until


def _known(cases: Sequence[tuple[_Case, Place]]) -> dict[int, list[Fact]]:
    """The facts on the log that the rules must know besides the new ones, by customer; one query at most."""
    wanted = [(case.customer, rules.needed(place, case.facts, case.ruleset.rules)) for case, place in cases]
    customers = {customer for customer, needs in wanted if needs}
    since_of: dict[datetime | None, list[str]] = defaultdict(list)
    for name, since in rules.merge_needs(needs for _, needs in wanted).items():
        since_of[since].append(name)
    parts = [_events(customers, names, since) for since, names in since_of.items()]
    if not customers or not parts:
        return {}
    found: dict[int, list[Fact]] = defaultdict(list)
    rows = parts[0].union(*parts[1:], all=True) if len(parts) > 1 else parts[0]
    for customer, pk, name, at, properties in rows:
        found[customer].append(Fact(pk, name, at, properties))
    return found


def _events(
    customers: Collection[int], names: Collection[str], since: datetime | None
) -> QuerySet[Event, tuple[int, int, str, datetime, Any]]:
    rows = Event.objects.filter(customer__in=customers, name__in=names)
    if since is not None:
        rows = rows.filter(occurred_at__gte=since)
    return rows.values_list("customer_id", "pk", "name", "occurred_at", "properties")


def _advance(case: _Case, position: Position, known: Sequence[Fact], now: datetime) -> tuple[list[StageMove], bool]:
    """The moves of one case, and whether `position` was changed (in memory)."""
    ruleset = case.ruleset
    before, held = _before(case, position, now), _is_held(position, now)
    after, steps = rules.advance(before, case.facts, ruleset.rules, known=known)
    moves = [
        StageMove(
            customer_id=case.customer,
            journey=ruleset.journey,
            from_stage=ruleset.stages[step.from_stage] if step.from_stage else None,
            to_stage=ruleset.stages[step.to_stage],
            cause=StageMove.Cause.EVENT,
            event_id=step.event,
            rule=ruleset.rows[step.rule],
            would_have=held,
            effective_at=step.at,
            recorded_at=now,
        )
        for step in steps
    ]
    if held or after == before:
        return moves, False
    position.stage_id, position.since = after.stage, after.since
    position.event_id, position.rule_id, position.settled_at = after.event, after.rule, after.settled_at
    return moves, True


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
