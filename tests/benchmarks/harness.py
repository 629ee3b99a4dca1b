"""Taking turns and writing it down."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection

QUICK = bool(os.environ.get("BENCH_QUICK"))
ROUNDS = 2 if QUICK else 5


def scaled(n: int) -> int:
    """`n`, or a tenth of it for a quick look."""
    return max(n // 10, 1) if QUICK else n


@dataclass(frozen=True, slots=True)
class Rate:
    """So many things a second."""

    per_second: float
    unit: str

    def __str__(self) -> str:
        return f"{self.per_second:,.{0 if self.per_second >= 10 else 2}f} {self.unit}/s"


def timed(work: Callable[[], int]) -> float:
    """Things a second of one call; `work` returns how many things it did."""
    started = time.perf_counter()
    done = work()
    return done / (time.perf_counter() - started)


def in_turn(*works: Callable[[], int], rounds: int = ROUNDS) -> list[float]:
    """The median rate of each, run in turn `rounds` times after one warm-up of each."""
    for work in works:
        work()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as the database would have by itself some minutes later
    rates: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for number, work in enumerate(works):
            rates[number].append(timed(work))
    return [statistics.median(found) for found in rates]


def row(work: str, ours: Rate | str, floor: Rate | str = "", must: str = "", goal: str = "") -> dict[str, str]:
    """A line of the table. Of two rates the ratio is shown, and must and goal speak of that; else of ours."""
    ratio = f"{ours.per_second / floor.per_second:.2f}" if isinstance(ours, Rate) and isinstance(floor, Rate) else ""
    return {"work": work, "ours": str(ours), "floor": str(floor), "ratio": ratio, "must": must, "goal": goal}
