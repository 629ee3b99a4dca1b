"""What messaging does when something happens in crm."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.dispatch import receiver

from crm.events.signals import customers_merged, events_recorded
from crm.models import Customer, Event
from messaging import (
    conditions,  # noqa: F401 - importing it registers our leaf of the rule grammar
    health,  # noqa: F401 - and our checks
    metrics,  # noqa: F401 - and our figures
)
from messaging import events as vocabulary  # noqa: F401 - and our facts
from messaging.broadcasts.merging import merge_recipients
from messaging.models import InboundMessage, Message
from messaging.outbox import replies
from messaging.rendering import shortening  # noqa: F401 - what is remembered is stamped, if it is known when migrating
from messaging.selectors import prices  # noqa: F401 - likewise


@receiver(events_recorded, dispatch_uid="messaging.send_replies", only=lambda: {replies.TICKET_REPLIED})  # type: ignore[arg-type] # connects like a Signal
def send_replies(events: Sequence[Event], now: datetime, **kwargs: Any) -> None:
    """A reply on a ticket goes to the customer, whatever wrote it: page, API, admin or shell."""
    replies.send_replies(events, now=now)


@receiver(customers_merged, dispatch_uid="messaging.move_messages")
def move_messages(survivor: Customer, loser: Customer, now: datetime, **kwargs: Any) -> None:
    """Messages move with the survivor. Suppression stays with the address, so it needs no moving."""
    Message.objects.filter(customer=loser).update(customer=survivor)
    InboundMessage.objects.filter(customer=loser).update(customer=survivor)


@receiver(customers_merged, dispatch_uid="messaging.merge_recipients")
def merge_on_lists(survivor: Customer, loser: Customer, now: datetime, **kwargs: Any) -> None:
    """Who was on a broadcast's list twice gets one message."""
    merge_recipients(survivor=survivor, loser=loser)
