"""What the cards beside a customer's timeline show: what is open, owed and agreed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm.models import Channel, Consent, Customer, Purchase, State, Task, Ticket, Topic, User
from crm.selectors.topics import topics_for
from crm.selectors.values import worth_of

MOST = 5
UNDER_WAY = (Purchase.Status.PLACED, Purchase.Status.PAID, Purchase.Status.SHIPPED)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Whether we may write about a topic through a channel. `state` is "in", "out" or "" for never asked."""

    allowed: bool
    state: str
    since: datetime | None


@dataclass(frozen=True, slots=True)
class TopicRow:
    topic: Topic
    cells: list[Agreement]


@dataclass(frozen=True, slots=True)
class Agreements:
    """A row for each topic, a column for each channel by which the customer can be reached."""

    channels: list[Channel]
    rows: list[TopicRow]


def record_cards(customer: Customer, user: User, now: datetime) -> dict[str, Any]:
    """Context of the side cards: a fixed number of queries."""
    purchases = list(customer.purchases.order_by("-placed_at", "-pk")[:MOST])
    return {
        "worth": worth_of([customer.pk])[customer.pk],
        "purchases": purchases,
        "under_way": [
            {"purchase": purchase, "days_late": purchase.days_late(now), "late": purchase.is_late(now)}
            for purchase in purchases
            if purchase.status in UNDER_WAY
        ],
        "open_tickets": list(Ticket.objects.unsolved().filter(customer=customer).order_by("-last_message_at")[:MOST]),
        "open_tasks": list(
            Task.objects.open().filter(customer=customer).select_related("assignee").order_by("due_at", "pk")[:MOST]
        ),
        "agreements": agreements(customer, topics_for(user)),
    }


def agreements(customer: Customer, topics: Sequence[Topic]) -> Agreements:
    """What the customer agreed to. Service messages go until somebody says no; marketing waits for a yes."""
    known = {(row.channel, row.topic_id): row for row in Consent.objects.filter(customer=customer)}
    addresses = {Channel.SMS: customer.phone, Channel.EMAIL: customer.email, Channel.LINE: customer.line_id}
    channels = [channel for channel, address in addresses.items() if address]
    rows = [
        TopicRow(topic, [_agreement(topic, known.get((channel, topic.pk))) for channel in channels]) for topic in topics
    ]
    return Agreements(channels, rows)


def _agreement(topic: Topic, row: Consent | None) -> Agreement:
    if row is None:
        return Agreement(allowed=not topic.is_marketing, state="", since=None)
    return Agreement(allowed=row.state == State.IN, state=row.state, since=row.since)
