"""What journeys do when facts are recorded and when customers are merged."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.dispatch import receiver

from crm.events.signals import customers_merged, events_recorded
from crm.models import Customer, Event
from journeys import conditions, health, metrics  # noqa: F401 - importing them is what registers them
from journeys import events as _vocabulary  # noqa: F401 - likewise
from journeys.flows import enrolment, listening
from journeys.flows import merging as enrolments
from journeys.stages import health as stage_health
from journeys.stages import machine
from journeys.stages import merging as positions


@receiver(events_recorded, dispatch_uid="journeys.advance")  # type: ignore[arg-type]  # it connects like a Signal
def advance(events: Sequence[Event], now: datetime, **kwargs: Any) -> None:
    """
    Move stages, apply exits and goals, wake waits and enrol: in this transaction, for all customers at once.

    Exits come before entries, so that the event that ends one run may begin the next. A stage entered is a fact of its
    own and comes back here.
    """
    machine.advance(events, now=now)
    stage_health.revive(events, now=now)
    listening.hear(events, now=now)
    enrolment.enter_on(events, now=now)


@receiver(customers_merged, dispatch_uid="journeys.merge")
def merge(survivor: Customer, loser: Customer, now: datetime, **kwargs: Any) -> None:
    """Stages are judged anew on all facts of both; runs move with the survivor."""
    positions.merge_positions(survivor=survivor, loser=loser, now=now)
    enrolments.merge_runs(survivor=survivor, loser=loser, now=now)
