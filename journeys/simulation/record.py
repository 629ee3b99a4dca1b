"""What a simulation shows: one entry for each thing that happened, read from the rows that the engine wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from journeys.models import Enrolment, StepVisit
from messaging.channels.reasons import Reason
from messaging.models import Message

What = Literal[
    "entered", "waiting", "woken", "timed_out", "sent", "held", "withheld", "moved", "exited", "completed",
]  # fmt: skip
State = Message.State

# How steps that wait say that the wait is over.
_OF_OUTCOME: Mapping[str, What] = {
    "waited": "woken", "heard": "woken", "held": "woken", "done": "woken", "timed_out": "timed_out",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as the customer would have read it; `reason` says why they do not, or not yet."""

    channel: str
    subject: str
    body: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One line of a simulation.

    Attributes:
        step: id of the step, None for the flow as a whole.
        detail: JSON; the inputs of the decision.
    """

    at: datetime
    step: str | None
    what: What
    detail: Mapping[str, Any] = field(default_factory=dict)
    message: Shown | None = None


def entered(run: Enrolment) -> Entry:
    return Entry(run.entered_at, None, "entered", {"key": run.key} if run.key else {})


def stepped(visit: StepVisit, reasons: Mapping[str, Any]) -> Entry | None:
    """
    A step that is behind the run. What was sent is told by its message, and a step left at the exit by that.

    Args:
        reasons: what decided which way it went, if that was asked.
    """
    if visit.outcome in {"queued", "left"}:
        return None
    detail = {"outcome": visit.outcome, **visit.detail, **reasons}
    if visit.outcome == "heard":
        detail.pop("event", None)  # the number of a row that nobody will find
    return Entry(visit.left_at, visit.step, _OF_OUTCOME.get(visit.outcome, "moved"), detail)


def resting(run: Enrolment, now: datetime) -> Entry:
    """Where the run waits from now on."""
    detail: dict[str, Any] = {"until": run.due_at and run.due_at.isoformat()}
    if run.awaits:
        detail["event"] = run.awaits
    return Entry(now, run.step, "waiting", detail)


def ended(run: Enrolment) -> Entry:
    at = run.ended_at or run.entered_at
    if run.state == Enrolment.State.COMPLETED:
        return Entry(at, None, "completed")
    if run.state == Enrolment.State.FAILED:
        return Entry(at, run.step, "exited", {"reason": "failed", "error": run.error.strip().splitlines()[-1]})
    return Entry(at, run.step, "exited", {"reason": run.reason or run.state})


def written(message: Message, shown: Shown, now: datetime) -> Entry | None:
    """What became of a message; None while nobody has decided about it."""
    what = _fate(message)
    if what is None:
        return None
    detail: dict[str, Any] = {"topic": message.topic.slug}
    if message.decision:
        detail["inputs"] = message.decision["inputs"]
    if what == "held":
        detail["until"] = message.due_at.isoformat()
    if what != "sent":
        detail["reason"] = message.reason or str(Reason.STOPPED)
    if message.detail:
        detail["said"] = message.detail
    return Entry(now, message.cause.get("step"), what, detail, shown)


def _fate(message: Message) -> What | None:
    if message.state == State.SENT:
        return "sent"
    if message.state == State.QUEUED:
        return "held" if message.reason else None
    return "withheld"
