"""A small world for one run: it answers questions from a list of facts and carries nothing out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from crm.rules import properties
from journeys.facts import Fact
from journeys.flows.definition import parse_definition
from journeys.flows.interpreter import Outcome, Planned, State, Status, Visit, start, wake, walk
from journeys.flows.plan import Plan
from journeys.flows.steps.base import (
    AttributeValue,
    Bought,
    CouponRefused,
    Happened,
    Occurrence,
    OrderBehind,
    Question,
    RuleHolds,
    WayClosed,
)

UTC_ZONE = ZoneInfo("UTC")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def plan_of(*steps: dict[str, Any], **rest: Any) -> Plan:
    return Plan(parse_definition({"trigger": {"manual": True}, "steps": list(steps), **rest}))


@dataclass
class World:
    """
    One run of `plan`. `tags` decide rules of the form {"tag": name}; `attributes` hold the customer's dates, `order`
    began it; `closed` says why no message finds them; `promotions` are those that give a code.
    """

    plan: Plan
    entered_at: datetime
    zone: ZoneInfo = UTC_ZONE
    tags: set[str] = field(default_factory=set)
    attributes: dict[str, str] = field(default_factory=dict)
    order: Bought | None = None
    closed: str = ""
    promotions: set[str] = field(default_factory=lambda: {"spring"})
    log: list[Fact] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    effects: list[Planned] = field(default_factory=list)
    status: Status = Status.RESTING
    reason: str = ""
    who: str = ""

    def __post_init__(self) -> None:
        self.state: State = start(self.plan, at=self.entered_at)

    def tick(self, now: datetime) -> World:
        """Let the runner look at `now`."""
        if self.status is not Status.RESTING or self.state.due_at > now:
            return self
        self._note(walk(self.plan, self.state, now=now, zone=self.zone, who=self.who))
        while self.status is Status.ASKING:
            answers = {question: self._answer(question) for question in self._questions}
            self._note(walk(self.plan, self.state, now=now, zone=self.zone, facts=answers, who=self.who))
        return self

    def hear(self, name: str, occurred_at: datetime, *, now: datetime | None = None, **props: Any) -> bool:
        """Record an event, at once unless `now` says it became known later; was the run concerned?"""
        fact = Fact(len(self.log) + 1, name, occurred_at, props)
        self.log.append(fact)
        if self.status is not Status.RESTING:
            return False
        outcome = wake(self.plan, self.state, fact, now=now or occurred_at, zone=self.zone)
        if outcome:
            self._note(outcome)
        return outcome is not None

    def done(self) -> list[str]:
        """The steps behind the run, as "step outcome"."""
        return [f"{visit.step} {visit.outcome}" for visit in self.visits]

    def _note(self, outcome: Outcome) -> None:
        self.state, self.status, self._questions = outcome.state, outcome.status, outcome.questions
        self.reason = outcome.reason
        self.visits += outcome.visits
        self.effects += outcome.effects

    def _answer(self, question: Question) -> Any:
        if isinstance(question, RuleHolds):
            return question.rule["tag"] in self.tags
        if isinstance(question, AttributeValue):
            return self.attributes.get(question.name)
        if isinstance(question, OrderBehind):
            return self.order
        if isinstance(question, WayClosed):
            return self.closed
        if isinstance(question, CouponRefused):
            return "" if question.promotion in self.promotions else "expired"
        return first_of(self.log, question)


def first_of(log: Iterable[Fact], question: Happened) -> Occurrence | None:
    found = [
        Occurrence(fact.id, fact.at)
        for fact in log
        if fact.name == question.event
        and question.since <= fact.at < question.before
        and properties.matches(question.where, fact.properties)
    ]
    return min(found, key=lambda occurrence: (occurrence.at, occurrence.id), default=None)


def wait(id_: str, duration: str, **rest: Any) -> dict[str, Any]:
    return {"id": id_, "type": "wait", "for": duration, **rest}


def send(id_: str, **rest: Any) -> dict[str, Any]:
    return {"id": id_, "type": "send", "channel": "sms", "topic": "after_sales", "body": "Hello", **rest}


def wait_event(id_: str, event: str, timeout: str, **rest: Any) -> dict[str, Any]:
    return {"id": id_, "type": "wait_event", "event": event, "timeout": timeout, **rest}


def branch(id_: str, tag: str, steps: list[Mapping[str, Any]], **rest: Any) -> dict[str, Any]:
    return {"id": id_, "type": "branch", "paths": [{"name": tag, "if": {"tag": tag}, "steps": steps}], **rest}
