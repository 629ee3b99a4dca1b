"""Everything flows have to do by themselves, one round of it."""

from __future__ import annotations

from datetime import datetime

from journeys.flows import backlog, by_calendar, intake, runner


def work_due(*, now: datetime, limit: int) -> int:
    """
    Let people in whose time came, let go what a backlog holds back, and take up to `limit` steps that are due.

    Returns how much was done; 0 means that nothing is left.
    """
    done = by_calendar.enter_on_time(now=now) + intake.go_on(now=now) + backlog.release(now=now)
    return done + runner.run_due(now=now, limit=limit).total()
