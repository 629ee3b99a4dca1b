"""Paths into what a gateway says: "data.id", "phone_number_list[0].message_id", "[0].id". Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

_PATH = re.compile(r"(\[[0-9]{1,3}\]|[^.\[\]\s]+)(\[[0-9]{1,3}\])*(\.[^.\[\]\s]+(\[[0-9]{1,3}\])*)*")
# Some write a path as JSONPath does, from the root: "$.data.id", "$[0].id".
_ROOT = re.compile(r"\$\.?(?=.)")
_PART = re.compile(r"[^.\[\]]+")
LONGEST = 200


def check_path(text: str) -> str:
    """
    Return `text` when it is a path, without the root that JSONPath begins with.

    Raises:
        ValueError: it is none.
    """
    path = _ROOT.sub("", text, count=1) if text.startswith("$") else text
    if len(text) > LONGEST or not _PATH.fullmatch(path):
        raise ValueError(_("is not a path such as data.id or list[0].id"))
    return path


@lru_cache(maxsize=512)
def _parts(path: str) -> tuple[str, ...]:
    return tuple(_PART.findall(path))


def read_path(data: Any, path: str) -> Any:
    """What stands at `path` in plain JSON; None when nothing does. A name may have dots, as fields of forms do."""
    if isinstance(data, dict) and path in data:
        return data[path]
    for part in _parts(path):
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and part.isascii() and part.isdigit() and int(part) < len(data):
            data = data[int(part)]
        else:
            return None
    return data


def read_text(data: Any, path: str) -> str:
    """What stands at `path` as text: numbers and booleans as JSON writes them; "" for nothing, a list or an object."""
    return as_text(read_path(data, path))


def as_text(value: Any) -> str:
    """A JSON scalar as text: gateways write a code as 0 one day and as "0" the next."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""
