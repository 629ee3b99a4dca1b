"""Between the pure `State` of a run and the columns of its row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from crm.lib import bulk
from journeys.flows.interpreter import Contest, Stand, State, Visit
from journeys.flows.steps.base import Occurrence
from journeys.models import Enrolment, StepVisit

Row = dict[str, Any]
COLUMNS = (
    "state", "stand", "step", "visit", "arrived_at", "due_at", "awaits", "memory", "ended_at", "reason", "error",
    "goal_at",
)  # fmt: skip
MAX_ERROR = 4000


class DuplicateVisit(RuntimeError):
    """A step visit that is recorded already: something was about to be done twice."""


def state_of(enrolment: Enrolment) -> State:
    """Where an active run stands."""
    memory: Mapping[str, Any] = enrolment.memory
    woken = memory.get("woken_by")
    return State(
        step=enrolment.step,
        arrived_at=enrolment.arrived_at,
        since=datetime.fromisoformat(memory["since"]) if "since" in memory else enrolment.arrived_at,
        due_at=enrolment.due_at or enrolment.arrived_at,
        stand=Stand(enrolment.stand),
        visit=enrolment.visit,
        awaits=enrolment.awaits,
        woken_by=Occurrence(woken[0], datetime.fromisoformat(woken[1]), *woken[2:]) if woken else None,
        contests=tuple(
            Contest(step, datetime.fromisoformat(since), datetime.fromisoformat(deadline))
            for step, since, deadline in memory.get("contests", ())
        ),
        again=memory.get("again", False),
    )


def under_way(state: State, *, goal_at: datetime | None = None) -> Row:
    """The columns of a run that rests at `state`."""
    return {
        "state": Enrolment.State.ACTIVE.value,
        "stand": state.stand.value,
        "step": state.step,
        "visit": state.visit,
        "arrived_at": state.arrived_at,
        "due_at": state.due_at,
        "awaits": state.awaits,
        "memory": memory_of(state),
        "ended_at": None,
        "reason": "",
        "error": "",
        "goal_at": goal_at,
    }


def ended(
    state: State, *, now: datetime, as_: Enrolment.State, reason: str = "", goal_at: datetime | None = None
) -> Row:
    """The columns of a run that is over; `step` stays where it stood last."""
    return {
        "state": as_.value,
        "stand": "",
        "step": state.step,
        "visit": state.visit,
        "arrived_at": state.arrived_at,
        "due_at": None,
        "awaits": "",
        "memory": {},
        "ended_at": now,
        "reason": reason[:100],
        "error": "",
        "goal_at": goal_at,
    }


def failed(state: State, *, now: datetime, error: str, goal_at: datetime | None) -> Row:
    """The columns of a run set aside; what it needs to be taken up again is kept in `memory`."""
    resume = {"stand": state.stand.value, "due_at": state.due_at.isoformat(), "awaits": state.awaits}
    row = ended(state, now=now, as_=Enrolment.State.FAILED, goal_at=goal_at)
    return {**row, "error": error[-MAX_ERROR:], "memory": {**memory_of(state), "resume": resume}}


def memory_of(state: State) -> dict[str, Any]:
    """What of the state has no column of its own."""
    memory: dict[str, Any] = {}
    if state.since != state.arrived_at:
        memory["since"] = state.since.isoformat()
    if state.woken_by:
        word = [state.woken_by.word] if state.woken_by.word else []
        memory["woken_by"] = [state.woken_by.id, state.woken_by.at.isoformat(), *word]
    if state.again:
        memory["again"] = True
    if state.contests:
        memory["contests"] = [
            [contest.step, contest.since.isoformat(), contest.deadline.isoformat()] for contest in state.contests
        ]
    return memory


def write(rows: Mapping[int, Row], visits: Iterable[StepVisit]) -> None:
    """
    Store where runs stand now, by their numbers, and the steps behind them, in two statements.

    Raises:
        DuplicateVisit: one of the visits exists; nothing may then be done for this batch.
    """
    visits = list(visits)
    if len(bulk.insert_new(StepVisit, visits, unique=("enrolment_id", "step", "visit"))) < len(visits):
        raise DuplicateVisit("a step of this batch was visited before")
    bulk.update_rows(Enrolment, ({"id": pk, **row} for pk, row in rows.items()), fields=COLUMNS)


def visit_row(enrolment: Enrolment, visit: Visit) -> StepVisit:
    return bulk.new_row(
        StepVisit,
        enrolment_id=enrolment.pk,
        flow_id=enrolment.flow_id,
        step=visit.step,
        visit=visit.visit,
        outcome=visit.outcome,
        detail=dict(visit.detail),
        arrived_at=visit.arrived_at,
        left_at=visit.left_at,
    )


def interrupted(enrolment: Enrolment, state: State, *, now: datetime, reason: str) -> StepVisit:
    """The visit of the step a run stood on when something outside ended it."""
    visit = Visit(state.step, state.visit, "left", state.arrived_at, max(now, state.arrived_at), {"reason": reason})
    return visit_row(enrolment, visit)
