"""
What a flow is, as JSON: typed, checked, and given back without loss. Pure.

    {"trigger": {"event": "Order Delivered"}, "exits": [{"event": "Order Refunded"}], "steps": [{"id": "settle", …}]}

`parse_definition` reads it, or raises with every fault, each with its path and the step it stands in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from django.utils.translation import gettext as _
from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag, ValidationError, model_validator

from crm.lib.durations import Duration, parse_duration
from crm.rules import InvalidRule, parse_rule
from crm.rules.schema import IsoDuration, Name, Shape, Slug, WhereList
from journeys.flows.cron import parse_cron
from journeys.flows.faults import UNION_TAG, Fault, InvalidDefinition, faults_of
from journeys.flows.steps import AnyStep, Branch, Exit, Split, Task, WaitEvent, WaitRule
from journeys.flows.steps.base import RuleJson
from journeys.flows.steps.until import SignedDuration
from journeys.flows.steps.wait import Clock

__all__ = [
    "DateOfTheirs", "DateTrigger", "Definition", "EventExit", "EventTrigger", "Fault", "Goal", "InvalidDefinition",
    "ManualTrigger", "Reentry", "RuleExit", "Schedule", "ScheduleTrigger", "SegmentTrigger", "StageRef", "StageTrigger",
    "parse_definition",
]  # fmt: skip

MAX_STEPS = 200
MAX_NESTING = 8
# Levels of brackets in its JSON: each level of steps is at most a list, a step, its paths and one of them; what lies
# deeper is a rule.
DEEPEST = 4 * MAX_NESTING + 20


BIRTHDAY = "birthday"


# --- what starts a flow -----------------------------------------------------------------------


def _is_cron(text: str) -> str:
    parse_cron(text)
    return text


class EventTrigger(Shape):
    """Every such event enrols its customer."""

    event: Name
    where: WhereList = []


class StageRef(Shape):
    journey: Slug
    stage: Slug


class StageTrigger(Shape):
    """Entering the stage enrols the customer."""

    stage: StageRef


class SegmentTrigger(Shape):
    """Coming into the segment, or leaving it, enrols the customer."""

    segment: Slug
    on: Literal["enter", "leave"] = "enter"


class DateOfTheirs(Shape):
    """
    A day of the customer's own: their birthday, or a custom attribute that holds a date.

    `yearly` (by itself for a birthday) takes each anniversary; 29 February is kept on the 28th where there is none.
    `offset` is whole days, weeks, months or years before (-P3D) or after; `at` is a time on the customer's own clock.
    """

    attribute: Name
    offset: SignedDuration = "P0D"
    yearly: bool | None = None
    at: Clock = "09:00"

    @model_validator(mode="after")
    def _whole_days(self) -> DateOfTheirs:
        if self.duration.clock:
            raise ValueError("offset is in whole days")
        return self

    @property
    def duration(self) -> Duration:
        """The offset without its sign."""
        return parse_duration(self.offset.removeprefix("-"))

    @property
    def sign(self) -> int:
        return -1 if self.offset.startswith("-") else 1

    @property
    def is_yearly(self) -> bool:
        return self.attribute == BIRTHDAY if self.yearly is None else self.yearly


class DateTrigger(Shape):
    """Such a day enrols the customer."""

    date: DateOfTheirs


class Schedule(Shape):
    """Five fields of cron (journeys.flows.cron) on the shop's clock, and whom it takes in: everybody in a segment."""

    cron: Annotated[str, AfterValidator(_is_cron)]
    segment: Slug


class ScheduleTrigger(Shape):
    """Each time, everybody in the segment is enrolled."""

    schedule: Schedule


class ManualTrigger(Shape):
    """Nobody comes by themselves: staff or a program enrols them."""

    manual: Literal[True]


TRIGGERS: dict[str, type[Shape]] = {
    "event": EventTrigger, "stage": StageTrigger, "segment": SegmentTrigger, "date": DateTrigger,
    "schedule": ScheduleTrigger, "manual": ManualTrigger,
}  # fmt: skip


def _kind_of_trigger(value: Any) -> str | None:
    for key, model in TRIGGERS.items():
        if isinstance(value, model) or (isinstance(value, dict) and key in value):
            return UNION_TAG + key
    return None


Trigger = Annotated[
    Annotated[EventTrigger, Tag(UNION_TAG + "event")]
    | Annotated[StageTrigger, Tag(UNION_TAG + "stage")]
    | Annotated[SegmentTrigger, Tag(UNION_TAG + "segment")]
    | Annotated[DateTrigger, Tag(UNION_TAG + "date")]
    | Annotated[ScheduleTrigger, Tag(UNION_TAG + "schedule")]
    | Annotated[ManualTrigger, Tag(UNION_TAG + "manual")],
    Discriminator(_kind_of_trigger),
]


# --- who may come again, who leaves early, what counts as success -----------------------------


class Reentry(Shape):
    """
    May a customer enter again?

    `once`: never · `after_exit`: when no run is under way · `cooldown`: that, and so long after the last entry ·
    `always`. With `key` ("properties.order_id") this is asked for each value of that property apart, and each run keeps
    to the events of its own order or cart.
    """

    policy: Literal["once", "after_exit", "always", "cooldown"]
    cooldown: IsoDuration | None = None
    key: Annotated[str, StringConstraints(pattern=r"^properties\.[^.\s][^\s]*$", max_length=200)] | None = None

    @model_validator(mode="after")
    def _cooldown_with_its_policy(self) -> Reentry:
        if (self.policy == "cooldown") != (self.cooldown is not None):
            raise ValueError('"cooldown" and the policy "cooldown" belong together')
        return self

    @property
    def key_property(self) -> str | None:
        """The property whose values are told apart."""
        return self.key.removeprefix("properties.") if self.key else None


