"""End runs under way because of something outside of their own steps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from journeys.flows import rows
from journeys.flows.chunks import CHUNK
from journeys.models import Enrolment, Flow
from messaging.outbox import cancel


def leave(runs: Sequence[Enrolment], *, now: datetime, reason: str) -> None:
    """
    End these runs as left early; what they have queued and has not gone out yet is cancelled.

    Args:
        runs: active ones, locked by the caller.
    """
    if not runs:
        return
    states = [(run, rows.state_of(run)) for run in runs]
    as_ = Enrolment.State.EXITED
    rows.write(
        {run.pk: rows.ended(state, now=now, as_=as_, reason=reason, goal_at=run.goal_at) for run, state in states},
        [rows.interrupted(run, state, now=now, reason=reason) for run, state in states],
    )
    cancel.cancel_queued(
        customer_ids={run.customer_id for run in runs}, enrolment_ids=[run.pk for run in runs], now=now
    )


def leave_all(flow: Flow, *, now: datetime, reason: str) -> int:
    """End every run under way in `flow`, in chunks; return how many."""
    left = 0
    inside = Enrolment.objects.active().filter(flow=flow).order_by("pk")
    while chunk := list(inside.locked()[:CHUNK]):
        leave(chunk, now=now, reason=reason)
        left += len(chunk)
    return left
