"""
Edit a flow's steps as JSON. Pure: every function gives a new definition and leaves the old one alone.

A draft may have faults, so nothing here asks for more than lists of objects with an `id`; what else stands in the JSON
is kept as it is. Where something is to stand is said by ids, which stay the same while others edit:

    "start"                            before everything
    "after.settle"                     behind the step settle
    "in.who.paths[0].steps"            first in that list of the step who
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

Json = dict[str, Any]
START = "start"
_FIRST = ("id", "type", "trigger", "audience", "reentry", "exits", "goal", "holdout", "name", "property", "op", "value")
_LAST = ("if", "paths", "then", "else", "missing", "past", "steps")
_PART = re.compile(r"([^.\[\]]+)|\[([0-9]+)\]")


class NoSuchPlace(LookupError):
    """The draft has no such step or list; somebody may have taken it away meanwhile."""


def steps_of(definition: Any) -> list[Any]:
    """The top list, empty when the draft has none."""
    steps = definition.get("steps") if isinstance(definition, dict) else None
    return steps if isinstance(steps, list) else []


def id_of(step: Any) -> str:
    """The step's id; "" when it has none that could be used."""
    found = step.get("id") if isinstance(step, dict) else None
    return found if isinstance(found, str) else ""


def lists_of(step: Any) -> list[tuple[str, list[Any]]]:
    """The lists of steps a step leads into, also empty ones, in the order they are read: [("then", […]), …]."""
    if not isinstance(step, dict):
        return []
    kind = step.get("type")
    if kind in ("wait_event", "wait_rule"):
        names = ["then", "else"]
    elif kind == "branch":
        names = [*_ways(step, "paths"), "else"]
    elif kind == "split":
        names = _ways(step, "paths")
    elif kind == "task" and isinstance(step.get("wait_for_outcome"), dict):
        inner = [*_ways(step["wait_for_outcome"], "then"), "else"]
        names = [f"wait_for_outcome.{name}" for name in inner]
    elif kind == "wait":
        names = [name for name in ("missing", "past") if isinstance(step.get(name), list)]
    else:
        names = []
    return [(name, found if isinstance(found := _at(step, name), list) else []) for name in names]


def walk(definition: Any) -> Iterator[Json]:
    """Every step, parents before children."""
    waiting = list(reversed(steps_of(definition)))
    while waiting:
        step = waiting.pop()
        if isinstance(step, dict):
            yield step
            waiting += [inner for _name, steps in reversed(lists_of(step)) for inner in reversed(steps)]


def find(definition: Any, step_id: str) -> Json:
    """
    The step with this id.

    Raises:
        NoSuchPlace
    """
    found = next((step for step in walk(definition) if id_of(step) == step_id), None)
    if found is None or not step_id:
        raise NoSuchPlace(step_id)
    return found


def without_lists(step: Json) -> Json:
    """The step by itself: what it leads into is emptied."""
    bare = deepcopy(step)
    for name, steps in lists_of(bare):
        if steps:
            _put(bare, name, [])
    return bare


def with_lists_of(step: Json, old: Json) -> Json:
    """`step` as it was edited, leading into what `old` led into."""
    edited = deepcopy(step)
    for name, steps in lists_of(old):
        if steps and any(name == here for here, _steps in lists_of(edited)):
            _put(edited, name, deepcopy(steps))
    return edited


def fresh_id(definition: Any, wish: str, *, taken: set[str] | None = None) -> str:
    """`wish`, with a number when another step has that id."""
    used = {id_of(step) for step in walk(definition)} | (taken or set())
    stem, number, found = wish[:56], 1, wish[:56]
    while found in used:
        number += 1
        found = f"{stem}-{number}"
    return found


def insert(definition: Any, place: str, step: Json) -> Json:
    """
    Put `step` at `place`.

    Raises:
        NoSuchPlace
    """
    edited = _copy(definition)
    kind, _dot, rest = place.partition(".")
    if place == START:
        _list(edited, "steps").insert(0, step)
    elif kind == "after":
        siblings, index, _parent = _where(edited, rest)
        siblings.insert(index + 1, step)
    elif kind == "in":
        step_id, _dot, name = rest.partition(".")
        parent = find(edited, step_id)
        if name not in dict(lists_of(parent)):
            raise NoSuchPlace(place)
        _list(parent, name).insert(0, step)
    else:
        raise NoSuchPlace(place)
    return edited


def replace(definition: Any, step_id: str, step: Json) -> Json:
    """
    Put `step` in the place of another.

    Raises:
        NoSuchPlace
    """
    edited = _copy(definition)
    siblings, index, _parent = _where(edited, step_id)
    siblings[index] = step
    return edited


def remove(definition: Any, step_id: str) -> Json:
    """
    Take a step away with everything it leads into.

    Raises:
        NoSuchPlace
    """
    edited = _copy(definition)
    siblings, index, _parent = _where(edited, step_id)
    del siblings[index]
    return edited


