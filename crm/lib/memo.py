"""What several parts of one page ask for, read once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

T = TypeVar("T")


def once(owner: Any, name: str, read: Callable[[], T]) -> T:
    """
    `read()` the first time, the same again as long as `owner` lives.

    The owner is an object of the request, its user or its record, so that nothing outlives the page.
    """
    kept = owner.__dict__.setdefault("_read_once", {})
    if name not in kept:
        kept[name] = read()
    return cast(T, kept[name])
