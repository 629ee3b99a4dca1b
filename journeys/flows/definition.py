"""
What a flow is, as JSON: typed, checked, and given back without loss. Pure.

    {"trigger": {"event": "Order Delivered"}, "exits": [{"event": "Order Refunded"}], "steps": [{"id": "settle", …}]}

`parse_definition` reads it, or raises with every fault, each with its path and the step it stands in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from django.utils.translation import gettext as _
from pydantic import Discriminator, Field, StringConstraints, Tag, ValidationError, model_validator

from crm.rules import InvalidRule, parse_rule
from crm.rules.schema import IsoDuration, Name, Shape, Slug, WhereList
from journeys.flows.steps import AnyStep, Exit
from journeys.flows.steps.base import RuleJson

MAX_STEPS = 200
MAX_NESTING = 8
_STEP_LISTS = {"steps", "then", "else", "missing", "past"}
_TAG = "tag:"  # marks the names that unions add to pydantic's locations; they are no part of the document


# --- what starts a flow -----------------------------------------------------------------------


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


class ManualTrigger(Shape):
    """Nobody comes by themselves: staff or a program enrols them."""

    manual: Literal[True]


TRIGGERS: dict[str, type[Shape]] = {"event": EventTrigger, "stage": StageTrigger, "manual": ManualTrigger}


def _kind_of_trigger(value: Any) -> str | None:
    for key, model in TRIGGERS.items():
        if isinstance(value, model) or (isinstance(value, dict) and key in value):
            return _TAG + key
    return None


Trigger = Annotated[
    Annotated[EventTrigger, Tag(_TAG + "event")]
    | Annotated[StageTrigger, Tag(_TAG + "stage")]
    | Annotated[ManualTrigger, Tag(_TAG + "manual")],
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
            return _TAG + key
    return None


AnyExit = Annotated[
    Annotated[EventExit, Tag(_TAG + "event")] | Annotated[RuleExit, Tag(_TAG + "rule")], Discriminator(_kind_of_exit)
]


class Goal(Shape):
    """Reaching it within that time counts as converted, and ends the run at once."""

    event: Name
    where: WhereList = []
    within: IsoDuration = "P30D"


class Definition(Shape):
    """A whole flow. `holdout` is the share, in percent, of entrants who are only watched."""

    trigger: Trigger
    audience: RuleJson = {}
    reentry: Reentry = Reentry(policy="once")
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


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, where in the JSON, and in which step ("" outside of steps)."""

    path: str
    step: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class InvalidDefinition(ValueError):
    """The JSON is no flow that could run; `faults` lists every reason."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = list(faults)


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
        raise InvalidDefinition([_fault(dict(detail), data) for detail in error.errors()]) from error
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


def _unreachable(path: str, steps: Sequence[AnyStep]) -> Iterator[Fault]:
    for index, step in enumerate(steps[:-1]):
        if isinstance(step, Exit):
            yield Fault(f"{path}[{index + 1}]", steps[index + 1].id, _("is never reached: an exit stands before it"))


def _fault(detail: dict[str, Any], data: Any) -> Fault:
    path, step, here = "", "", data
    parts = list(detail["loc"])
    for number, part in enumerate(parts):
        if isinstance(part, str) and (part.startswith(_TAG) or _is_step_tag(parts, number)):
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
        here = _inside(here, part)
        if isinstance(here, dict) and isinstance(part, int) and isinstance(here.get("id"), str):
            step = here["id"]
    return Fault(path, step, _message(detail))


def _is_step_tag(parts: list[int | str], number: int) -> bool:
    """A step's type follows its index in a list of steps: ("steps", 0, "wait", "for")."""
    return number >= 2 and isinstance(parts[number - 1], int) and parts[number - 2] in _STEP_LISTS


def _inside(value: Any, part: int | str) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    return value[part] if isinstance(value, list) and isinstance(part, int) and part < len(value) else None


def _message(detail: dict[str, Any]) -> str:
    match detail["type"]:
        case "missing":
            return _("is missing")
        case "extra_forbidden":
            return _("unknown key")
        case "value_error":
            return str(detail["msg"]).removeprefix("Value error, ")
        case "union_tag_not_found" if "'type'" in str(detail["msg"]):
            return _("needs a type")
        case "union_tag_not_found" | "union_tag_invalid" if "_kind_of_" in str(detail["msg"]):
            return _("needs one of the keys that say what kind it is")
        case "union_tag_invalid":
            return _("unknown type; known are %(known)s") % {"known": detail["ctx"]["expected_tags"].replace("'", "")}
        case "model_attributes_type" | "model_type":
            return _("not an object")
        case "recursion_loop":
            return _("nested too deeply")
    message = str(detail["msg"])
    return message[0].lower() + message[1:]
