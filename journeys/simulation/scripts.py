"""What is to be tried: somebody, a flow, what happens when, and the shop's rules for the occasion. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from crm.models import Customer
from crm.services.consents import Changes
from journeys.models import Flow
from messaging.outbox.policy import ShopPolicy

# How long is watched when nobody says, and at most.
USUAL_LENGTH = timedelta(days=60)
LONGEST = timedelta(days=5 * 366)


class InvalidScript(ValueError):
    """It cannot be played; `path` leads to what is wrong: ("events", "0", "consent", "topic")."""

    def __init__(self, path: Sequence[str], message: str, code: str = "invalid") -> None:
        super().__init__(f"{'.'.join(path)}: {message}")
        self.path = tuple(path)
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True)
class Profile:
    """
    Somebody made up.

    Attributes:
        phone: E.164.
        time_zone: IANA name; "" lives where the shop is.
        consents: {channel: {topic: "in" or "out"}}, given before the flow begins.
    """

    name: str = ""
    email: str = ""
    phone: str = ""
    line_id: str = ""
    language: str = ""
    time_zone: str = ""
    birthday: date | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    tags: Sequence[str] = ()
    consents: Changes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happens at `at` (aware): one of an event, a change of consents, a change of attributes."""

    at: datetime
    event: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    consents: Changes = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShopRules:
    """Rules for the occasion, in place of the shop's; what is None is as the shop has it."""

    time_zone: str | None = None
    quiet: ShopPolicy | None = None
    caps: ShopPolicy | None = None


@dataclass(frozen=True, slots=True)
class Script:
    """
    A simulation to be played.

    Attributes:
        definition: the flow's JSON, known to have no faults.
        flow: the flow it belongs to, so that what the customer did there counts; None for one that is only drafted.
        who: somebody real, or made up.
        trigger: what happens at `start`; None enters as if by hand.
        events: in any order; those before `start` are what happened before.
        until: the last instant to look at.
    """

    definition: Mapping[str, Any]
    who: Profile | Customer
    start: datetime
    until: datetime
    flow: Flow | None = None
    trigger: Happening | None = None
    events: Sequence[Happening] = ()
    rules: ShopRules = field(default_factory=ShopRules)
