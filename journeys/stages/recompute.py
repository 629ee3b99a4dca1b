"""
Judge positions anew from the log: after the rules of a journey were edited, or for a journey that came late.

Everybody ends where they would stand had the rules been these all along. What staff or a flow decided stands, and so
does a hold; what the rules decided does not. Somebody may end further back: that is a correction, and said as one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from crm.lib.among import Among
from crm.models import Event
from journeys.facts import Fact
from journeys.models import StageMove
from journeys.stages import positions, rules
from journeys.stages.positions import Standing
from journeys.stages.rulebook import Ruleset
from journeys.stages.rules import Move, Place

# Causes by which somebody or something other than the stage rules decided.
_DECISIONS = frozenset({StageMove.Cause.STAFF, StageMove.Cause.FLOW, StageMove.Cause.IMPORT})


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    Where a customer stands, and where the rules put them.

    Attributes:
        steps: the moves that lead there, from the last decision on.
    """

    standing: Standing
    place: Place
    steps: Sequence[Move]

    @property
    def is_new(self) -> bool:
        """Nobody has said anything about them in this journey before."""
        return self.standing.stage_id is None

    @property
    def moves(self) -> bool:
        """Another stage, not just other evidence for the same."""
        return self.place.stage != self.standing.stage_id


@transaction.atomic
def recompute(ruleset: Ruleset, customers: Collection[int], *, now: datetime) -> int:
    """Put `customers` where the rules say; a fixed number of queries. Returns how many positions changed."""
    facts = _facts(ruleset, customers)
    journey = ruleset.journey.pk
    known = positions.read(customers, journey)
    locked = positions.lock({(customer, journey) for customer in facts.keys() | known.keys()})
    standings = {customer: standing for (customer, _journey), standing in locked.items()}
    changed = list(_judge(ruleset, standings, facts, now))
    moves = [move for verdict in changed for move in _moves(ruleset, verdict, now)]
    for verdict in changed:
        verdict.standing.stand_at(verdict.place)
    positions.write(moves, [verdict.standing for verdict in changed], now=now)
    return len(changed)


def preview(ruleset: Ruleset, customers: Collection[int], *, now: datetime) -> list[Verdict]:
    """What `recompute` would move, without writing or locking anything."""
    facts = _facts(ruleset, customers)
    standings = positions.read(customers, ruleset.journey.pk)
    for customer in facts.keys() - standings.keys():
        standings[customer] = positions.nowhere(customer, ruleset.journey.pk)
    return [verdict for verdict in _judge(ruleset, standings, facts, now) if verdict.moves]


def _judge(
    ruleset: Ruleset, standings: Mapping[int, Standing], facts: Mapping[int, Sequence[Fact]], now: datetime
) -> Iterator[Verdict]:
    """The verdicts that change something, in the order of the customers."""
    bases = _bases(ruleset, standings)
    for customer, standing in sorted(standings.items()):
        if standing.is_held(now):
            continue
        place, steps = rules.advance(bases.get(customer, Place()), facts.get(customer, ()), ruleset.rules)
        if place != ruleset.place(standing):
            yield Verdict(standing, place, steps)


def _facts(ruleset: Ruleset, customers: Collection[int]) -> dict[int, list[Fact]]:
    found: dict[int, list[Fact]] = defaultdict(list)
    rows = Event.objects.filter(Among("customer", customers), name__in=ruleset.listens)
    for customer, pk, name, at, properties in rows.values_list(
        "customer_id", "pk", "name", "occurred_at", "properties"
    ):
        found[customer].append(Fact(pk, name, at, properties))
    return dict(found)


def _bases(ruleset: Ruleset, standings: Mapping[int, Standing]) -> dict[int, Place]:
    """Where the rules begin with each customer: at what staff or a flow last decided, or where a hold on them ended."""
    bases: dict[int, Place] = {}
    moves = StageMove.objects.filter(Among("customer", standings), journey=ruleset.journey, would_have=False)
    for move in moves.order_by("recorded_at", "pk"):
        held_until = standings[move.customer_id].held_until
        decided = move.cause in _DECISIONS
        if move.to_stage_id in ruleset.ranks and (decided or (held_until and move.effective_at <= held_until)):
            bases[move.customer_id] = Place(
                stage=move.to_stage_id,
                rank=ruleset.ranks[move.to_stage_id],
                since=move.effective_at,
                event=None if decided else move.event_id,
                rule=None if decided else move.rule_id,
                settled_at=max(at for at in (move.effective_at if decided else None, held_until) if at),
            )
    for customer, standing in standings.items():
        if standing.held_until and standing.since and standing.since <= standing.held_until:
            # Nothing has moved them since the hold: they were left where they stand on purpose.
            bases[customer] = ruleset.place(standing)
    return bases


def _moves(ruleset: Ruleset, verdict: Verdict, now: datetime) -> list[StageMove]:
    """All moves of somebody who is new to the journey, so that its funnel has a past; else the one correction."""
    stage = verdict.place.stage
    if not verdict.moves or stage is None:
        return []
    customer, stages = verdict.standing.customer_id, ruleset.stages
    if verdict.is_new:
        return [
            StageMove(
                customer_id=customer,
                journey=ruleset.journey,
                from_stage=stages[step.from_stage] if step.from_stage else None,
                to_stage=stages[step.to_stage],
                cause=StageMove.Cause.REPLAY,
                event_id=step.event,
                rule=ruleset.rows[step.rule],
                effective_at=step.at,
                recorded_at=now,
            )
            for step in verdict.steps
        ]
    before, place = verdict.standing.stage_id or 0, verdict.place
    # Back to a stage they had come to before: that move stands in the books with its fact, this one is of today.
    is_back = place.rank < ruleset.ranks[before]
    return [
        StageMove(
            customer_id=customer,
            journey=ruleset.journey,
            from_stage=stages[before],
            to_stage=stages[stage],
            cause=StageMove.Cause.REPLAY,
            event_id=None if is_back else place.event,
            rule=ruleset.rows[place.rule] if place.rule else None,
            effective_at=now if is_back else place.since or now,
            recorded_at=now,
        )
    ]
