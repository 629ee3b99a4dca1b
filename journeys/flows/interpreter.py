"""
One run of one customer through one flow. Pure: values in, values out.

`walk` takes a run from where it stands until it rests, ends, or needs to know something; `wake` tells it that an event
it may care about has occurred. The runner, the simulator and tests all drive these two functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from journeys.facts import Fact
from journeys.flows.plan import Plan
from journeys.flows.steps.base import Ask, Effect, Facts, Go, Leave, Moment, Occurrence, Question, Rest


class Stand(StrEnum):
    """What a run under way rests on; always exactly one thing."""

    START = "start"  # its next step has not been taken yet
    TIME = "time"  # until due_at, or until the date it waits for changes
    EVENT = "event"  # until the event it awaits, at most until due_at
    RULE = "rule"  # until a rule holds, asked on the customer's events; at most until due_at


@dataclass(frozen=True, slots=True)
class Contest:
    """A wait that began at `since` and ran out, but may still be decided by an event that occurred in time."""

    step: str
    since: datetime
    deadline: datetime


@dataclass(frozen=True, slots=True)
class State:
    """
    Where a run stands.

    Attributes:
        visit: 1, and one more after each contest won and each edit followed, since steps may then be come to a second
            time.
        arrived_at: when it came to the step; durations count from here.
        since: events from here on count for this step. Earlier than `arrived_at` when the runner came late.
        due_at: when to look again; for Stand.EVENT and Stand.RULE the timeout.
        woken_by: the event that ended the rest.
        contests: waits that timed out with nothing done since.
        again: it rested here before, and the step was edited since (journeys.flows.impact).
    """

    step: str
    arrived_at: datetime
    since: datetime
    due_at: datetime
    stand: Stand = Stand.START
    visit: int = 1
    awaits: str = ""
    woken_by: Occurrence | None = None
    contests: tuple[Contest, ...] = ()
    again: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """A step that is behind the run, and how it went."""

    step: str
    visit: int
    outcome: str
    arrived_at: datetime
    left_at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Planned:
    """An effect with the visit that wants it: the pair (step, visit) happens once."""

    step: str
    visit: int
    effect: Effect


class Status(StrEnum):
    RESTING = "resting"
    ASKING = "asking"
    COMPLETED = "completed"
    EXITED = "exited"


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    What a walk came to.

    Attributes:
        state: where the run stands now; the last step it stood on when it has ended.
        questions: what it must know before it can go on (ASKING); walk again from `state` with the answers, after the
            effects so far have been carried out.
    """

    status: Status
    state: State
    visits: tuple[Visit, ...] = ()
    effects: tuple[Planned, ...] = ()
    questions: tuple[Question, ...] = ()
    reason: str = ""


NO_FACTS: Facts = {}


def start(plan: Plan, *, at: datetime) -> State:
    """A run that entered at `at` and has taken no step."""
    return State(step=plan.first, arrived_at=at, since=at, due_at=at)


