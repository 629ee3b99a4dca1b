"""Reading the items of a batch. msgspec does it: serializers are the brake on batches."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from django.utils.translation import gettext as _

from crm.lib.strict_json import pointer

Item = TypeVar("Item", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an item, and where in it (a JSON pointer)."""

    at: str
    code: str
    message: str

    def as_json(self) -> dict[str, str]:
        return {"pointer": self.at, "code": self.code, "message": self.message}


def read_item(value: Any, shape: type[Item]) -> Item | Fault:
    """`value` as `shape`, or the first thing that is wrong with it."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        message, _at, path = str(error).partition(" - at `$")
        at = pointer(*[part for part in re.split(r"[.\[\]`]+", path) if part])
        if unknown := re.match(r"Object contains unknown field `(.*)`", message):
            return Fault(at + pointer(unknown[1]), "unknown_field", _("Unknown field."))
        if missing := re.match(r"Object missing required field `(.*)`", message):
            return Fault(at + pointer(missing[1]), "required", _("This field is required."))
        return Fault(at, "invalid", message)


def read_uuid(text: str) -> UUID | None:
    """The public id that `text` is, or None."""
    try:
        return UUID(text)
    except ValueError:
        return None
