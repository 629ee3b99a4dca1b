"""Counting requests per minute, in the shared cache."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from django.core.cache import cache

logger = logging.getLogger("waymark.rates")
WINDOW = 60  # seconds


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a caller has left of its `limit` in this minute; `reset` seconds until the next."""

    limit: int
    remaining: int
    reset: int
    allowed: bool

    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }


def take(caller: str, *, limit: int, now: datetime) -> Allowance:
    """Count one call of `caller`. With the cache out of reach nobody is refused: a limit protects, it is no gate."""
    seconds = int(now.timestamp())
    reset = WINDOW - seconds % WINDOW
    try:
        used = _count(f"rate:{caller}:{seconds // WINDOW}")
    except Exception:
        logger.warning("the cache does not answer; requests are not being counted", exc_info=True)
        used = 1
    return Allowance(limit=limit, remaining=max(limit - used, 0), reset=reset, allowed=used <= limit)


def _count(key: str) -> int:
    if cache.add(key, 1, timeout=2 * WINDOW):
        return 1
    try:
        return int(cache.incr(key))
    except ValueError:  # it expired between the two calls
        return 1
