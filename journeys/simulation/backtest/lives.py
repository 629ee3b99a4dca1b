"""
One customer's way through a flow over facts that have happened. Pure, but for the questions it asks.

The interpreter is the one that the runner drives; here it is told each fact at the time it occurred, and looks at each
due time as it comes, as a runner that is never late would.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from crm.lib.durations import parse_duration
from crm.selectors.promotions import TEMPLATE_NAMES
from journeys.facts import Fact
from journeys.flows import calendar, interpreter
from journeys.flows.answers import date_of, first_of
from journeys.flows.enrolment import Past, may_enter
from journeys.flows.holdout import why_held_out
from journeys.flows.interpreter import Outcome, Stand, State, Status
from journeys.flows.listening import GOAL, RULE, why_it_ends
from journeys.flows.plan import KeyedRule, Plan
from journeys.flows.steps.base import (
    AttributeValue,
    Bought,
    CouponRefused,
    Effect,
    Facts,
    Happened,
    OrderBehind,
    Question,
    RuleHolds,
    WayClosed,
)
from journeys.flows.steps.coupon import PutCoupon
from journeys.flows.steps.send import SendMessage

HELD_OUT = "held_out"
# As crm.selectors.promotions.for_template writes one.
EXAMPLE = dict.fromkeys(TEMPLATE_NAMES, "…") | {"code": "EXAMP-LE123"}


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Do these rules hold for the customer at `at`? Answered with {rule: bool}."""

    customer: int
    at: datetime
    rules: tuple[KeyedRule, ...]


Verdicts = Mapping[KeyedRule, bool]
Asking = Generator[Inquiry, Verdicts, Any]


