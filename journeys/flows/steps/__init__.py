"""All kinds of steps. A new one is a file here, a line in `AnyStep`, and a performer for each new effect."""

from typing import Annotated

from pydantic import Field

from journeys.flows.steps.branch import Branch, BranchPath
from journeys.flows.steps.coupon import Coupon
from journeys.flows.steps.enrol import Enrol, Unenrol
from journeys.flows.steps.exit import Exit
from journeys.flows.steps.move_stage import MoveStage
from journeys.flows.steps.send import Send
from journeys.flows.steps.set import Set
from journeys.flows.steps.split import Split, SplitPath
from journeys.flows.steps.tag import Tag
from journeys.flows.steps.task import OutcomePath, OutcomeWait, Task
from journeys.flows.steps.ticket import Ticket
from journeys.flows.steps.wait import Wait
from journeys.flows.steps.wait_event import WaitEvent
from journeys.flows.steps.wait_rule import WaitRule
from journeys.flows.steps.webhook import Webhook

AnyStep = Annotated[
    Wait
    | WaitEvent
    | WaitRule
    | Branch
    | Split
    | Send
    | Set
    | Tag
    | Task
    | Ticket
    | MoveStage
    | Coupon
    | Enrol
    | Unenrol
    | Webhook
    | Exit,
    Field(discriminator="type"),
]

# Steps hold lists of steps: the kinds that do are finished once all of them are known.
for _nesting in (BranchPath, Branch, SplitPath, Split, OutcomePath, OutcomeWait, Task, Wait, WaitEvent, WaitRule):
    _nesting.model_rebuild(_types_namespace={"AnyStep": AnyStep})

__all__ = [
    "AnyStep", "Branch", "Coupon", "Enrol", "Exit", "MoveStage", "Send", "Set", "Split", "Tag", "Task", "Ticket",
    "Unenrol", "Wait", "WaitEvent", "WaitRule", "Webhook",
]  # fmt: skip
