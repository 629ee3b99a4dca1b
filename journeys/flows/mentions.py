"""What a flow's definition, also a faulty draft, names: segments, stages, topics, templates, events. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from crm.rules.leaves_of import leaves_of
from journeys.flows import trees


@dataclass(frozen=True, slots=True)
class Mention:
    """
    `name` is named at `path`, in that step ("" outside of steps).

    Attributes:
        kind: "segment", "stage" (`name` is "journey.stage"), "journey", "topic", "template" or "event".
        in_rule: by a condition, and not by the trigger or the step itself.
    """

    kind: str
    name: str
    path: str
    step: str = ""
    in_rule: bool = False


def mentions(definition: Any) -> Iterator[Mention]:
    """Everything named, in the order of the definition; texts and other flows apart."""
    if not isinstance(definition, dict):
        return
    yield from _trigger(_object(definition.get("trigger")))
    yield from _rule(definition.get("audience"), "audience", "")
    for index, exit_ in enumerate(_list(definition.get("exits"))):
        yield from _named("event", _object(exit_).get("event"), f"exits[{index}].event")
        yield from _rule(_object(exit_).get("rule"), f"exits[{index}].rule", "")
    yield from _named("event", _object(definition.get("goal")).get("event"), "goal.event")
    for path, step in _steps(definition.get("steps"), "steps"):
        yield from _step(step, path)


def _trigger(trigger: dict[str, Any]) -> Iterator[Mention]:
    yield from _named("event", trigger.get("event"), "trigger.event")
    yield from _named("segment", trigger.get("segment"), "trigger.segment")
    yield from _named("segment", _object(trigger.get("schedule")).get("segment"), "trigger.schedule.segment")
    stage = _object(trigger.get("stage"))
    yield from _stage(stage.get("journey"), stage.get("stage"), "trigger.stage")


def _steps(steps: Any, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for index, step in enumerate(_list(steps)):
        if isinstance(step, dict):
            here = f"{path}[{index}]"
            yield here, step
            for name, inner in trees.lists_of(step):
                yield from _steps(inner, f"{here}.{name}")


def _step(step: dict[str, Any], path: str) -> Iterator[Mention]:
    step_id = trees.id_of(step)
    kind = step.get("type")
    if kind == "wait_event":
        yield from _named("event", step.get("event"), f"{path}.event", step_id)
    if kind == "move_stage":
        yield from _stage(step.get("journey"), step.get("stage"), f"{path}.stage", step_id)
    if kind == "wait_rule":
        yield from _rule(step.get("rule"), f"{path}.rule", step_id)
    if kind == "branch":
        for index, way in enumerate(_list(step.get("paths"))):
            yield from _rule(_object(way).get("if"), f"{path}.paths[{index}].if", step_id)


def _rule(rule: Any, path: str, step: str) -> Iterator[Mention]:
    for place, kind, value in leaves_of(rule, path):
        said = _object(value)
        if kind == "segment":
            yield from _named("segment", value, place, step, in_rule=True)
        elif kind == "stage":
            for index, stage in enumerate(_list(said.get("in"))):
                yield from _stage(said.get("journey"), stage, f"{place}.in[{index}]", step, in_rule=True)
        elif kind == "health":
            yield from _named("journey", said.get("journey"), f"{place}.journey", step, in_rule=True)
        elif kind in {"consent", "message"}:
            yield from _named("topic", said.get("topic"), f"{place}.topic", step, in_rule=True)
            yield from _named("template", said.get("template"), f"{place}.template", step, in_rule=True)
        elif kind == "event":
            yield from _named("event", said.get("name"), f"{place}.name", step, in_rule=True)


def _stage(journey: Any, stage: Any, path: str, step: str = "", *, in_rule: bool = False) -> Iterator[Mention]:
    if isinstance(journey, str) and isinstance(stage, str):
        yield Mention("stage", f"{journey}.{stage}", path, step, in_rule)


def _named(kind: str, name: Any, path: str, step: str = "", *, in_rule: bool = False) -> Iterator[Mention]:
    if isinstance(name, str) and name:
        yield Mention(kind, name, path, step, in_rule)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
