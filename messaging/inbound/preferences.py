"""What people choose through the links in our messages."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from crm.events import log
from crm.models import Channel, Consent, ConsentEvent, Customer, State, Topic
from crm.services import consents
from messaging.models import Message
from messaging.outbox import announce
from messaging.outbox.addresses import address_of

UNSUBSCRIBED = "Message Unsubscribed"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a click came from, kept as evidence."""

    ip: str | None = None
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One line of the preference centre: does this person get `topic` on `channel`?"""

    channel: Channel
    topic: Topic
    chosen: bool

    @property
    def name(self) -> str:
        """The form field: "sms.promotions"."""
        return f"{self.channel}.{self.topic.slug}"


@transaction.atomic
def unsubscribe(message: Message, *, now: datetime, visitor: Visitor) -> None:
    """Opt the recipient out of the message's topic on its channel. Doing it again changes nothing."""
    if not Consent.objects.filter(
        customer=message.customer_id, channel=message.channel, topic=message.topic_id, state=State.OUT
    ).exists():
        consents.record_consents(
            message.customer, {message.channel: {message.topic.slug: State.OUT}}, via=ConsentEvent.Via.LINK, now=now,
            detail=f"message {message.public_id}", ip=visitor.ip, user_agent=visitor.user_agent,
        )  # fmt: skip
    log.record_many([announce.fact(UNSUBSCRIBED, message, now)], now=now)


def choices(customer: Customer) -> list[Choice]:
    """What may be chosen: every topic on every channel that reaches the customer, marketing first."""
    states = {
        (channel, topic): state for channel, topic, state in customer.consents.values_list("channel", "topic", "state")
    }
    topics = sorted(Topic.objects.all(), key=lambda topic: (not topic.is_marketing, topic.slug))
    return [
        Choice(channel, topic, _gets(states.get((channel, topic.pk)), topic))
        for channel in Channel
        if address_of(customer, channel)
        for topic in topics
    ]


@transaction.atomic
def choose(customer: Customer, wanted: Collection[str], *, wording: str, now: datetime, visitor: Visitor) -> int:
    """
    Set every choice to whether its name is in `wanted`; return how many changed.

    Args:
        wording: what the page said, as evidence.
    """
    changes: dict[str, dict[str, str]] = {}
    for choice in choices(customer):
        if choice.chosen != (choice.name in wanted):
            state = State.OUT if choice.chosen else State.IN
            changes.setdefault(choice.channel, {})[choice.topic.slug] = state
    if changes:
        consents.record_consents(
            customer, changes, via=ConsentEvent.Via.LINK, wording=wording, now=now, ip=visitor.ip,
            user_agent=visitor.user_agent,
        )  # fmt: skip
    return sum(len(topics) for topics in changes.values())


def _gets(state: str | None, topic: Topic) -> bool:
    """Marketing is opted into; the rest is only opted out of."""
    return state == State.IN if topic.is_marketing else state != State.OUT
