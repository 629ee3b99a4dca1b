"""Put the customer into another flow, or take them out of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from crm.rules.schema import Slug
from journeys.flows.steps.base import Decision, Effect, Go, Moment, Step


@dataclass(frozen=True, slots=True)
class EnterFlow(Effect):
    """The slug of the flow to enter; its audience and re-entry decide as for everybody."""

    flow: str


@dataclass(frozen=True, slots=True)
class LeaveFlow(Effect):
    """The slug of the flow whose runs end."""

    flow: str


class Enrol(Step):
    type: Literal["enrol"]
    flow: Slug

    def take(self, moment: Moment) -> Decision:
        return Go("enrolled", effects=[EnterFlow(self.flow)])


class Unenrol(Step):
    type: Literal["unenrol"]
    flow: Slug

    def take(self, moment: Moment) -> Decision:
        return Go("unenrolled", effects=[LeaveFlow(self.flow)])
