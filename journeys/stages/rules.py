"""
Which stage do the facts put a customer in? Pure, and the same whatever order the facts arrive in.

A journey's rules call facts *evidence* for stages. Since the last decision (a staff move, or a rule that may move
back), the position is the furthest stage there is evidence for, since its earliest evidence. That definition speaks of
when facts occurred and not of when we learnt of them; `advance` reaches it step by step as facts come in.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from crm.rules import InvalidRule, properties
from crm.rules.parser import faults_of
from crm.rules.schema import Fault, IsoDuration, Name, Shape, Where, WhereList, within_delta
from journeys.facts import Fact

# --- a rule, as JSON and ready to use ---------------------------------------------------------


class Earlier(Shape):
    """
    A condition on what the customer had done as of the fact.

    Without `event` it counts the rule's own facts up to and including this one: `{"at_least": 2, "within": "P7D"}`.
    With it, strictly earlier facts of that name: `{"event": "Order Delivered", "ago": "P14D"}`.

    Attributes:
        within: at most so long before the fact.
        ago: at least so long before the fact.
        distinct: count different values of this property only; facts without it count each.
        other: count only facts whose value of this property differs from the fact's own.
    """

    event: Name | None = None
    where: WhereList = []
    at_least: Annotated[int, Field(ge=1, le=1000)] = 1
    within: IsoDuration | None = None
    ago: IsoDuration | None = None
    distinct: Name | None = None
    other: Name | None = None


_EVENTS = TypeAdapter(Annotated[list[Name], Field(min_length=1, max_length=50)])
_WHERE = TypeAdapter(WhereList)
_HISTORY = TypeAdapter(Annotated[list[Earlier], Field(max_length=10)])


@dataclass(frozen=True, slots=True)
class Condition:
    """An `Earlier` with its lengths measured. `names` are the facts it counts."""

    names: frozenset[str]
    own: bool
    where: Sequence[Where]
    at_least: int
    within: timedelta | None
    ago: timedelta | None
    distinct: str | None
    other: str | None


@dataclass(frozen=True, slots=True)
class Rule:
    """
    One kind of evidence for `stage`.

    Attributes:
        rank: the stage's place in its journey.
        context: names of the facts its history conditions count.
        touches: `events` and `context` together.
    """

    id: int
    stage: int
    rank: int
    events: frozenset[str]
    where: Sequence[Where]
    history: tuple[Condition, ...]
    priority: int
    may_move_back: bool
    context: frozenset[str]
    touches: frozenset[str]


def read_rule(
    *, id: int, stage: int, rank: int, events: Any, where: Any, history: Any, priority: int, may_move_back: bool
) -> Rule:
    """
    A rule from a row's JSON columns.

    Raises:
        InvalidRule: with every fault, its path beginning with the column: `history[0].within: not an …`.
    """
    faults: list[Fault] = []
    names = frozenset(_read(_EVENTS, events, "events", faults) or ())
    tests = _read(_WHERE, where, "where", faults) or []
    conditions = [_condition(earlier, names, tests) for earlier in _read(_HISTORY, history, "history", faults) or ()]
    if faults:
        raise InvalidRule(faults)
    context = frozenset(name for condition in conditions for name in condition.names)
    return Rule(
        id, stage, rank, names, tests, tuple(conditions), priority, may_move_back, context, touches=names | context
    )


def _read(adapter: TypeAdapter[Any], data: Any, path: str, faults: list[Fault]) -> Any:
    try:
        return adapter.validate_python(data)
    except ValidationError as error:
        faults.extend(faults_of(error, path))
        return None


def _condition(earlier: Earlier, names: frozenset[str], where: Sequence[Where]) -> Condition:
    own = earlier.event is None
    return Condition(
        names=names if earlier.event is None else frozenset({earlier.event}),
        own=own,
        where=[*(where if own else ()), *earlier.where],
        at_least=earlier.at_least,
        within=within_delta(earlier.within) if earlier.within else None,
        ago=within_delta(earlier.ago) if earlier.ago else None,
        distinct=earlier.distinct,
        other=earlier.other,
    )


# --- positions --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """
    A position, as the rules see it.

    Attributes:
        rank: -1 while there is no evidence for any stage.
        settled_at: facts that occurred before say nothing.
    """

    stage: int | None = None
    rank: int = -1
    since: datetime | None = None
    event: int | None = None
    rule: int | None = None
    settled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A step from stage to stage: which fact by which rule, and when it happened."""

    from_stage: int | None
    to_stage: int
    rule: int
    event: int
    at: datetime


