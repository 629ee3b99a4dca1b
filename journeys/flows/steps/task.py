"""Give a member of staff something to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from crm.lib.durations import parse_duration
from crm.rules.schema import IsoDuration, Shape
from journeys.facts import Fact
from journeys.flows import calendar
from journeys.flows.steps.base import Decision, Effect, Go, Moment, Occurrence, Rest, Step

if TYPE_CHECKING:
    from journeys.flows.steps import AnyStep

OWNER = "owner"
TASK_DONE = "Task Completed"


@dataclass(frozen=True, slots=True)
class OpenTask(Effect):
    """`assign` is OWNER (the customer's owner), a username, or "" for whoever takes it; `outcomes` are waited for."""

    title: str
    assign: str
    due_at: datetime | None
    outcomes: tuple[str, ...] = ()


class OutcomePath(Shape):
    outcome: Annotated[str, Field(min_length=1, max_length=64)]
    steps: list[AnyStep] = []


class OutcomeWait(Shape):
    """Which way to go by what staff say came of it; `else` for any other outcome, and when there is none in time."""

    timeout: IsoDuration
    then: Annotated[list[OutcomePath], Field(min_length=1, max_length=20)]
    else_: list[AnyStep] = Field([], alias="else")

    @model_validator(mode="after")
    def _told_apart(self) -> OutcomeWait:
        if len({path.outcome for path in self.then}) < len(self.then):
            raise ValueError("names an outcome twice")
        return self


class Task(Step):
    """`assign` is "owner" or the username of a member of staff; without it anybody may take the task."""

    type: Literal["task"]
    title: Annotated[str, Field(min_length=1, max_length=200)]
    assign: Annotated[str, Field(min_length=1, max_length=150)] | None = None
    due: IsoDuration | None = None
    wait_for_outcome: OutcomeWait | None = None

    def lists(self) -> Iterator[tuple[str, Sequence[AnyStep]]]:
        if wait := self.wait_for_outcome:
            for index, path in enumerate(wait.then):
                yield f"wait_for_outcome.then[{index}].steps", path.steps
            yield "wait_for_outcome.else", wait.else_

    def listens(self) -> Iterator[str]:
        if self.wait_for_outcome:
            yield TASK_DONE

    def hears(self, fact: Fact, *, since: datetime, zone: ZoneInfo) -> Occurrence | None:
        """The task that this step opened is done; a fact that names no task is taken to mean it."""
        if fact.name != TASK_DONE or fact.at < since:
            return None
        task = fact.text("task")
        is_ours = not task or task.rpartition(":")[0].endswith(f":{self.id}")
        return Occurrence(fact.id, fact.at, fact.text("outcome")) if is_ours else None

    def terms(self) -> tuple[Any, ...]:
        return (self.wait_for_outcome.timeout,) if self.wait_for_outcome else ()

    def rest_again(self, arrived_at: datetime, zone: ZoneInfo) -> Rest | None:
        if self.wait_for_outcome is None:
            return None
        timeout = parse_duration(self.wait_for_outcome.timeout)
        return Rest(calendar.add(arrived_at, timeout, zone), awaits=TASK_DONE)

    def take(self, moment: Moment) -> Decision:
        due_at = calendar.add(moment.now, parse_duration(self.due), moment.zone) if self.due else None
        wait = self.wait_for_outcome
        outcomes = tuple(path.outcome for path in wait.then) if wait else ()
        task = OpenTask(self.title, self.assign or "", due_at, outcomes)
        if wait is None:
            return Go("opened", effects=[] if moment.again else [task])
        if moment.woken_by is not None:
            return self._done(wait, moment.woken_by)
        if moment.due_at is not None:
            return Go("timed_out", into="wait_for_outcome.else", contested=True)
        deadline = calendar.add(moment.now, parse_duration(wait.timeout), moment.zone)
        return Rest(deadline, awaits=TASK_DONE, effects=[task])

    def _done(self, wait: OutcomeWait, done: Occurrence) -> Decision:
        said = [path.outcome.casefold() for path in wait.then]
        word = done.word.strip().casefold()
        place = f"then[{said.index(word)}].steps" if word in said else "else"
        return Go("done", into=f"wait_for_outcome.{place}", detail={"outcome": done.word}, heard=done)