@dataclass(frozen=True, slots=True)
class Person:
    """
    What a run must know of its customer.

    Attributes:
        record: birthday, attributes … as in journeys.flows.answers.
        orders: as they are today, by the event that begins a run; read when a wait asks for them.
    """

    id: int
    zone: ZoneInfo
    record: Mapping[str, Any]
    facts: Sequence[Fact]  # in the order they occurred
    in_control: bool = False
    orders: Mapping[int, Bought] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A message a run would have put on the ledger at `at`."""

    customer: int
    at: datetime
    step: str
    effect: SendMessage
    context: Mapping[str, Any]
    life: Life


@dataclass(eq=False, slots=True)
class Life:
    """
    One run.

    Attributes:
        state: as of Enrolment.State; active until it is over.
        stopped_at: from then on nothing it has written is wanted.
        visits: how often each step was left how, by (step, outcome).
    """

    customer: int
    entered_at: datetime
    key: str = ""
    state: str = "active"
    reason: str = ""
    ended_at: datetime | None = None
    stopped_at: datetime | None = None
    goal_at: datetime | None = None
    step: str = ""
    visits: Counter[tuple[str, str]] = field(default_factory=Counter)
    messages: list[Wanted] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Slot:
    """
    A customer's entries with one key, in the order they occurred, and what became of each.

    Attributes:
        refused: entries that were not taken in, by gate.
    """

    person: Person
    key: str
    entries: Sequence[Fact]
    lives: list[Life] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


def live_through(slot: Slot, plan: Plan, audience: KeyedRule, *, slug: str, until: datetime) -> Asking:
    """Take the entries of a slot one after the other; yields what must be known, fills `slot`."""
    reentry = plan.definition.reentry
    for entry in slot.entries:
        verdicts = yield Inquiry(slot.person.id, entry.at, (audience,))
        if not verdicts[audience]:
            slot.refused["audience"] += 1
            continue
        last = slot.lives[-1] if slot.lives else None
        past = Past(last.entered_at, last.ended_at is None or last.ended_at > entry.at) if last else None
        if (last and reentry.policy == "once") or not may_enter(reentry, past, at=entry.at, zone=slot.person.zone):
            slot.refused["reentry"] += 1
            continue
        life = Life(slot.person.id, entry.at, slot.key)
        slot.lives.append(life)
        yield from _Run(life, slot.person, plan, entry, slug, until).live()


class _Run:
    """A life being lived."""

    def __init__(self, life: Life, person: Person, plan: Plan, entry: Fact, slug: str, until: datetime) -> None:
        self._life, self._person, self._plan, self._entry = life, person, plan, entry
        self._slug, self._until = slug, until
        self._who = f"{slug}:{person.id}"
        self._context = {"event": entry.properties}
        first = bisect_left(person.facts, entry.at, key=lambda fact: fact.at)
        self._ahead = [fact for fact in person.facts[first:] if fact.id != entry.id]
        goal = plan.definition.goal
        self._goal_until = calendar.add(entry.at, parse_duration(goal.within), person.zone) if goal else None

    def live(self) -> Asking:
        life, plan = self._life, self._plan
        facts = iter(self._ahead)
        share = plan.definition.holdout
        if reason := why_held_out(self._slug, life.customer, share, in_control=self._person.in_control):
            life.state, life.ended_at, life.reason = HELD_OUT, life.entered_at, reason
        else:
            yield from self._go(facts)
        self._look_back(facts)

    def _go(self, facts: Iterator[Fact]) -> Asking:
        state = interpreter.start(self._plan, at=self._life.entered_at)
        fact = next(facts, None)
        while self._life.ended_at is None:
            if fact is not None and (fact.at < state.due_at or state.due_at > self._until):
                state = yield from self._hear(state, fact)
                fact = next(facts, None)
            elif state.due_at > self._until:
                break
            else:
                state = yield from self._walk(state)
        self._life.step = state.step

    def _hear(self, state: State, fact: Fact) -> Generator[Inquiry, Verdicts, State]:
        plan, life = self._plan, self._life
        asked = list(plan.exit_rules)
        awaited = plan.rule(state.step, "rule") if state.stand is Stand.RULE else None
        rules = tuple(asked + ([awaited] if awaited else []))
        verdicts = (yield Inquiry(life.customer, fact.at, rules)) if rules else {}
        may_wake = verdicts[awaited] if awaited else plan.concerns(fact, life.key)
        outcome = interpreter.wake(plan, state, fact, now=fact.at, zone=self._person.zone) if may_wake else None
        reason = why_it_ends(plan, fact, key=life.key, entered_at=life.entered_at)
        if reason == GOAL:
            self._reach_goal(fact.at)
        if not reason and any(verdicts[keyed] for keyed in asked):
            reason = RULE
        if reason and not (outcome and reason == GOAL):
            self._end("exited", fact.at, reason)
            life.stopped_at = fact.at
            return state
        if outcome is None:
            return state
        self._note(outcome, fact.at)
        return outcome.state

    def _walk(self, state: State) -> Generator[Inquiry, Verdicts, State]:
        plan, life, now = self._plan, self._life, state.due_at
        if plan.exit_rules:
            verdicts = yield Inquiry(life.customer, now, plan.exit_rules)
            if any(verdicts.values()):
                self._end("exited", now, RULE)
                life.stopped_at = now
                return state
        known: Facts = interpreter.NO_FACTS
        while True:
            outcome = interpreter.walk(plan, state, now=now, zone=self._person.zone, facts=known, who=self._who)
            self._note(outcome, now)
            state = outcome.state
            if outcome.status is not Status.ASKING:
                break
            known = yield from self._answer(outcome.questions, now)
        if outcome.status is Status.COMPLETED:
            self._end("completed", now, "")
        elif outcome.status is Status.EXITED:
            self._end("exited", now, outcome.reason)
        return state

    def _answer(self, questions: Sequence[Question], now: datetime) -> Generator[Inquiry, Verdicts, Facts]:
        known: dict[Question, Any] = {}
        rules = {
            question: self._plan.rule(question.step, question.key)
            for question in questions
            if isinstance(question, RuleHolds)
        }
        if rules:
            verdicts = yield Inquiry(self._life.customer, now, tuple(dict.fromkeys(rules.values())))
            known |= {question: verdicts[keyed] for question, keyed in rules.items()}
        for question in questions:
            if isinstance(question, AttributeValue):
                known[question] = date_of(self._person.record, question.name)
            elif isinstance(question, OrderBehind):
                order = self._person.orders.get(self._entry.id)
                known[question] = order and order.as_of(now)
            elif isinstance(question, CouponRefused | WayClosed):
                # What the limits would have been then is not known: an example is given. Whom a message would have
                # found is said when all are judged together (backtest.mail).
                known[question] = ""
            elif isinstance(question, Happened):
                # What lies ahead has not happened yet.
                so_far = (fact for fact in self._person.facts if fact.at <= now)
                known[question] = first_of(
                    so_far, question, plan=self._plan, key=self._life.key, started_by=self._entry.id
                )
        return known

    def _look_back(self, facts: Iterator[Fact]) -> None:
        """A run that is over still converts while the goal counts, and an exit still stops its messages."""
        life = self._life
        for fact in facts:
            reason = why_it_ends(self._plan, fact, key=life.key, entered_at=life.entered_at)
            if reason == GOAL:
                self._reach_goal(fact.at)
            if reason and life.stopped_at is None:
                life.stopped_at = fact.at

    def _reach_goal(self, at: datetime) -> None:
        if self._life.goal_at is None and self._goal_until and at <= self._goal_until:
            self._life.goal_at = at

    def _end(self, state: str, at: datetime, reason: str) -> None:
        self._life.state, self._life.ended_at, self._life.reason = state, at, reason

    def _note(self, outcome: Outcome, now: datetime) -> None:
        life = self._life
        for visit in outcome.visits:
            life.visits[visit.step, visit.outcome] += 1
        for planned in outcome.effects:
            effect: Effect = planned.effect
            if isinstance(effect, SendMessage):
                life.messages.append(Wanted(life.customer, now, planned.step, effect, self._context, life))
            else:
                life.effects[type(effect).__name__] += 1
            if isinstance(effect, PutCoupon):
                self._context = {**self._context, "coupon": EXAMPLE}
