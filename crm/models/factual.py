"""Rows that stand for facts."""

from __future__ import annotations

from collections.abc import Sequence

from crm.events.types import EventDraft


class Factual:
    """
    A row whose dates are facts on the log.

    `crm.receivers` records them on every save, whatever saved the row. A service that still has related rows to write
    sets `facts_deferred` and records them itself when those stand.
    """

    facts_deferred = False

    def facts(self) -> Sequence[EventDraft]:
        """Every fact the row stands for now; their keys make recording them twice harmless."""
        raise NotImplementedError
