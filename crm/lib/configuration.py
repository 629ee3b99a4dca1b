"""
What every batch asks of the configuration, read once and kept until somebody changes it.

The database itself stamps each table of configuration whenever it is written to (`crm.lib.stamps`), in the transaction
that writes. So one small query tells a batch what it may keep: what another process has committed is seen by the next
batch, and what was rolled back has left nothing behind, since no stamp is ever made twice. Decision 012.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

from django.db import models

from crm.lib import stamps

T = TypeVar("T")
Stamp = tuple[str, ...]


class _Batch:
    """One batch's view of the configuration; its stamps are read when they are first asked for."""

    def __init__(self) -> None:
        self._stamps: dict[str, str] | None = None

    def stamp_of(self, tables: tuple[str, ...]) -> Stamp | None:
        """What tells this state of the tables from every other; None when one of them bears no stamp."""
        if self._stamps is None:
            self._stamps = stamps.read()
        found = tuple(self._stamps[table] for table in tables if table in self._stamps)
        return found if len(found) == len(tables) else None


_batch: ContextVar[_Batch | None] = ContextVar("configuration_of_batch", default=None)
everything: list[Remembered[Any]] = []


@contextmanager
def for_batch() -> Iterator[None]:
    """Inside, `remembered` functions answer from memory where they can, all from the state of one moment."""
    if _batch.get() is not None:
        yield
        return
    token = _batch.set(_Batch())
    try:
        yield
    finally:
        _batch.reset(token)


class Remembered(Generic[T]):
    """
    A function without arguments that reads some tables of configuration, remembered by batches.

    What it returns is shared by all batches of the process: to be read, not changed. Outside of a batch it reads the
    database each time, and its answer is the caller's own.
    """

    def __init__(self, read: Callable[[], T], watched: tuple[type[models.Model], ...]) -> None:
        self.__doc__ = read.__doc__
        self.read = read
        self.tables = tuple(model._meta.db_table for model in watched)
        self._kept: tuple[Stamp, T] | None = None

    def __call__(self) -> T:
        batch = _batch.get()
        stamp = batch.stamp_of(self.tables) if batch else None
        if stamp is None:
            return self.read()
        kept = self._kept
        if kept is None or kept[0] != stamp:
            # Read after its stamp: should somebody commit in between, the stamp is old and nobody asks for it again.
            kept = self._kept = stamp, self.read()
        return kept[1]

    def forget(self) -> None:
        self._kept = None


def remembered(*watched: type[models.Model]) -> Callable[[Callable[[], T]], Remembered[T]]:
    """Keep what the function returns while none of the `watched` tables, all that it reads, is written to."""

    def decorator(read: Callable[[], T]) -> Remembered[T]:
        stamps.watch(*watched)
        function = Remembered(read, watched)
        everything.append(function)
        return function

    return decorator


def forget() -> None:
    """As if the process had just begun."""
    for function in everything:
        function.forget()
