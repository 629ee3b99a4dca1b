"""Send a message."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator

from crm.lib.durations import parse_duration
from crm.rules.schema import IsoDuration, Slug
from journeys.flows import calendar
from journeys.flows.steps.base import Ask, Decision, Effect, Go, Leave, Moment, Step, WayClosed

ChannelName = Literal["sms", "email", "line"]
# A follow-up that could not go out for a day (quiet hours, an outage) is no longer wanted.
EXPIRES_AFTER = "PT24H"
NOT_REACHABLE = "not reachable"


@dataclass(frozen=True, slots=True)
class SendMessage(Effect):
    """A message to be queued. Either `template` or `body` is set."""

    channel: str
    fallback: tuple[str, ...]
    topic: str
    template: str
    subject: str
    body: str
    expires_at: datetime
    over_cap: Literal["skip", "hold"]


class Send(Step):
    """
    Puts a message on the ledger; whether it may go out is decided when it is sent.

    A customer who cannot be reached or opted out is passed over with the reason on the message, and the flow goes on.
    Where `if_unreachable` says "exit" it ends instead: here when that is known already, or when the message comes to
    nothing later.
    """

    type: Literal["send"]
    channel: ChannelName
    fallback: Annotated[list[ChannelName], Field(max_length=2)] = []
    template: Slug | None = None
    subject: Annotated[str, Field(max_length=200)] = ""
    body: Annotated[str, Field(min_length=1, max_length=5000)] | None = None
    topic: Slug
    expires_after: IsoDuration = EXPIRES_AFTER
    over_cap: Literal["skip", "hold"] = "skip"
    if_unreachable: Literal["go_on", "exit"] = "go_on"

    @model_validator(mode="after")
    def _one_text(self) -> Send:
        if (self.template is None) == (self.body is None):
            raise ValueError("needs either template or body")
        if self.channel in self.fallback or len(set(self.fallback)) < len(self.fallback):
            raise ValueError("fallback names a channel twice")
        return self

    @property
    def channels(self) -> tuple[str, ...]:
        """All channels it may go out on, the wanted one first."""
        return (self.channel, *self.fallback)

    def take(self, moment: Moment) -> Decision:
        if self.if_unreachable == "go_on":
            return Go("queued", effects=[self._message(moment)])
        question = WayClosed(self.id, self.channels, self.topic, self.template or "")
        if question not in moment.facts:
            return Ask([question])
        if moment.facts[question]:
            # Queued all the same: the ledger is where staff see who was not written to, and why.
            return Leave(NOT_REACHABLE, effects=[self._message(moment)])
        return Go("queued", effects=[self._message(moment)])

    def _message(self, moment: Moment) -> SendMessage:
        return SendMessage(
            channel=self.channel,
            fallback=tuple(self.fallback),
            topic=self.topic,
            template=self.template or "",
            subject=self.subject,
            body=self.body or "",
            expires_at=calendar.add(moment.now, parse_duration(self.expires_after), moment.zone),
            over_cap=self.over_cap,
        )
