"""What the tests of sending share: a day and a night, messages of theirs, one tick, the facts told."""

from datetime import UTC, datetime, timedelta
from typing import Any

from crm.models import Customer, Event
from messaging.models import Message
from messaging.outbox.sender import send_due
from tests.factories.messaging import MessageFactory, topic

DAY = datetime(2026, 3, 4, 5, tzinfo=UTC)  # a Wednesday, noon in Bangkok
NIGHT = datetime(2026, 3, 4, 16, tzinfo=UTC)  # 23:00 in Bangkok


def message(**values: Any) -> Message:
    return MessageFactory(**{"queued_at": DAY - timedelta(minutes=1), **values})


def promotion(customer: Customer, **values: Any) -> Message:
    return message(**{"customer": customer, "topic": topic("promotions"), **values})


def send(now: datetime = DAY) -> dict[str, int]:
    return dict(send_due(now=now, limit=1000))


def facts(customer: Customer) -> list[str]:
    events = Event.objects.filter(customer=customer, name__startswith="Message").order_by("pk")
    return list(events.values_list("name", flat=True))
