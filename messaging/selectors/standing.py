"""Where a customer stands with us: what went out lately, and which of their addresses asked us to stop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from crm.models import Channel, Customer
from messaging.models import ChannelSettings, Message, Suppression
from messaging.models.suppression import hash_address

LATEST = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One address of a customer. `suppressions` are those that stand against it."""

    channel: Channel
    address: str
    suppressions: list[Suppression]


def lines_of(customer: Customer) -> list[Line]:
    """The customer's addresses; one query."""
    addresses = {Channel.SMS: str(customer.phone or ""), Channel.EMAIL: customer.email, Channel.LINE: customer.line_id}
    hashes = {hash_address(channel, address): (channel, address) for channel, address in addresses.items() if address}
    standing: dict[str, list[Suppression]] = {}
    for row in Suppression.objects.standing().filter(address_hash__in=hashes.keys()).order_by("since"):
        standing.setdefault(row.address_hash, []).append(row)
    return [Line(channel, address, standing.get(found, [])) for found, (channel, address) in hashes.items()]


def latest_messages(customer: Customer) -> list[Message]:
    """The last few messages, newest first."""
    return list(Message.objects.filter(customer=customer).select_related("template", "topic").order_by("-id")[:LATEST])


def waiting_messages(customer: Customer, now: datetime) -> list[Message]:
    """What is still to go out to this customer, soonest first."""
    waiting = Message.objects.filter(customer=customer, state=Message.State.QUEUED, due_at__gt=now)
    return list(waiting.select_related("template", "topic").order_by("due_at")[:LATEST])


def channels_in_use() -> set[str]:
    """The channels that are set up."""
    return set(ChannelSettings.objects.values_list("channel", flat=True))
