"""Facts as tests tell them: recorded on the log as a storefront's would be."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from crm.events import log
from crm.events.types import EventDraft
from crm.models import Customer, Event
from journeys.models import Enrolment, Position, StageMove
from tests.factories.crm import NOON

DAY = timedelta(days=1)
_numbers = count(1)


def day(number: float) -> datetime:
    return NOON + number * DAY


def told(customer: Customer, name: str, at: datetime = NOON, **properties: Any) -> EventDraft:
    return EventDraft(name, customer.pk, at, f"told:{next(_numbers)}", source="web", properties=properties)


def happens(
    customer: Customer, name: str, at: datetime = NOON, *, known: datetime | None = None, **props: Any
) -> Event:
    """Record one fact at the time it occurred, or later when `known` says so."""
    return log.record_many([told(customer, name, at, **props)], now=known or at)[0]


def stands(customer: Customer, journey: str = "five-stage") -> tuple[str, datetime] | None:
    """(stage, since) of the customer, None while there is no evidence."""
    found = Position.objects.filter(customer=customer, journey__slug=journey, stage__isnull=False)
    return found.values_list("stage__slug", "since").first()


def moves(customer: Customer, journey: str = "five-stage") -> list[str]:
    """The stages the customer was moved to, in the order it happened."""
    found = StageMove.objects.filter(customer=customer, journey__slug=journey, would_have=False)
    return list(found.order_by("effective_at", "pk").values_list("to_stage__slug", flat=True))


def run_of(customer: Customer) -> Enrolment:
    """The customer's one enrolment."""
    return Enrolment.objects.get(customer=customer)
