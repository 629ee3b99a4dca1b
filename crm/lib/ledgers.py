"""
Somebody else's books beside ours: what a storefront was answered, what a provider accepted.

A ledger is a file with a JSON object a line. It is copied into a temporary table, batch by batch, so that the database
itself compares it with millions of rows.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import orjson
from django.db import connection

AT_ONCE = 5_000
Kind = Literal["text", "uuid", "bigint"]
_SQLITE = {"text": "text", "uuid": "text", "bigint": "integer"}


class InvalidLedger(ValueError):
    """The file cannot be read as a ledger; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """A file of somebody's books."""

    path: Path

    def entries(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """
        Each entry with the number of its line. A last line without an end, torn as its writer died, is none.

        Raises:
            InvalidLedger: no such file, or a line that is no JSON object.
        """
        try:
            with self.path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    if line.endswith(b"\n") and not line.isspace():
                        yield number, self._read(number, line)
        except OSError as error:
            raise InvalidLedger(f"{self.path}: {error.strerror}") from error

    def read(self, take: Callable[[dict[str, Any]], Mapping[str, Any] | None]) -> Iterator[Mapping[str, Any]]:
        """
        What `take` makes of each entry, without those it makes nothing of.

        Raises:
            InvalidLedger: as above, or `take` raised KeyError, TypeError or ValueError.
        """
        for number, entry in self.entries():
            try:
                taken = take(entry)
            except (KeyError, TypeError, ValueError) as error:
                raise InvalidLedger(f"{self.path}, line {number}: {type(error).__name__}: {error}") from error
            if taken is not None:
                yield {"line": number, **taken}

    def _read(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            entry = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise InvalidLedger(f"{self.path}, line {number}: no JSON") from error
        if not isinstance(entry, dict):
            raise InvalidLedger(f"{self.path}, line {number}: no JSON object")
        return entry


@contextmanager
def laid_beside(
    rows: Iterable[Mapping[str, Any]], *, table: str, columns: Mapping[str, Kind], key: str
) -> Iterator[int]:
    """
    A temporary table `table` of `rows` while the context lasts; it is their number.

    Args:
        columns: by name; None where a row has none. A "uuid" is given in hex, and compares with a UUIDField.
        key: the column that is looked up.
    """
    kinds = columns if connection.vendor == "postgresql" else {name: _SQLITE[kind] for name, kind in columns.items()}
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {table} ({', '.join(map(' '.join, kinds.items()))})")
        try:
            count = _fill(cursor, rows, table, kinds)
            cursor.execute(f"CREATE INDEX {table}_key ON {table} ({key})")
            if connection.vendor == "postgresql":
                cursor.execute(f"ANALYZE {table}")
            yield count
        finally:
            if not connection.needs_rollback:
                cursor.execute(f"DROP TABLE {table}")


def hex_of(text: str) -> str:
    """
    A UUID in whichever form, as a ledger's table has it.

    Raises:
        ValueError: it is none.
    """
    return uuid.UUID(text).hex


def _fill(cursor: Any, rows: Iterable[Mapping[str, Any]], table: str, kinds: Mapping[str, str]) -> int:
    if connection.vendor == "postgresql":
        shape = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
        fields = ", ".join(f"x.{name}" for name in kinds)
        select = f"SELECT {fields} FROM jsonb_to_recordset(%s::jsonb) AS x({shape})"  # noqa: S608
    else:
        fields = ", ".join(f"json_extract(value, '$.{name}')" for name in kinds)
        select = f"SELECT {fields} FROM json_each(%s)"  # noqa: S608
    source, count = iter(rows), 0
    while batch := list(islice(source, AT_ONCE)):
        cursor.execute(f"INSERT INTO {table} {select}", [orjson.dumps(batch).decode()])
        count += len(batch)
    return count