def walk(plan: Plan, state: State, *, now: datetime, zone: ZoneInfo, facts: Facts = NO_FACTS, who: str = "") -> Outcome:
    """
    Take steps until the run rests, ends or asks.

    Durations of the first steps count from the entry, of later ones from `now`: after an outage messages keep their
    distance. A step that listens hears from the time the run was due there, so that nothing is missed by coming late.

    Args:
        now: a run that is looked at before it is due stays as it is.
        facts: answers to the questions asked by the walk that led to `state`.
        who: the same text for the same customer; a split draws from it.
    """
    if state.stand is not Stand.START and state.woken_by is None and now < state.due_at:
        return Outcome(Status.RESTING, state)
    base, since = _clocks(state, now)
    visits: list[Visit] = []
    effects: list[Planned] = []
    while True:
        step = plan.steps[state.step]
        decision = step.take(_moment(state, now, zone, facts, who))
        if isinstance(decision, Ask):
            return Outcome(Status.ASKING, state, tuple(visits), tuple(effects), tuple(decision.questions))
        if isinstance(decision, Rest):
            effects += [Planned(step.id, state.visit, effect) for effect in decision.effects]
            state = _at_rest(state, decision)
            if decision.until > now:
                return Outcome(Status.RESTING, state, tuple(visits), tuple(effects))
            base, since = now, decision.until
            continue
        if isinstance(decision, Leave):
            effects += [Planned(step.id, state.visit, effect) for effect in decision.effects]
            visits.append(Visit(step.id, state.visit, "left", state.arrived_at, now, {"reason": decision.reason}))
            return Outcome(Status.EXITED, state, tuple(visits), tuple(effects), reason=decision.reason)
        visits.append(Visit(step.id, state.visit, decision.outcome, state.arrived_at, now, decision.detail))
        effects += [Planned(step.id, state.visit, effect) for effect in decision.effects]
        following = plan.next(step.id, decision.into)
        if following is None:
            return Outcome(Status.COMPLETED, state, tuple(visits), tuple(effects))
        if decision.heard:
            # The event that decided this step is not heard a second time by the next.
            since = max(state.since, decision.heard.at + timedelta.resolution)
        state = State(
            step=following,
            arrived_at=base,
            since=since,
            due_at=base,
            visit=state.visit,
            contests=_contests(state, decision),
        )


def wake(plan: Plan, state: State, fact: Fact, *, now: datetime, zone: ZoneInfo) -> Outcome | None:
    """
    Tell a run of an event; the run as it then stands, or None when the event does not concern it.

    An event that occurred before a wait's deadline wins over the timeout, even when it becomes known later, as long as
    the timeout's path has done nothing yet.
    """
    for contest in state.contests:
        heard = _heard(plan, contest.step, fact, contest.since, contest.deadline, zone)
        if heard:
            overtaken = Visit(state.step, state.visit, "overtaken", state.arrived_at, now, {"by": fact.id})
            back = State(
                step=contest.step,
                arrived_at=now,
                since=contest.since,
                due_at=now,
                stand=Stand.TIME,
                visit=state.visit + 1,
                woken_by=heard,
            )
            return Outcome(Status.RESTING, back, (overtaken,))
    if state.stand is not Stand.START and state.woken_by is None:
        heard = _heard(plan, state.step, fact, state.since, state.due_at, zone)
        if heard:
            return Outcome(Status.RESTING, replace(state, stand=Stand.TIME, due_at=now, awaits="", woken_by=heard))
    return None


def _at_rest(state: State, rest: Rest) -> State:
    stand = Stand.EVENT if rest.awaits else Stand.RULE if rest.asks else Stand.TIME
    contests = () if rest.effects else state.contests
    return replace(
        state, stand=stand, due_at=rest.until, awaits=rest.awaits, woken_by=None, contests=contests, again=False
    )


def _clocks(state: State, now: datetime) -> tuple[datetime, datetime]:
    """From where the durations of the next steps count, and from where they listen."""
    if state.again:
        return now, now
    if state.stand is Stand.START:
        return state.arrived_at, state.since
    return now, state.due_at


def _moment(state: State, now: datetime, zone: ZoneInfo, facts: Facts, who: str) -> Moment:
    return Moment(
        now=now,
        zone=zone,
        arrived_at=state.arrived_at,
        since=state.since,
        due_at=None if state.stand is Stand.START else state.due_at,
        woken_by=state.woken_by,
        facts=facts,
        who=who,
        again=state.again,
    )


def _heard(
    plan: Plan, step_id: str, fact: Fact, since: datetime, deadline: datetime, zone: ZoneInfo
) -> Occurrence | None:
    """What `fact` says to this wait; nothing when it is over, or when an edited flow has it no more."""
    step = plan.steps.get(step_id)
    if step is None or fact.at >= deadline:
        return None
    return step.hears(fact, since=since, zone=zone)


def _contests(state: State, decision: Go) -> tuple[Contest, ...]:
    """The contests still open behind `decision`: doing anything settles them all."""
    if decision.effects:
        return ()
    if not decision.contested:
        return state.contests
    return (*state.contests, Contest(state.step, state.since, state.due_at))
