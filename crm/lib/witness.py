"""
What was last seen of a database, kept outside of it: a number that only grows, by which an older copy gives itself away.

It is kept wherever there is a place, in a file of this machine and in Redis, and the highest counts. A place that fails
is logged now and then and costs nothing else: the next beat writes it anew.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from redis import Redis, RedisError

logger = logging.getLogger("waymark.witness")

KEY = "waymark:witness"
# Of this machine's file: each restore, and each database begun anew, is another book.
MOST_BOOKS = 50
TIMEOUT = 1  # seconds
SAY_AGAIN_AFTER = 30  # and Redis is left alone for as long after it failed

_failed_at: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class Sighting:
    """How far a book had come, and when."""

    beat: int
    at: datetime


class _Unreadable(Exception):
    """A place that does not answer, or holds what we did not write."""


def has_place() -> bool:
    """Is there anywhere to keep it?"""
    return bool(settings.WITNESS_FILE or settings.WITNESS_REDIS_URL)


def recall() -> dict[str, Sighting]:
    """The furthest that was seen of each book, by its name. Reads every place that answers."""
    found: dict[str, Sighting] = {}
    for place, read, _write in _places():
        for book, sighting in _try(place, read, {}).items():
            if book not in found or found[book].beat < sighting.beat:
                found[book] = sighting
    return found


def remember(book: str, sighting: Sighting) -> bool:
    """Keep `sighting` where less was seen of `book`; whether at least one place has it now, or there is none."""
    kept = [_try(place, lambda write=write: write(book, sighting), False) for place, _read, write in _places()]
    return any(kept) or not kept


Read = Callable[[], Mapping[str, Sighting]]
Write = Callable[[str, Sighting], bool]


def _places() -> Iterator[tuple[str, Read, Write]]:
    if settings.WITNESS_FILE:
        path = Path(settings.WITNESS_FILE)
        yield str(path), lambda: _read_file(path), lambda book, sighting: _write_file(path, book, sighting)
    if url := settings.WITNESS_REDIS_URL:
        yield "redis", lambda: _read_redis(url), lambda book, sighting: _write_redis(url, book, sighting)


def _try(place: str, work: Callable[[], Any], otherwise: Any) -> Any:
    """What `work` returns; `otherwise` when the place fails, or is Redis and failed a moment ago."""
    failed_at = _failed_at.get(place, float("-inf"))
    is_fresh = time.monotonic() - failed_at < SAY_AGAIN_AFTER
    if is_fresh and place == "redis":
        return otherwise
    try:
        found = work()
    except (OSError, RedisError, _Unreadable) as problem:
        if not is_fresh:
            logger.warning("what was seen of the database cannot be kept in %s: %s", place, problem)
            _failed_at[place] = time.monotonic()
        return otherwise
    _failed_at.pop(place, None)
    return found


# --- A file ---------------------------------------------------------------------------------------


def _read_file(path: Path) -> dict[str, Sighting]:
    try:
        text = path.read_text()
    except FileNotFoundError:
        return {}
    try:
        return {book: _sighting(said) for book, said in json.loads(text).items()}
    except (ValueError, AttributeError, TypeError) as problem:
        raise _Unreadable(f"it holds no sightings ({problem})") from problem


def _write_file(path: Path, book: str, sighting: Sighting) -> bool:
    """Whole or not at all. Of two processes at once the later wins; what the other knew is told by its next beat."""
    try:
        known = _read_file(path)
    except _Unreadable:
        known = {}  # torn by somebody else: begun anew
    if book in known and known[book].beat >= sighting.beat:
        return True
    known.pop(book, None)
    known[book] = sighting
    kept = list(known.items())[-MOST_BOOKS:]
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(json.dumps({name: _said(seen) for name, seen in kept}, indent=1))
    draft.replace(path)
    return True


# --- Redis ----------------------------------------------------------------------------------------


@lru_cache(maxsize=4)
def _redis(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, decode_responses=True)


def _read_redis(url: str) -> dict[str, Sighting]:
    found: Any = _redis(url).hgetall(KEY)
    try:
        return {book: _sighting(said) for book, said in found.items()}
    except (ValueError, TypeError) as problem:
        raise _Unreadable(f"{KEY} holds no sightings ({problem})") from problem


def _write_redis(url: str, book: str, sighting: Sighting) -> bool:
    known: Any = _redis(url).hget(KEY, book)
    if known is None or _sighting(known).beat < sighting.beat:
        _redis(url).hset(KEY, book, _said(sighting))
    return True


def _said(sighting: Sighting) -> str:
    return f"{sighting.beat} {sighting.at.isoformat()}"


def _sighting(said: str) -> Sighting:
    beat, _space, at = said.partition(" ")
    return Sighting(int(beat), datetime.fromisoformat(at))
