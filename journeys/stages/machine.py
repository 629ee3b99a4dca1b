"""
Move customers between stages in answer to events: a whole batch with a fixed number of queries.

The pure part, journeys.stages.rules, decides; here the facts it needs are read, and the result is written. Moves
themselves are facts ("Stage Changed"), but evidence for nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from crm.events.recall import recall
from crm.lib import bulk
from crm.models import Event
from journeys.events import HEALTH_CHANGED, STAGE_CHANGED
from journeys.facts import Fact
from journeys.models import StageMove
from journeys.stages import positions, rulebook, rules
from journeys.stages.positions import Standing
from journeys.stages.rulebook import Ruleset
from journeys.stages.rules import Place, Rule


@dataclass(frozen=True, slots=True)
class _Case:
    """One customer in one journey, with the new facts that some rule there asks about."""

    customer: int
    ruleset: Ruleset
    facts: Sequence[Fact]

    @property
    def key(self) -> tuple[int, int]:
        return self.customer, self.ruleset.id


@dataclass(frozen=True, slots=True)
class _Question:
    """A case that may lead to a move: where the customer stands, and the rules to ask."""

    case: _Case
    standing: Standing
    place: Place
    rules: Sequence[Rule]


@transaction.atomic(savepoint=False)
def advance(events: Sequence[Event], *, now: datetime) -> list[StageMove]:
    """
    Apply the stage rules of every active journey to new events; return the moves made.

    Applying the same events again makes no move. While a position is held, moves are noted (`would_have`) and not made.
    """
    cases = _cases(events)
    if not cases:
        return []
    standings = positions.lock({case.key for case in cases})
    questions = list(_questions(cases, standings, now))
    known = _known(questions)
    moves: list[StageMove] = []
    changed: list[Standing] = []
    for question in questions:
        made, moved = _answer(question, known.get(question.case.customer, ()), now)
        moves += made
        if moved:
            changed.append(question.standing)
    return positions.write(moves, changed, now=now)


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


def _questions(
    cases: Sequence[_Case], standings: Mapping[tuple[int, int], Standing], now: datetime
) -> Iterator[_Question]:
    for case in cases:
        standing = standings[case.key]
        # Under a hold as if there were none, to see where the rules would move them.
        place = case.ruleset.place(standing, with_hold=not standing.is_held(now))
        touched = case.ruleset.touched_by(frozenset([fact.name for fact in case.facts]))
        asked = rules.worth_asking(place, case.facts, touched)
        if asked:
            yield _Question(case, standing, place, asked)


def _known(questions: Sequence[_Question]) -> dict[int, list[Fact]]:
    """The facts on the log that the rules must know besides the new ones, by customer; one query at most."""
    wanted: dict[int, rules.Needs] = defaultdict(dict)
    for it in questions:
        for name, since in rules.needed(it.place, it.case.facts, it.rules).items():
            rules.need(wanted[it.case.customer], name, since)
    found: dict[int, list[Fact]] = defaultdict(list)
    for customer, *fact in recall(wanted):
        found[customer].append(Fact(*fact))
    return found


def _answer(question: _Question, known: Sequence[Fact], now: datetime) -> tuple[list[StageMove], bool]:
    """The moves of one case, and whether its position was changed (in memory)."""
    case, standing, ruleset = question.case, question.standing, question.case.ruleset
    held = standing.is_held(now)
    after, steps = rules.advance(question.place, case.facts, question.rules, known=known)
    moves = [
        bulk.new_row(
            StageMove,
            customer_id=case.customer,
            journey=ruleset.journey,
            from_stage=ruleset.stages[step.from_stage] if step.from_stage else None,
            to_stage=ruleset.stages[step.to_stage],
            cause=StageMove.Cause.EVENT.value,
            event_id=step.event,
            rule=ruleset.rows[step.rule],
            would_have=held,
            effective_at=step.at,
            recorded_at=now,
        )
        for step in steps
    ]
    if held or after == question.place:
        return moves, False
    standing.stand_at(after)
    return moves, True
