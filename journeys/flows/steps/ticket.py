"""Open a ticket for the customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from journeys.flows.steps.base import Decision, Effect, Go, Moment, Step

Kind = Literal["enquiry", "after_sales"]
Priority = Literal["low", "normal", "high", "urgent"]


@dataclass(frozen=True, slots=True)
class OpenTicket(Effect):
    kind: Kind
    subject: str
    priority: Priority


class Ticket(Step):
    type: Literal["ticket"]
    kind: Kind
    subject: Annotated[str, StringConstraints(strip_whitespace=False, pattern=r"\S"), Field(max_length=200)]
    priority: Priority = "normal"

    def take(self, moment: Moment) -> Decision:
        return Go("opened", effects=[OpenTicket(self.kind, self.subject, self.priority)])
