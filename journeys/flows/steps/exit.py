"""Leave the flow."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from journeys.flows.steps.base import Decision, Leave, Moment, Step


class Exit(Step):
    type: Literal["exit"]
    reason: Annotated[str, Field(min_length=1, max_length=100)]

    def take(self, moment: Moment) -> Decision:
        return Leave(self.reason)
