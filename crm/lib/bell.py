"""
Ring for work that has just become due.

A bell is a hint, never a debt: the row with its due time is what is owed, and a bell may be lost, doubled or late
(docs/decisions/002 and 007). config says what answers each bell; code that rings knows only its name.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import transaction

Ringer = Callable[[str], None]

_silenced: ContextVar[bool] = ContextVar("bell_silenced", default=False)
_ringers: list[Ringer] = []


def connect(ringer: Ringer) -> None:
    """Have `ringer(name)` called, after commit, for every bell; the one before is let go."""
    _ringers[:] = [ringer]


def ring(name: str) -> None:
    """
    Wake the worker for `name` ("run_due", "send_due") once the current transaction commits; at once outside of one.

    One call per batch, not per row. A bell that cannot be rung is logged and forgotten: the next tick finds the rows.
    """
    if not _silenced.get():
        transaction.on_commit(lambda: _call(name), robust=True)


@contextmanager
def silenced() -> Iterator[None]:
    """Ring nothing inside: for a replay, which does its due work itself under a clock of its own."""
    token = _silenced.set(True)
    try:
        yield
    finally:
        _silenced.reset(token)


def is_silenced() -> bool:
    """Is this a replay of what is past, or a simulation? Nobody outside is told of what happens in one."""
    return _silenced.get()


def _call(name: str) -> None:
    for ringer in _ringers:
        ringer(name)
