"""Set custom attributes of the customer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from crm.rules.schema import Name, Scalar
from journeys.flows.steps.base import Decision, Effect, Go, Moment, Step


@dataclass(frozen=True, slots=True)
class SetAttributes(Effect):
    """Merge into the customer's attributes; None removes a key."""

    attributes: Mapping[str, Scalar | None]


class Set(Step):
    type: Literal["set"]
    attributes: Annotated[dict[Name, Scalar | None], Field(min_length=1, max_length=50)]

    def take(self, moment: Moment) -> Decision:
        return Go("set", effects=[SetAttributes(self.attributes)])
