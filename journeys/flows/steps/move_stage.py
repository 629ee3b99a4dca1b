"""Put the customer in a stage of a journey."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from crm.rules.schema import Slug
from journeys.flows.steps.base import Decision, Effect, Go, Moment, Step


@dataclass(frozen=True, slots=True)
class MoveToStage(Effect):
    """Slugs of the journey and of its stage."""

    journey: str
    stage: str


class MoveStage(Step):
    """Forward only, and not while staff hold the position: then the move is noted and not made."""

    type: Literal["move_stage"]
    journey: Slug
    stage: Slug

    def take(self, moment: Moment) -> Decision:
        return Go("moved", effects=[MoveToStage(self.journey, self.stage)])
