"""Go one of several ways by rules about the customer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from crm.rules.schema import Name, Shape
from journeys.flows.steps.base import Ask, Decision, Go, Moment, RuleHolds, RuleJson, Step

if TYPE_CHECKING:
    from journeys.flows.steps import AnyStep


class BranchPath(Shape):
    name: Name
    if_: RuleJson = Field(alias="if")
    steps: list[AnyStep] = []


class Branch(Step):
    """The first path whose rule holds, else `else`."""

    type: Literal["branch"]
    paths: Annotated[list[BranchPath], Field(min_length=1, max_length=20)]
    else_: list[AnyStep] = Field([], alias="else")

    def lists(self) -> Iterator[tuple[str, Sequence[AnyStep]]]:
        for index, path in enumerate(self.paths):
            yield f"paths[{index}].steps", path.steps
        yield "else", self.else_

    def rules(self) -> Iterator[tuple[str, RuleJson]]:
        for index, path in enumerate(self.paths):
            yield f"paths[{index}].if", path.if_

    def take(self, moment: Moment) -> Decision:
        questions = [RuleHolds(self.id, key, rule) for key, rule in self.rules()]
        unanswered = [question for question in questions if question not in moment.facts]
        if unanswered:
            return Ask(unanswered)
        for index, question in enumerate(questions):
            if moment.facts[question]:
                name = self.paths[index].name
                return Go("path", into=f"paths[{index}].steps", detail={"path": name})
        return Go("path", into="else", detail={"path": "else"})
