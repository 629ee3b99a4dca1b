"""
A definition made ready to run: where each step leads, and what the flow listens to. Pure.

The tree becomes a table by step id, so that a run is found again by the id it stands on, in any version that has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from crm.rules import Rule, parse_rule, properties
from crm.rules.schema import Where
from journeys.events import STAGE_CHANGED
from journeys.facts import Fact
from journeys.flows.definition import (
    Definition,
    EventExit,
    EventTrigger,
    RuleExit,
    SegmentTrigger,
    StageRef,
    StageTrigger,
)  # fmt: skip
from journeys.flows.steps import AnyStep, Send
from journeys.flows.steps.base import RuleJson

CONSENT_CHANGED = "Consent Changed"
SEGMENT_ENTERED, SEGMENT_LEFT = "Segment Entered", "Segment Left"
MESSAGE_STOPPED = frozenset({"Message Withheld", "Message Failed"})


@dataclass(frozen=True, slots=True)
class KeyedRule:
    """A rule known by its text, so that runs of several versions ask the same question once."""

    text: str
    rule: Rule = field(compare=False)

    @classmethod
    def of(cls, json: RuleJson) -> KeyedRule:
        return cls(orjson.dumps(json, option=orjson.OPT_SORT_KEYS).decode(), parse_rule(json))


class Plan:
    """A definition to run. Immutable after construction; one is shared by every run of its version."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.steps: dict[str, AnyStep] = {}
        self._after: dict[str, str | None] = {}
        self._first: dict[tuple[str, str], str] = {}
        self._lay_out(definition.steps, None)
        self.first = definition.steps[0].id
        self.trigger, self.trigger_where = _trigger(definition)
        self.audience = parse_rule(definition.audience)
        self.exit_rules = tuple(KeyedRule.of(exit_.rule) for exit_ in definition.exits if isinstance(exit_, RuleExit))
        self._exits = tuple(exit_ for exit_ in definition.exits if isinstance(exit_, EventExit))
        self.hears: frozenset[str] = self._hears()
        self._sends: dict[str, frozenset[tuple[str, str]]] = {}
        self._rules: dict[tuple[str, str], KeyedRule] = {}

    def _hears(self) -> frozenset[str]:
        """Every event that may change a run under way, exit rules apart."""
        sends = [step for step in self.steps.values() if isinstance(step, Send)]
        return frozenset(
            {name for step in self.steps.values() for name in step.listens()}
            | {exit_.event for exit_ in self._exits}
            | ({self.definition.goal.event} if self.definition.goal else set())
            | ({CONSENT_CHANGED} if sends else set())
            | (MESSAGE_STOPPED if any(send.if_unreachable == "exit" for send in sends) else set())
        )

    @property
    def ends_on(self) -> frozenset[str]:
        """Events that end a run whatever step it is on: exits and the goal."""
        goal = {self.definition.goal.event} if self.definition.goal else set()
        return frozenset({exit_.event for exit_ in self._exits} | goal)

    def rule(self, step_id: str, key: str) -> KeyedRule:
        """The rule that `step_id` asks for as `key`, parsed once."""
        if (step_id, key) not in self._rules:
            self._rules[step_id, key] = KeyedRule.of(dict(self.steps[step_id].rules())[key])
        return self._rules[step_id, key]

    def next(self, step_id: str, into: str = "") -> str | None:
        """The step that follows: the first of its own list `into`, else what stands behind it; None at the end."""
        return self._first.get((step_id, into)) or self._after[step_id]

    def starts_on(self, fact: Fact) -> bool:
        return fact.name == self.trigger and properties.matches(self.trigger_where, fact.properties)

    def exit_on(self, fact: Fact) -> bool:
        """Is this event one of the flow's exits?"""
        return any(
            exit_.event == fact.name and properties.matches(exit_.where, fact.properties) for exit_ in self._exits
        )

    def is_goal(self, fact: Fact) -> bool:
        goal = self.definition.goal
        return goal is not None and fact.name == goal.event and properties.matches(goal.where, fact.properties)

    def key_of(self, fact: Fact) -> str:
        """The value that tells this run apart from the customer's others; "" when the flow has no key."""
        path = self.definition.reentry.key_property
        return fact.text(path) if path else ""

    def concerns(self, fact: Fact, key: str) -> bool:
        """An event that names another order or cart than the run's speaks of another run."""
        told = self.key_of(fact)
        return not told or not key or told == key

    def sends_ahead(self, step_id: str) -> frozenset[tuple[str, str]]:
        """(channel, topic) of every message that may still be sent by a run that stands on `step_id`."""
        if step_id not in self._sends:
            step = self.steps[step_id]
            found = {(channel, step.topic) for channel in step.channels} if isinstance(step, Send) else set()
            followers = {self._after[step_id], *(self._first.get((step_id, name)) for name, _ in step.lists())}
            for follower in followers - {None}:
                found |= self.sends_ahead(str(follower))
            self._sends[step_id] = frozenset(found)
        return self._sends[step_id]

    def _lay_out(self, steps: Sequence[AnyStep], after: str | None) -> None:
        for step, follower in zip(steps, [*steps[1:], None], strict=True):
            self.steps[step.id] = step
            self._after[step.id] = follower.id if follower else after
            for name, inner in step.lists():
                if inner:
                    self._first[step.id, name] = inner[0].id
                    self._lay_out(inner, self._after[step.id])


def _trigger(definition: Definition) -> tuple[str, Sequence[Where]]:
    """The event that starts the flow, and its `where`; ("", …) when only people or the calendar do."""
    trigger = definition.trigger
    if isinstance(trigger, EventTrigger):
        return trigger.event, trigger.where
    if isinstance(trigger, StageTrigger):
        return STAGE_CHANGED, _stage_where(trigger.stage)
    if isinstance(trigger, SegmentTrigger):
        name = SEGMENT_ENTERED if trigger.on == "enter" else SEGMENT_LEFT
        return name, [Where(property="segment", op="eq", value=trigger.segment)]
    return "", ()


def _stage_where(stage: StageRef) -> list[Where]:
    return [
        Where(property="journey", op="eq", value=stage.journey),
        Where(property="to", op="eq", value=stage.stage),
        # Judging a journey anew corrects the books; nobody has just come to the stage.
        Where(property="cause", op="ne", value="replay"),
    ]
