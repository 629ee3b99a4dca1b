"""
What every kind of step is: its JSON shape, and how it decides when it is taken. Pure.

A step never does anything itself. Asked with a `Moment`, it answers with a decision: rest, go on (with effects that
the runner performs in bulk), ask for facts it needs first, or leave the flow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from crm.rules.schema import Shape, Slug, Where
from journeys.facts import Fact

if TYPE_CHECKING:
    from journeys.flows.steps import AnyStep

RuleJson = dict[str, Any]


# --- facts a step may need ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RuleHolds:
    """Does the customer match this rule now? Answered with a bool."""

    step: str
    key: str
    rule: RuleJson = field(hash=False, compare=False)


@dataclass(frozen=True, slots=True)
class Happened:
    """The first such event that occurred in [since, before). Answered with an Occurrence, or None."""

    step: str
    event: str
    since: datetime
    before: datetime
    where: Sequence[Where] = field(hash=False, compare=False)


@dataclass(frozen=True, slots=True)
class AttributeValue:
    """A date of the customer, "birthday" or a custom attribute. Answered with ISO text, or None."""

    step: str
    name: str


@dataclass(frozen=True, slots=True)
class OrderBehind:
    """The order that began the run. Answered with a Bought, or None when none did."""

    step: str


@dataclass(frozen=True, slots=True)
class Bought:
    """
    An order, as far as a wait by product must know it.

    Attributes:
        delivered_at: None while it is on its way.
        ended_at: when it was cancelled or given back as a whole, None for one that stands.
        times_of_use: how long each of its products is used before an opinion is worth asking for.
        runs_out_after: how long each of those that run out lasts.
    """

    ordered_at: datetime
    delivered_at: datetime | None = None
    ended_at: datetime | None = None
    times_of_use: tuple[timedelta, ...] = ()
    runs_out_after: tuple[timedelta, ...] = ()

    def as_of(self, now: datetime) -> Bought | None:
        """The order as it was then; None before there was one."""
        if self.ordered_at > now:
            return None
        delivered_at = self.delivered_at if self.delivered_at and self.delivered_at <= now else None
        ended_at = self.ended_at if self.ended_at and self.ended_at <= now else None
        return replace(self, delivered_at=delivered_at, ended_at=ended_at)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An event that a step was waiting for: its number on the log, when it occurred, and what it said (an outcome)."""

    id: int
    at: datetime
    word: str = ""


@dataclass(frozen=True, slots=True)
class CouponRefused:
    """Why a code of this promotion (a slug) would be of no use to the customer. Answered with the reason, or ""."""

    step: str
    promotion: str


@dataclass(frozen=True, slots=True)
class WayClosed:
    """Why a message would find nobody on any of these channels. Answered with the reason, or ""."""

    step: str
    channels: tuple[str, ...]
    topic: str
    template: str


Question = RuleHolds | Happened | AttributeValue | OrderBehind | CouponRefused | WayClosed
Facts = Mapping[Question, Any]


# --- what a step sees, and what it decides -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Moment:
    """
    What a step may know when it is taken.

    Attributes:
        arrived_at: durations count from here.
        since: events from here on count for a step that listens.
        due_at: until when it was put to rest here, None when it is taken for the first time.
        woken_by: the event that ended its rest early.
        facts: answers to the questions it asked; a question that is no key has not been answered yet.
        who: tells customers apart, the same for the same customer: what is left to chance is drawn from it.
        again: it rested here before and the step was edited since; what it did on arriving is done.
    """

    now: datetime
    zone: ZoneInfo
    arrived_at: datetime
    since: datetime
    due_at: datetime | None = None
    woken_by: Occurrence | None = None
    facts: Facts = field(default_factory=dict)
    who: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class Rest:
    """
    Stay here until `until`, or until something comes first.

    Attributes:
        awaits: the name of an event that comes first.
        asks: any event of the customer's is reason to look again.
        effects: done on coming to rest, once.
    """

    until: datetime
    awaits: str = ""
    asks: bool = False
    effects: Sequence[Effect] = ()


@dataclass(frozen=True, slots=True)
class Go:
    """
    Done here; go `into` one of the step's own lists, or on to what follows it.

    Attributes:
        outcome: one word for the visit: "waited", "heard", "timed_out", "queued" …
        heard: the event that decided it; what follows listens to later ones.
        contested: the step may still be decided the other way by an event that occurred in time (see interpreter.wake).
    """

    outcome: str
    into: str = ""
    effects: Sequence[Effect] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)
    heard: Occurrence | None = None
    contested: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """These answers first, please."""

    questions: Sequence[Question]


@dataclass(frozen=True, slots=True)
class Leave:
    """The flow ends here for this customer; `effects` are still done."""

    reason: str
    effects: Sequence[Effect] = ()


Decision = Rest | Go | Ask | Leave


class Effect:
    """Something a step wants done. The runner hands all effects of one class to its performer, as a batch."""

    __slots__ = ()


class Step(Shape):
    """The common part of all kinds. Ids are stable across versions of a flow."""

    id: Slug

    def lists(self) -> Iterator[tuple[str, Sequence[AnyStep]]]:
        """The step's own lists of steps with their place in its JSON: ("then", […]), ("paths[0].steps", […])."""
        yield from ()

    def rules(self) -> Iterator[tuple[str, RuleJson]]:
        """The rules it will ask for, with their place in its JSON."""
        yield from ()

    def listens(self) -> Iterator[str]:
        """Names of events that may wake it."""
        yield from ()

    def hears(self, fact: Fact, *, since: datetime, zone: ZoneInfo) -> Occurrence | None:
        """
        What `fact` says to a run that rests here, None when it says nothing.

        Args:
            since: events from here on count.
        """
        return None

    def terms(self) -> tuple[Any, ...]:
        """What a run rests on here; where an edit leaves them alone, it leaves the rest alone."""
        return ()

    def rest_again(self, arrived_at: datetime, zone: ZoneInfo) -> Rest | None:
        """The rest of somebody who came then, as the step stands now; None when it must be taken anew to know."""
        return None

    def opening(self, due: datetime, zone: ZoneInfo) -> datetime:
        """When somebody whose wait is over at `due` may go on: then, or later where the step keeps hours."""
        return due

    def take(self, moment: Moment) -> Decision:
        """Decide. Called again after each rest or answer, until it goes on or leaves."""
        raise NotImplementedError
