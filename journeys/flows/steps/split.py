"""Send customers different ways by weight, to compare."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from crm.rules.schema import Name, Shape
from journeys.flows.steps.base import Decision, Go, Moment, Step

if TYPE_CHECKING:
    from journeys.flows.steps import AnyStep


class SplitPath(Shape):
    name: Name
    weight: Annotated[int, Field(ge=0, le=1_000_000)]
    steps: list[AnyStep] = []


class Split(Step):
    """Each path gets its weight's share of the customers; the same customer always comes to the same path."""

    type: Literal["split"]
    paths: Annotated[list[SplitPath], Field(min_length=2, max_length=20)]

    @model_validator(mode="after")
    def _weights_add_up(self) -> Split:
        if not sum(path.weight for path in self.paths):
            raise ValueError("the weights add up to nothing")
        return self

    def lists(self) -> Iterator[tuple[str, Sequence[AnyStep]]]:
        for index, path in enumerate(self.paths):
            yield f"paths[{index}].steps", path.steps

    def take(self, moment: Moment) -> Decision:
        digest = hashlib.sha256(f"{moment.who}:{self.id}".encode()).digest()
        total = sum(path.weight for path in self.paths)
        # The customer's own point on the line from 0 to the sum of weights: another weight moves few to another path.
        point = int.from_bytes(digest[:8]) * total >> 64
        # In the order of their names: whoever arranges the ways otherwise moves nobody.
        for index, path in sorted(enumerate(self.paths), key=lambda way: way[1].name):
            if point < path.weight:
                return Go("path", into=f"paths[{index}].steps", detail={"path": path.name})
            point -= path.weight
        raise AssertionError("the point lies behind the last path")
