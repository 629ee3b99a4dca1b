"""Put tags on the customer, or take them off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from journeys.flows.steps.base import Decision, Effect, Go, Moment, Step

TagName = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^\S(.*\S)?$")]


@dataclass(frozen=True, slots=True)
class ChangeTags(Effect):
    """Names of tags to put on and to take off."""

    add: tuple[str, ...]
    remove: tuple[str, ...]


class Tag(Step):
    type: Literal["tag"]
    add: Annotated[list[TagName], Field(max_length=20)] = []
    remove: Annotated[list[TagName], Field(max_length=20)] = []

    @model_validator(mode="after")
    def _something(self) -> Tag:
        if not self.add and not self.remove:
            raise ValueError("needs add or remove")
        if set(self.add) & set(self.remove):
            raise ValueError("adds and removes the same tag")
        return self

    def take(self, moment: Moment) -> Decision:
        return Go("tagged", effects=[ChangeTags(tuple(self.add), tuple(self.remove))])
