"""What happens to a message, as facts on the customer's log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from crm.events.types import EventDraft
from messaging.models import Message

SENT = "Message Sent"
DELIVERED = "Message Delivered"
WITHHELD = "Message Withheld"
FAILED = "Message Failed"
CLICKED = "Message Clicked"
OPENED = "Message Opened"
TEXT_SHOWN = 300  # characters of the text that the timeline shows


def fact(name: str, message: Message, at: datetime, **more: Any) -> EventDraft:
    """
    The fact `name` about `message`, whose topic and template are loaded.

    Its properties name the channel, topic, template and what caused the message, so that flows and reports can count
    by them. Each fact about a message is told once.
    """
    return EventDraft(
        name=name,
        customer_id=message.customer_id,
        occurred_at=at,
        dedupe_key=f"message:{message.public_id}:{name}",
        properties={
            "message": str(message.public_id),
            "channel": message.channel,
            "topic": message.topic.slug,
            "template": message.template.slug if message.template else "",
            "cause": message.cause,
            **more,
        },
        object_type="message",
        object_id=message.pk,
    )


def sent(message: Message, at: datetime) -> EventDraft:
    return fact(SENT, message, at, subject=message.subject, text=message.body[:TEXT_SHOWN])


def delivered(message: Message, at: datetime) -> EventDraft:
    return fact(DELIVERED, message, at)


def withheld(message: Message, at: datetime) -> EventDraft:
    return fact(WITHHELD, message, at, reason=message.reason)


def failed(message: Message, at: datetime) -> EventDraft:
    return fact(FAILED, message, at, reason=message.reason, detail=message.detail)


def clicked(message: Message, at: datetime, *, url: str) -> EventDraft:
    return fact(CLICKED, message, at, url=url)


def opened(message: Message, at: datetime) -> EventDraft:
    """Weak evidence, and marked so: mail programs fetch pictures that nobody looks at, and leave out those that are."""
    return fact(OPENED, message, at, evidence="weak")