class EventExit(Shape):
    event: Name
    where: WhereList = []


class RuleExit(Shape):
    rule: RuleJson


def _kind_of_exit(value: Any) -> str | None:
    for key, model in (("event", EventExit), ("rule", RuleExit)):
        if isinstance(value, model) or (isinstance(value, dict) and key in value):
            return UNION_TAG + key
    return None


AnyExit = Annotated[
    Annotated[EventExit, Tag(UNION_TAG + "event")] | Annotated[RuleExit, Tag(UNION_TAG + "rule")],
    Discriminator(_kind_of_exit),
]


class Goal(Shape):
    """Reaching it within that time counts as converted, and ends the run at once."""

    event: Name
    where: WhereList = []
    within: IsoDuration = "P30D"


def _usual_reentry(known: dict[str, Any]) -> Reentry:
    """What is not said: once, but what the calendar brings comes again."""
    trigger = known.get("trigger")
    recurs = isinstance(trigger, ScheduleTrigger) or (isinstance(trigger, DateTrigger) and trigger.date.is_yearly)
    return Reentry(policy="after_exit" if recurs else "once")


class Definition(Shape):
    """A whole flow. `holdout` is the share, in percent, of entrants who are only watched."""

    trigger: Trigger
    audience: RuleJson = {}
    reentry: Annotated[Reentry, Field(default_factory=_usual_reentry)]
    exits: Annotated[list[AnyExit], Field(max_length=20)] = []
    goal: Goal | None = None
    holdout: Annotated[int, Field(ge=0, le=90)] = 0
    steps: Annotated[list[AnyStep], Field(min_length=1)]

    def as_json(self) -> dict[str, Any]:
        """The JSON it was read from, key for key."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def walk(self) -> Iterator[tuple[str, int, AnyStep]]:
        """Every step with its path and nesting, parents before children."""
        yield from _walk("steps", self.steps, 1)


def _walk(path: str, steps: Sequence[AnyStep], nesting: int) -> Iterator[tuple[str, int, AnyStep]]:
    for index, step in enumerate(steps):
        here = f"{path}[{index}]"
        yield here, nesting, step
        for name, inner in step.lists():
            yield from _walk(f"{here}.{name}", inner, nesting + 1)


# --- reading and checking ---------------------------------------------------------------------


def parse_definition(data: Any) -> Definition:
    """
    Read a definition and check that it could run.

    Raises:
        InvalidDefinition: with one Fault for everything that is wrong.
    """
    if not isinstance(data, dict):
        raise InvalidDefinition([Fault("", "", _("not an object"))])
    try:
        definition = Definition.model_validate(data)
    except ValidationError as error:
        raise InvalidDefinition(faults_of(error, data)) from error
    except RecursionError as error:
        raise InvalidDefinition([Fault("", "", _("nested too deeply"))]) from error
    faults = [*_rule_faults(definition), *_tree_faults(definition)]
    if faults:
        raise InvalidDefinition(faults)
    return definition


def _rule_faults(definition: Definition) -> Iterator[Fault]:
    rules = [("audience", "", definition.audience)]
    rules += [(f"exits[{n}].rule", "", it.rule) for n, it in enumerate(definition.exits) if isinstance(it, RuleExit)]
    for path, _nesting, step in definition.walk():
        rules += [(f"{path}.{place}", step.id, rule) for place, rule in step.rules()]
    for path, step_id, rule in rules:
        try:
            parse_rule(rule, path)
        except InvalidRule as error:
            yield from (Fault(fault.path, step_id, str(fault.message)) for fault in error.faults)


def _tree_faults(definition: Definition) -> Iterator[Fault]:
    """Ids told apart, nothing behind an exit, and no tree too large to be read."""
    seen: set[str] = set()
    for count, (path, nesting, step) in enumerate(definition.walk(), start=1):
        if step.id in seen:
            yield Fault(f"{path}.id", step.id, _("another step has this id"))
        seen.add(step.id)
        if nesting > MAX_NESTING:
            yield Fault(path, step.id, _("nested deeper than %(limit)s levels") % {"limit": MAX_NESTING})
        if count == MAX_STEPS + 1:
            yield Fault(path, step.id, _("more than %(limit)s steps") % {"limit": MAX_STEPS})
    yield from _unreachable("steps", definition.steps)
    for path, _nesting, step in definition.walk():
        for name, inner in step.lists():
            yield from _unreachable(f"{path}.{name}", inner)
        yield from _untaken(path, step)


def _unreachable(path: str, steps: Sequence[AnyStep]) -> Iterator[Fault]:
    for index, step in enumerate(steps[:-1]):
        if ends(step):
            why = _("an exit stands before it") if isinstance(step, Exit) else _("every way before it ends in an exit")
            yield Fault(f"{path}[{index + 1}]", steps[index + 1].id, _("is never reached: %(why)s") % {"why": why})


def ends(step: AnyStep) -> bool:
    """Does nobody come to what stands behind it?"""
    if isinstance(step, Exit):
        return True
    decides = isinstance(step, Branch | Split | WaitEvent | WaitRule) or (
        isinstance(step, Task) and step.wait_for_outcome is not None
    )
    return decides and all(any(ends(inner) for inner in steps) for _name, steps in step.lists())


def _untaken(path: str, step: AnyStep) -> Iterator[Fault]:
    """The first steps of paths that nobody can take."""
    if isinstance(step, Branch):
        everybody = next((index for index, way in enumerate(step.paths) if way.if_ in ({}, {"all": []})), None)
        behind = list(step.lists())[everybody + 1 :] if everybody is not None else []
        for name, steps in behind:
            if steps:
                why = _("is never reached: an earlier path takes everybody")
                yield Fault(f"{path}.{name}", steps[0].id, why)
