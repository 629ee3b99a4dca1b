"""Watches for steps of flows that fall due between two ticks."""

from __future__ import annotations

from datetime import datetime

from journeys.models import Enrolment


class Lookout:
    """
    Calls a worker when a step falls due.

    Not again for what it has called one for: a step that is due since then is in somebody's hands, or part of a backlog
    that is being worked off, and more calls would only stand in the way of other tasks. The tick is there for what is
    left lying all the same.
    """

    def __init__(self) -> None:
        self._called_at: datetime | None = None

    def calls(self, now: datetime) -> bool:
        """Whether a worker is to come now; one query, of one row."""
        waiting = Enrolment.objects.due(now).values_list("due_at", flat=True)
        first = waiting.first()
        if first is None or (self._called_at is not None and first <= self._called_at):
            return False
        self._called_at = now
        return True
