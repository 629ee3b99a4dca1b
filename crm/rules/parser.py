"""JSON → a typed rule, or the list of everything that is wrong with it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from crm.rules import conditions
from crm.rules.schema import MAX_DEPTH, MAX_NODES, Fault, Group, InvalidRule, Leaf, Not, Rule


def parse_rule(data: Any, path: str = "") -> Rule:
    """
    Read a rule; `{}` and `{"all": []}` mean everybody.

    Args:
        path: where the rule stands in a larger document; faults begin with it.

    Raises:
        InvalidRule: with one Fault for everything that is wrong.
    """
    faults: list[Fault] = []
    rule = _node(data, path, 0, faults, [0])
    if faults or rule is None:
        raise InvalidRule(faults)
    return rule


def _node(data: Any, path: str, depth: int, faults: list[Fault], count: list[int]) -> Rule | None:
    count[0] += 1
    problem = _shape_problem(data, depth, count[0])
    if problem:
        faults.append(Fault(path, problem))
        return None
    if not data:
        return Group("all", ())
    kind, value = next(iter(data.items()))
    here = f"{path}.{kind}" if path else str(kind)
    if kind in {"all", "any"}:
        if not isinstance(value, list):
            faults.append(Fault(here, "needs a list"))
            return None
        nodes = [_node(item, f"{here}[{index}]", depth + 1, faults, count) for index, item in enumerate(value)]
        return Group(kind, tuple(node for node in nodes if node is not None))
    if kind == "not":
        inner = _node(value, here, depth + 1, faults, count)
        return Not(inner) if inner is not None else None
    return _leaf(str(kind), value, here, faults)


def _shape_problem(data: Any, depth: int, count: int) -> str:
    if not isinstance(data, dict):
        return "not an object"
    if len(data) > 1:
        return f"has {len(data)} keys ({', '.join(sorted(map(str, data)))}), needs exactly one"
    if depth > MAX_DEPTH:
        return f"nested deeper than {MAX_DEPTH}"
    if count > MAX_NODES:
        return f"more than {MAX_NODES} conditions"
    return ""


def _leaf(kind: str, value: Any, path: str, faults: list[Fault]) -> Leaf | None:
    condition = conditions.get(kind)
    if condition is None:
        known = ", ".join(["all", "any", "not", *conditions.kinds()])
        faults.append(Fault(path, f"unknown condition; known are {known}"))
        return None
    try:
        return Leaf(kind, condition.adapter.validate_python(value))
    except ValidationError as error:
        faults.extend(faults_of(error, path))
        return None


def faults_of(error: ValidationError, path: str) -> list[Fault]:
    """pydantic's errors as faults with our paths and words."""
    return [Fault(path + _pointer(detail["loc"]), _message(dict(detail))) for detail in error.errors()]


def _pointer(location: tuple[int | str, ...]) -> str:
    # Union members and validators add their own names to the location; they are no part of the document.
    parts = (
        part for part in location if isinstance(part, int) or (str(part).isidentifier() and part not in _TYPE_NAMES)
    )
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)


_TYPE_NAMES = {"str", "int", "float", "bool", "list", "dict", "none"}


def _message(detail: dict[str, Any]) -> str:
    match detail["type"]:
        case "extra_forbidden":
            return "unknown key"
        case "missing":
            return "is missing"
        case "value_error":
            return str(detail["msg"]).removeprefix("Value error, ")
    message = str(detail["msg"])
    return message[0].lower() + message[1:]
