"""All kinds of steps. A new one is a file here, a line in `AnyStep`, and a performer for each new effect."""

from typing import Annotated

from pydantic import Field

from journeys.flows.steps.branch import Branch, BranchPath
from journeys.flows.steps.exit import Exit
from journeys.flows.steps.send import Send
from journeys.flows.steps.set import Set
from journeys.flows.steps.tag import Tag
from journeys.flows.steps.task import Task
from journeys.flows.steps.wait import Wait
from journeys.flows.steps.wait_event import WaitEvent

AnyStep = Annotated[
    Wait | WaitEvent | Branch | Send | Set | Tag | Task | Exit,
    Field(discriminator="type"),
]

# Steps hold lists of steps: the kinds that do are finished once all of them are known.
for _nesting in (BranchPath, Branch, Wait, WaitEvent):
    _nesting.model_rebuild(_types_namespace={"AnyStep": AnyStep})

__all__ = ["AnyStep", "Branch", "Exit", "Send", "Set", "Tag", "Task", "Wait", "WaitEvent"]
