"""What is wrong with a definition: where, in which step, and in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from pydantic import ValidationError

# Marks the names that unions add to pydantic's locations; they are no part of the document.
UNION_TAG = "tag:"


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


def faults_of(error: ValidationError, data: Any) -> list[Fault]:
    """pydantic's errors about `data` with our paths, steps and words."""
    return [_fault(dict(detail), data) for detail in error.errors()]


def _fault(detail: dict[str, Any], data: Any) -> Fault:
    path, step, here = "", "", data
    for part in detail["loc"]:
        if isinstance(part, str) and (part.startswith(UNION_TAG) or _is_step_tag(here, part)):
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
        here = _inside(here, part)
        if isinstance(here, dict) and isinstance(part, int) and isinstance(here.get("id"), str):
            step = here["id"]
    return Fault(path, step, _message(detail))


def _is_step_tag(here: Any, part: str) -> bool:
    """A step's type stands in the location behind the step itself: ("steps", 0, "wait", "for")."""
    return isinstance(here, dict) and here.get("type") == part


def _inside(value: Any, part: int | str) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    return value[part] if isinstance(value, list) and isinstance(part, int) and part < len(value) else None


_WORDS: dict[str, str | Promise] = {
    "missing": _("is missing"),
    "extra_forbidden": _("unknown key"),
    "model_attributes_type": _("not an object"),
    "model_type": _("not an object"),
    "dict_type": _("not an object"),
    "list_type": _("not a list"),
    "too_short": _("needs at least %(min_length)s"),
    "too_long": _("has more than %(max_length)s"),
    "string_too_short": _("is empty"),
    "string_too_long": _("is longer than %(max_length)s characters"),
    "string_pattern_mismatch": _("is not of the form %(pattern)s"),
    "recursion_loop": _("nested too deeply"),
}


def _message(detail: Mapping[str, Any]) -> str:
    kind, said = detail["type"], str(detail["msg"])
    if kind == "value_error":
        return said.removeprefix("Value error, ")
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return _which_kind(detail, said)
    if kind == "too_short" and detail["ctx"]["min_length"] == 1:
        return str(_("has nothing in it yet"))
    if kind in _WORDS:
        words = str(_WORDS[kind])
        return words % detail["ctx"] if "%" in words else words
    return said[0].lower() + said[1:]


def _which_kind(detail: Mapping[str, Any], said: str) -> str:
    if "'type'" not in said:
        return str(_("needs one of the keys that say what kind it is"))
    if detail["type"] == "union_tag_not_found":
        return str(_("needs a type"))
    return str(_("unknown type; known are %(known)s")) % {"known": detail["ctx"]["expected_tags"].replace("'", "")}