def duplicate(definition: Any, step_id: str) -> tuple[Json, str]:
    """
    Put a copy right behind a step, with ids of its own throughout; return the new definition and the copy's id.

    Raises:
        NoSuchPlace
    """
    edited = _copy(definition)
    siblings, index, _parent = _where(edited, step_id)
    copy, taken = deepcopy(siblings[index]), set[str]()
    for step in walk({"steps": [copy]}):
        if name := id_of(step):
            step["id"] = fresh_id(edited, name, taken=taken)
            taken.add(step["id"])
    siblings.insert(index + 1, copy)
    return edited, copy["id"]


def move(definition: Any, step_id: str, by: int) -> Json:
    """
    Move a step up (-1) or down (1): past its neighbour, or out of its list in front of or behind the step that has it.

    Raises:
        NoSuchPlace: there is no such step, or it is at the very end already.
    """
    edited = _copy(definition)
    siblings, index, parent = _where(edited, step_id)
    step = siblings.pop(index)
    if 0 <= index + by <= len(siblings):
        siblings.insert(index + by, step)
    elif parent is not None:
        above, position, _grandparent = _where(edited, id_of(parent))
        above.insert(position + (1 if by > 0 else 0), step)
    else:
        raise NoSuchPlace(step_id)
    return edited


def can_move(definition: Any, step_id: str, by: int) -> bool:
    siblings, index, parent = _where(definition, step_id)
    return parent is not None or 0 <= index + by < len(siblings)


def shift_way(definition: Any, step_id: str, way: str, by: int) -> Json:
    """
    Move one of the ways of a step, named as `lists_of` names it, past the one before (-1) or behind it (1).

    Raises:
        NoSuchPlace: there is no such way, or none to be passed.
    """
    edited = _copy(definition)
    ways, index = _way(find(edited, step_id), way)
    if not 0 <= index + by < len(ways):
        raise NoSuchPlace(way)
    ways.insert(index + by, ways.pop(index))
    return edited


def can_shift_way(step: Json, way: str, by: int) -> bool:
    """Whether such a way of the step has another to pass."""
    try:
        ways, index = _way(step, way)
    except NoSuchPlace:
        return False
    return 0 <= index + by < len(ways)


def in_reading_order(value: Any) -> Any:
    """The same JSON with the keys where a reader looks for them; a database may give them back in any order."""
    if isinstance(value, list):
        return [in_reading_order(item) for item in value]
    if not isinstance(value, dict):
        return value
    known = sorted(value, key=lambda key: (key in _LAST, (_FIRST + _LAST).index(key) if key in _FIRST + _LAST else 99))
    return {key: in_reading_order(value[key]) for key in known}


def _ways(holder: Json, name: str) -> list[str]:
    paths = holder.get(name)
    return [f"{name}[{index}].steps" for index, path in enumerate(paths) if isinstance(path, dict)] if (
        isinstance(paths, list)
    ) else []  # fmt: skip


def _way(step: Json, way: str) -> tuple[list[Any], int]:
    """The list that a way stands in, and its index there; "else" and the like stand in none."""
    *above, last = _parts(way) or [""]
    if last != "steps" or not above or not isinstance(above[-1], int) or way not in dict(lists_of(step)):
        raise NoSuchPlace(way)
    holder: Any = step
    for part in above[:-1]:
        holder = holder[part]
    return holder, above[-1]


def _where(definition: Any, step_id: str, parent: Json | None = None) -> tuple[list[Any], int, Json | None]:
    """The list a step stands in, its index there, and the step that has the list."""
    if not step_id:
        raise NoSuchPlace(step_id)
    waiting: list[tuple[list[Any], Json | None]] = [(steps_of(definition), parent)]
    while waiting:
        siblings, owner = waiting.pop(0)
        for index, step in enumerate(siblings):
            if id_of(step) == step_id:
                return siblings, index, owner
            waiting += [(steps, step) for _name, steps in lists_of(step)]
    raise NoSuchPlace(step_id)


def _copy(definition: Any) -> Json:
    return deepcopy(definition) if isinstance(definition, dict) else {}


def _parts(path: str) -> list[str | int]:
    return [int(index) if index else name for name, index in _PART.findall(path)]


def _at(value: Any, path: str) -> Any:
    for part in _parts(path):
        if isinstance(part, int):
            value = value[part] if isinstance(value, list) and part < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def _put(step: Json, path: str, steps: list[Any]) -> None:
    *way, last = _parts(path)
    holder: Any = step
    for part in way:
        holder = holder[part]
    holder[last] = steps


def _list(holder: Json, path: str) -> list[Any]:
    """The list there, made when there is none."""
    found = _at(holder, path)
    if not isinstance(found, list):
        found = []
        _put(holder, path, found)
    return found