@dataclass(frozen=True, slots=True)
class _Mark:
    """A fact that is evidence by a rule."""

    rule: Rule
    fact: Fact


def advance(
    place: Place, facts: Sequence[Fact], rules: Sequence[Rule], *, known: Iterable[Fact] = ()
) -> tuple[Place, list[Move]]:
    """
    Where new `facts` bring the customer from `place`, and the moves on the way, in the order they happened.

    Args:
        facts: any order.
        rules: of one journey.
        known: of the facts that came before, at least those that `needed` names.
    """
    timeline = _Timeline({fact.id: fact for fact in (*known, *facts)}.values())
    deciding = [rule for rule in rules if rule.may_move_back] if _may_decide(facts, rules) else []
    decided = sorted(_marks(place, timeline, deciding), key=_in_order)
    # After a decision any stage may be the next, so evidence for lower ones counts again.
    beside = Place(settled_at=place.settled_at) if decided else place
    evidence = _marks(beside, timeline, [rule for rule in rules if not rule.may_move_back])
    marks = sorted([*decided, *evidence], key=_in_order)
    if decided and place.since is not None and decided[-1].fact.at < place.since:
        # Later evidence has brought the customer here already: the decision only says what counts, and since when.
        last = decided[-1]
        place = replace(place, settled_at=last.fact.at)
        marks = [mark for mark in marks if mark is last or (mark.fact.at >= last.fact.at and mark not in decided)]
        step = _as_evidence
    elif decided:
        marks = [mark for mark in marks if place.since is None or mark.fact.at >= place.since]
        step = _apply
    else:
        step = _as_evidence
    moves: list[Move] = []
    for mark in marks:
        moved = step(place, mark)
        if moved.stage != place.stage:
            moves.append(Move(place.stage, mark.rule.stage, mark.rule.id, mark.fact.id, mark.fact.at))
        place = moved
    return place, moves


def _apply(place: Place, mark: _Mark) -> Place:
    if not mark.rule.may_move_back:
        return _as_evidence(place, mark)
    return Place(mark.rule.stage, mark.rule.rank, mark.fact.at, mark.fact.id, mark.rule.id, settled_at=mark.fact.at)


def _as_evidence(place: Place, mark: _Mark) -> Place:
    rule, fact = mark.rule, mark.fact
    earlier = rule.rank == place.rank and place.since is not None and fact.at < place.since
    if rule.rank > place.rank or earlier:
        return Place(rule.stage, rule.rank, fact.at, fact.id, rule.id, settled_at=place.settled_at)
    return place


def _in_order(mark: _Mark) -> tuple[datetime, int, int, int, int]:
    """
    As they happened. At one instant decisions come first, the first in priority last of them, so that it stands; then
    the evidence for the furthest stage, the first in priority first, so that it is the one named.
    """
    rule = mark.rule
    if rule.may_move_back:
        return mark.fact.at, 0, -rule.priority, rule.rank, -rule.id
    return mark.fact.at, 1, -rule.rank, rule.priority, rule.id


def _marks(place: Place, timeline: _Timeline, rules: Sequence[Rule]) -> Iterator[_Mark]:
    for name, facts in timeline.by_name.items():
        for rule in rules:
            if name in rule.events:
                for fact in facts:
                    if _could_matter(place, rule, fact.at) and _holds(rule, fact, timeline):
                        yield _Mark(rule, fact)


def _could_matter(place: Place, rule: Rule, at: datetime) -> bool:
    settled = place.settled_at is not None and at < place.settled_at
    return not settled and _leads_on(place, rule, at)


def _leads_on(place: Place, rule: Rule, at: datetime) -> bool:
    """Would evidence at `at` or later change anything? Evidence for the same stage does when it is earlier."""
    return rule.may_move_back or rule.rank > place.rank or (rule.rank == place.rank and at < (place.since or at))


