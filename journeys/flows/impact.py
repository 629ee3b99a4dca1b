"""
What becomes of people inside when a flow is edited. Pure.

`carry` decides for one run; the preview counts what it says and publishing does what it says, so that the preview comes
true.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from journeys.flows.interpreter import Stand, State
from journeys.flows.plan import Plan

REMOVED, DRAINED = "step removed", "drained"


class PeopleInside(StrEnum):
    """What the publisher chooses for those under way."""

    PIN = "pin"  # they finish the version they entered with
    FOLLOW = "follow"  # they go on by step id in the new one; time already waited counts
    DRAIN = "drain"  # they leave


class Fate(StrEnum):
    """What becomes of one run."""

    STAYS = "stays"  # finishes the version it entered with
    GOES_ON = "goes_on"  # at the same step of the new version, until when it rested before
    WAITS = "waits"  # at the same step, which was edited, until another time
    DUE = "due"  # at the same step, which was edited so that its wait is over
    OPENS = "opens"  # so too, but its window is shut: goes on as soon as it opens
    ASKED = "asked"  # at the same step, which was edited so that a date must be read anew
    LEAVES = "leaves"  # drained, or the new version has no such step


@dataclass(frozen=True, slots=True)
class Carried:
    """A run after the edit: where it stands in the new version, or the reason why it leaves."""

    fate: Fate
    state: State
    reason: str = ""


@dataclass(slots=True)
class Impact:
    """How many people there are on each step, by what becomes of them."""

    steps: dict[str, Counter[Fate]] = field(default_factory=lambda: defaultdict(Counter))

    def note(self, step: str, fate: Fate, number: int = 1) -> None:
        self.steps[step][fate] += number

    @property
    def total(self) -> Counter[Fate]:
        return sum(self.steps.values(), Counter())

    def as_json(self) -> dict[str, dict[str, int]]:
        """{step: {fate: people}}, steps and fates that concern somebody."""
        return {
            step: {fate.value: number for fate, number in sorted(fates.items()) if number}
            for step, fates in sorted(self.steps.items())
            if fates.total()
        }


def fate_of_all(old: Plan, new: Plan, step: str, choice: PeopleInside) -> Fate | None:
    """What becomes of everybody on `step` alike; None where it depends on the run."""
    if choice is PeopleInside.PIN:
        return Fate.STAYS
    if choice is PeopleInside.DRAIN or not _has(new, old, step):
        return Fate.LEAVES
    return Fate.GOES_ON if old.steps[step].terms() == new.steps[step].terms() else None


def carry(old: Plan, new: Plan, state: State, choice: PeopleInside, *, now: datetime, zone: ZoneInfo) -> Carried:
    """Take a run under way from `old` to `new`."""
    fate = fate_of_all(old, new, state.step, choice)
    if fate is Fate.STAYS:
        return Carried(fate, state)
    if fate is Fate.LEAVES:
        return Carried(fate, state, DRAINED if choice is PeopleInside.DRAIN else REMOVED)
    # The new version may have put steps ahead of them that they have been at: those are visits of their own.
    contests = tuple(it for it in state.contests if _has(new, old, it.step))
    state = replace(state, visit=state.visit + 1, contests=contests)
    if fate is Fate.GOES_ON or state.stand is Stand.START or state.woken_by is not None:
        return Carried(Fate.GOES_ON, state)
    rest = new.steps[state.step].rest_again(state.arrived_at, zone)
    if rest is None:
        anew = replace(state, stand=Stand.START, due_at=now, awaits="", again=True)
        return Carried(Fate.ASKED, anew)
    stand = Stand.EVENT if rest.awaits else Stand.RULE if rest.asks else Stand.TIME
    if rest.until > now:
        return Carried(Fate.WAITS, replace(state, stand=stand, due_at=rest.until, awaits=rest.awaits))
    opening = new.steps[state.step].opening(now, zone)
    over = replace(state, stand=stand, due_at=opening, awaits=rest.awaits)
    return Carried(Fate.OPENS if opening > now else Fate.DUE, over)


def count(
    old: Plan, new: Plan, people: Iterable[tuple[State, ZoneInfo]], choice: PeopleInside, *, now: datetime
) -> Impact:
    """What becomes of these people, without doing it."""
    impact = Impact()
    for state, zone in people:
        impact.note(state.step, carry(old, new, state, choice, now=now, zone=zone).fate)
    return impact


def _has(new: Plan, old: Plan, step: str) -> bool:
    """Is it the same step in both: the same id, and of the same kind?"""
    return step in new.steps and step in old.steps and new.steps[step].type == old.steps[step].type
