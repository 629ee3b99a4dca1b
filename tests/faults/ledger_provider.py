"""A provider outside the process: it keeps its own books, so that what it accepted outlives whoever sent it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from messaging.channels.base import Accepted, ConfigFault, Outcome, Parcel, Repeat, Traits
from messaging.channels.calls import Call, Heard, NoSuchDoor
from tests.faults import dying


class LedgerProvider:
    """
    `config`: "path" of its books and "repeat": "key" (accepts a key once), "lookup" (can be asked) or "never".

    A worker can be made to die before a parcel is accepted and after it, before the answer is out.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._path = config["path"]
        self.traits = Traits(repeat=Repeat(config["repeat"]), batch=12, in_flight=4)
        with self._books() as books:
            books.execute("CREATE TABLE IF NOT EXISTS accepted (n INTEGER PRIMARY KEY, key TEXT NOT NULL)")

    @classmethod
    def check(cls, config: Mapping[str, Any]) -> list[ConfigFault]:
        return []

    def send(self, parcels: Iterator[Parcel]) -> Iterator[tuple[Parcel, Outcome]]:
        for parcel in parcels:
            dying.perhaps("on the wire")
            self._accept(parcel.key)
            dying.perhaps("accepted")
            yield parcel, Accepted(f"ref-{parcel.key}")

    def look_up(self, keys: Sequence[str]) -> Mapping[str, str]:
        known = set(self.accepted())
        return {key: f"ref-{key}" for key in keys if key in known}

    def hear(self, call: Call, *, now: datetime) -> Heard:
        raise NoSuchDoor

    def accepted(self) -> list[str]:
        """The keys of everything accepted, in order."""
        with self._books() as books:
            return [key for (key,) in books.execute("SELECT key FROM accepted ORDER BY n")]

    def _accept(self, key: str) -> None:
        with self._books() as books:
            once = (
                "WHERE NOT EXISTS (SELECT 1 FROM accepted WHERE key = ?1)" if self.traits.repeat == Repeat.KEY else ""
            )
            books.execute(f"INSERT INTO accepted (key) SELECT ?1 {once}", (key,))

    def _books(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=20)
