"""
What was last seen of a database, kept outside of it: a number that only grows, by which an older copy gives itself
away.

It is kept wherever there is a place, in a file of this machine and in Redis, and the highest counts. A place that fails
is logged now and then and costs nothing else: the next beat writes it anew.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from django.conf import settings
from redis import Redis, RedisError

logger = logging.getLogger("waymark.witness")

KEY = "waymark:witness"
# Of this machine's file: each restore, and each database begun anew, is another book.
MOST_BOOKS = 50
TIMEOUT = 1  # seconds
SAY_AGAIN_AFTER = 30  # and Redis is left alone for as long after it failed

T = TypeVar("T")
_failed_at: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class Sighting:
    """How far a book had come, and when."""

    beat: int
    at: datetime


class Unreadable(Exception):
    """A place that does not answer, or holds what we did not write."""


def has_place() -> bool:
    """Is there anywhere to keep it?"""
    return bool(settings.WITNESS_FILE or settings.WITNESS_REDIS_URL)


def recall() -> dict[str, Sighting]:
    """The furthest that was seen of each book, by its name. Reads every place that answers."""
    found: dict[str, Sighting] = {}
    nothing: dict[str, Sighting] = {}
    for place in _places():
        for book, sighting in _try(place, place.read, nothing).items():
            if book not in found or found[book].beat < sighting.beat:
                found[book] = sighting
    return found


def remember(book: str, sighting: Sighting) -> bool:
    """Keep `sighting` where less was seen of `book`; whether a place has it now."""
    kept = [_try(place, partial(place.write, book, sighting), False) for place in _places()]
    return any(kept)


def _places() -> Iterator[_Place]:
    if settings.WITNESS_FILE:
        yield _File(Path(settings.WITNESS_FILE))
    if settings.WITNESS_REDIS_URL:
        yield _Redis(settings.WITNESS_REDIS_URL)


def _try(place: _Place, work: Callable[[], T], otherwise: T) -> T:
    """What `work` returns; `otherwise` when the place fails, or takes long to and failed a moment ago."""
    name = str(place)
    is_fresh = time.monotonic() - _failed_at.get(name, float("-inf")) < SAY_AGAIN_AFTER
    if is_fresh and place.is_far:
        return otherwise
    try:
        found = work()
    except (OSError, RedisError, Unreadable) as problem:
        if not is_fresh:
            logger.warning("what was seen of the database cannot be kept in %s: %s", name, problem)
            _failed_at[name] = time.monotonic()
        return otherwise
    _failed_at.pop(name, None)
    return found


class _Place(Protocol):
    """`read` and `write` raise OSError, RedisError or Unreadable; `write` tells that it is there now."""

    is_far: bool

    def read(self) -> dict[str, Sighting]: ...

    def write(self, book: str, sighting: Sighting) -> bool: ...


class _File:
    is_far = False

    def __init__(self, path: Path) -> None:
        self._path = path

    def __str__(self) -> str:
        return str(self._path)

    def read(self) -> dict[str, Sighting]:
        try:
            return _sightings(json.loads(self._path.read_text()))
        except FileNotFoundError:
            return {}
        except ValueError as problem:
            raise Unreadable(f"it holds no sightings ({problem})") from problem

    def write(self, book: str, sighting: Sighting) -> bool:
        """Whole or not at all. Of two processes at once the later wins; the other's next beat says the rest."""
        try:
            known = self.read()
        except Unreadable:
            known = {}  # torn by somebody else: begun anew
        if book in known and known[book].beat >= sighting.beat:
            return True
        known.pop(book, None)
        known[book] = sighting
        kept = list(known.items())[-MOST_BOOKS:]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        draft.write_text(json.dumps({name: _said(seen) for name, seen in kept}, indent=1))
        draft.replace(self._path)
        return True


class _Redis:
    is_far = True

    def __init__(self, url: str) -> None:
        self._url = url

    def __str__(self) -> str:
        return "Redis"

    def read(self) -> dict[str, Sighting]:
        try:
            return _sightings(_client(self._url).hgetall(KEY))
        except ValueError as problem:
            raise Unreadable(f"{KEY} holds no sightings ({problem})") from problem

    def write(self, book: str, sighting: Sighting) -> bool:
        known = self.read().get(book)
        if known is None or known.beat < sighting.beat:
            _client(self._url).hset(KEY, book, _said(sighting))
        return True


@lru_cache(maxsize=4)
def _client(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, decode_responses=True)


def _said(sighting: Sighting) -> str:
    return f"{sighting.beat} {sighting.at.isoformat()}"


def _sightings(said: Any) -> dict[str, Sighting]:
    if not isinstance(said, dict):
        raise ValueError("not an object")  # noqa: TRY004 - of what is in the file, not of us
    found = {}
    for book, words in said.items():
        beat, _space, at = str(words).partition(" ")
        found[book] = Sighting(int(beat), datetime.fromisoformat(at))
    return found
