"""Reading the files of a history: CSV, plain or gzipped, row by row."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, cast
from zoneinfo import ZoneInfo


class UnreadableHistory(Exception):
    """The files are not what the format says; the message names the file and the fault."""


def find(directory: Path, stem: str) -> Path:
    """The file `stem`.csv or `stem`.csv.gz, also under the data set's full name, e.g. olist_orders_dataset.csv."""
    for name in (stem, f"olist_{stem}_dataset"):
        for suffix in (".csv", ".csv.gz"):
            path = directory / f"{name}{suffix}"
            if path.is_file():
                return path
    raise UnreadableHistory(f"{directory}: there is no {stem}.csv or {stem}.csv.gz")


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """
    Every row of a CSV file as text by column name.

    Raises:
        UnreadableHistory: no such file, not CSV in UTF-8, or a column of `columns` is missing.
    """
    try:
        with _open(path) as lines:
            reader = csv.DictReader(lines)
            missing = [column for column in columns if column not in (reader.fieldnames or [])]
            if missing:
                raise UnreadableHistory(f"{path.name}: the column {missing[0]} is missing")
            for row in reader:
                yield {column: (row[column] or "").strip() for column in columns}
    except (OSError, UnicodeDecodeError, csv.Error, EOFError) as error:
        raise UnreadableHistory(f"{path.name}: cannot be read ({error})") from error


def fingerprint(paths: Sequence[Path], *parts: str) -> str:
    """A name for exactly these bytes, whatever the files are called; gzipped or not is the same history."""
    digest = hashlib.sha256("\x1f".join(parts).encode())
    for path in paths:
        try:
            with _open_bytes(path) as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        except (OSError, EOFError) as error:
            raise UnreadableHistory(f"{path.name}: cannot be read ({error})") from error
    return digest.hexdigest()


def local_time(text: str, zone: ZoneInfo) -> datetime | None:
    """`text` ("2017-07-09 21:57:05") on the wall clock of `zone`, as UTC; None when it is no time."""
    try:
        # A wall time that occurs twice is read as its first occurrence (fold 0).
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _open_bytes(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path, "rb")) if zipped else path.open("rb")


def _open(path: Path) -> io.TextIOWrapper:
    return io.TextIOWrapper(_open_bytes(path), encoding="utf-8-sig", newline="")
