"""Give a member of staff something to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from crm.lib.durations import parse_duration
from crm.rules.schema import IsoDuration
from journeys.flows import calendar
from journeys.flows.steps.base import Decision, Effect, Go, Moment, Step

OWNER = "owner"


@dataclass(frozen=True, slots=True)
class OpenTask(Effect):
    """`assign` is OWNER (the customer's owner), a username, or "" for whoever takes it."""

    title: str
    assign: str
    due_at: datetime | None


class Task(Step):
    """`assign` is "owner" or the username of a member of staff; without it anybody may take the task."""

    type: Literal["task"]
    title: Annotated[str, Field(min_length=1, max_length=200)]
    assign: Annotated[str, Field(min_length=1, max_length=150)] | None = None
    due: IsoDuration | None = None

    def take(self, moment: Moment) -> Decision:
        due_at = calendar.add(moment.now, parse_duration(self.due), moment.zone) if self.due else None
        return Go("opened", effects=[OpenTask(self.title, self.assign or "", due_at)])
