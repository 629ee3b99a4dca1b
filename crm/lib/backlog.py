"""
How much of what was reported still waits to be worked off. Past a limit, whoever reports events is asked to come later.

The socket: each app adds what it works off behind the log. Counting stops at the limit, and one count serves a process
for some seconds, so that a door asks no more of the database the busier it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from django.conf import settings

# (now, most) -> how many wait, counted no further than `most`.
Measure = Callable[[datetime, int], int]

RETRY_AFTER = 30  # seconds
GOOD_FOR = 5.0

_measures: dict[str, Measure] = {}
_found: tuple[float, bool] | None = None


def measure(name: str) -> Callable[[Measure], Measure]:
    """Register a function under `name`, which must be unique."""

    def decorator(function: Measure) -> Measure:
        _measures[name] = function
        return function

    return decorator


def is_full(now: datetime) -> bool:
    """Whether more waits than settings.EVENT_BACKLOG_LIMIT, as of the last few seconds."""
    global _found
    at = time.monotonic()
    if _found is None or at - _found[0] >= GOOD_FOR:
        _found = at, _exceeds(now, settings.EVENT_BACKLOG_LIMIT)
    return _found[1]


def forget() -> None:
    """As if the process had just begun."""
    global _found
    _found = None


def _exceeds(now: datetime, limit: int) -> bool:
    waiting = 0
    for count in _measures.values():
        waiting += count(now, limit + 1 - waiting)
        if waiting > limit:
            return True
    return False
