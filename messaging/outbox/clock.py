"""The time in a round of sending."""

from __future__ import annotations

from datetime import datetime, timedelta
from time import monotonic, sleep


class Stopwatch:
    """Runs from when it is made, whatever a clock shows."""

    def __init__(self) -> None:
        self._started = monotonic()

    @property
    def passed(self) -> timedelta:
        return timedelta(seconds=monotonic() - self._started)


class Clock:
    """
    A round takes seconds, and its last call starts later than its first: each is dated when it was.

    Args:
        now: what the caller's clock shows.
        runs_on: it is the clock on the wall. That of a history played again stands still, so that it comes out the same
            each time.
    """

    def __init__(self, now: datetime, *, runs_on: bool = False) -> None:
        self._began_at = now
        self._runs_on = runs_on
        self._watch = Stopwatch()

    def now(self) -> datetime:
        return self._began_at + self.passed if self._runs_on else self._began_at

    @property
    def passed(self) -> timedelta:
        """How long the round has taken."""
        return self._watch.passed

    def wait(self, seconds: float) -> bool:
        """Let time pass, where it does: whether it has."""
        if self._runs_on:
            sleep(seconds)
        return self._runs_on
