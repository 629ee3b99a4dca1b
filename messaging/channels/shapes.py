"""Settings of providers as typed shapes, and what is wrong with them as faults with a path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel, ConfigDict, ValidationError

from messaging.channels.base import ConfigFault


class Shape(BaseModel):
    """A part of a provider's settings: unknown keys are refused, nothing is coerced, nothing changes afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def faults_of(error: ValidationError) -> list[ConfigFault]:
    """pydantic's errors with our paths ("receipts.states.DELIVRD") and words. Values are left out: they are secrets."""
    return [ConfigFault(path_of(detail["loc"]), _message(dict(detail))) for detail in error.errors()]


# pydantic's mark that it is the key itself which is wrong.
_OF_A_KEY = "[key]"


def path_of(parts: tuple[int | str, ...]) -> str:
    """("refusals", 0, "in") → "refusals[0].in"."""
    path = ""
    for part in parts:
        if part == _OF_A_KEY:
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


_WORDS: Mapping[str, str | Promise] = {
    "missing": _("is missing"),
    "extra_forbidden": _("is not known"),
    "model_type": _("is not an object"),
    "dict_type": _("is not an object"),
    "list_type": _("is not a list"),
    "string_type": _("is not a text"),
    "int_type": _("is not a whole number"),
    "too_long": _("has more than %(max_length)s"),
    "string_too_long": _("is longer than %(max_length)s characters"),
    "greater_than_equal": _("is less than %(ge)s"),
    "less_than_equal": _("is more than %(le)s"),
    "string_pattern_mismatch": _("is not of the form %(pattern)s"),
    "literal_error": _("is none of %(expected)s"),
    "enum": _("is none of %(expected)s"),
}


def _message(detail: Mapping[str, Any]) -> str:
    kind, said = detail["type"], str(detail["msg"])
    if kind == "value_error":
        return said.removeprefix("Value error, ")
    if kind in ("too_short", "string_too_short"):
        least = detail["ctx"]["min_length"]
        return str(_("is empty") if least == 1 else _("is shorter than %(least)s characters") % {"least": least})
    if kind in _WORDS:
        words = str(_WORDS[kind])
        return words % detail["ctx"] if "%(" in words else words
    return said[0].lower() + said[1:]