class _Timeline:
    """A customer's facts by name, each list in the order they occurred."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self.by_name: dict[str, list[Fact]] = {}
        for fact in sorted(facts, key=lambda fact: (fact.at, fact.id)):
            self.by_name.setdefault(fact.name, []).append(fact)
        self._times: dict[str, list[datetime]] = {}

    def between(self, name: str, first: datetime | None, last: datetime, *, strictly: bool) -> Iterator[Fact]:
        """Facts of `name` from `first` to `last`, both included unless `strictly` before `last`."""
        facts = self.by_name.get(name, [])
        if name not in self._times:
            self._times[name] = [fact.at for fact in facts]
        times = self._times[name]
        start = bisect_left(times, first) if first else 0
        end = bisect_left(times, last) if strictly else bisect_right(times, last)
        yield from facts[start:end]


def _holds(rule: Rule, fact: Fact, timeline: _Timeline) -> bool:
    return properties.matches(rule.where, fact.properties) and all(
        _enough(condition, fact, timeline) for condition in rule.history
    )


def _enough(condition: Condition, fact: Fact, timeline: _Timeline) -> bool:
    first = fact.at - condition.within if condition.within is not None else None
    last = fact.at - condition.ago if condition.ago is not None else fact.at
    strictly = not condition.own and condition.ago is None
    own_value = fact.text(condition.other) if condition.other else ""
    seen: set[str] = set()
    count = 0
    for name in condition.names:
        for earlier in timeline.between(name, first, last, strictly=strictly):
            if not properties.matches(condition.where, earlier.properties):
                continue
            if own_value and earlier.text(condition.other or "") == own_value:
                continue
            value = earlier.text(condition.distinct) if condition.distinct else ""
            if value and value in seen:
                continue
            seen.add(value)
            count += 1
            if count >= condition.at_least:
                return True
    return False


# --- which known facts are needed beside the new ones -----------------------------------------

Needs = dict[str, datetime | None]  # event name → from when on; None: all of them


def touched_by(names: frozenset[str], rules: Sequence[Rule]) -> Sequence[Rule]:
    """The rules of a journey that facts of these names may concern: all, when one of them may move back."""
    touched = [rule for rule in rules if not rule.touches.isdisjoint(names)]
    return rules if any(rule.may_move_back for rule in touched) else touched


def worth_asking(place: Place, facts: Sequence[Fact], rules: Sequence[Rule]) -> Sequence[Rule]:
    """Those of the rules that are `touched_by` new `facts` by which they could still change `place`; often none."""
    if any(rule.may_move_back for rule in rules):
        return rules
    first = min(fact.at for fact in facts)
    return [rule for rule in rules if _leads_on(place, rule, first)]


def needed(place: Place, facts: Sequence[Fact], rules: Sequence[Rule]) -> Needs:
    """
    What `advance` must know besides the new `facts`: names of events, each with the time from which on they count.

    Empty for the ordinary case: facts that are evidence by themselves, or that no rule cares for any more.
    """
    needs: Needs = {}
    whole = _may_decide(facts, rules)
    for rule in rules:
        as_evidence = [fact.at for fact in facts if fact.name in rule.events and _could_matter(place, rule, fact.at)]
        as_context = [fact.at for fact in facts if fact.name in rule.context and _leads_on(place, rule, fact.at)]
        since = min(as_evidence + as_context, default=None)
        if whole:
            # Whatever has been evidence since the last decision may be so again.
            since = min([fact.at for fact in facts] + ([place.settled_at] if place.settled_at else []))
        elif since is None or not rule.history:
            continue
        if as_context or whole:
            for name in rule.events:
                need(needs, name, since)
        for condition in rule.history:
            for name in condition.names:
                need(needs, name, since - condition.within if condition.within is not None else None)
    return needs


def _may_decide(facts: Sequence[Fact], rules: Sequence[Rule]) -> bool:
    """Could one of the new facts make a rule that may move back apply?"""
    return any(fact.name in rule.touches for rule in rules if rule.may_move_back for fact in facts)


def need(needs: Needs, name: str, since: datetime | None) -> None:
    """Add to `needs` that facts called `name` count from `since` on."""
    known = needs.get(name, since)
    needs[name] = None if since is None or known is None else min(since, known)
