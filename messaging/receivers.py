"""What messaging does when customers are merged."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from crm.events.signals import customers_merged
from crm.models import Customer
from messaging import events, health  # noqa: F401 - importing them is what registers them
from messaging.models import InboundMessage, Message


@receiver(customers_merged, dispatch_uid="messaging.move_messages")
def move_messages(survivor: Customer, loser: Customer, now: datetime, **kwargs: Any) -> None:
    """Messages move with the survivor. Suppression stays with the address, so it needs no moving."""
    Message.objects.filter(customer=loser).update(customer=survivor)
    InboundMessage.objects.filter(customer=loser).update(customer=survivor)
