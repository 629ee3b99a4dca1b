"""Where a customer stands with us: what went out lately, and which of their addresses asked us to stop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from crm.models import Channel, Customer, Identity
from messaging.channels.reasons import Reason
from messaging.models import ChannelSettings, Message, Suppression
from messaging.models.suppression import hash_address

LATEST = 5
_KINDS = {Identity.Kind.PHONE: Channel.SMS, Identity.Kind.EMAIL: Channel.EMAIL, Identity.Kind.LINE: Channel.LINE}


@dataclass(frozen=True, slots=True)
class Line:
    """One address of a customer. `suppressions` are those that stand against it."""

    channel: Channel
    address: str
    suppressions: list[Suppression]


def lines_of(customer: Customer) -> list[Line]:
    """The addresses on the customer's record; one query."""
    return _lines(_on_record(customer))


def all_lines_of(customer: Customer) -> list[Line]:
    """Those, and every other address that the customer is known by; two queries."""
    known = Identity.objects.filter(customer=customer, kind__in=_KINDS).order_by("kind", "value")
    others = [(_KINDS[Identity.Kind(kind)], value) for kind, value in known.values_list("kind", "value")]
    return _lines(dict.fromkeys([*_on_record(customer), *others]))


def _on_record(customer: Customer) -> Iterator[tuple[Channel, str]]:
    addresses = {Channel.SMS: str(customer.phone or ""), Channel.EMAIL: customer.email, Channel.LINE: customer.line_id}
    return ((channel, address) for channel, address in addresses.items() if address)


def _lines(addresses: Iterable[tuple[Channel, str]]) -> list[Line]:
    hashes = {hash_address(channel, address): (channel, address) for channel, address in addresses}
    standing: dict[str, list[Suppression]] = {}
    for row in Suppression.objects.standing().filter(address_hash__in=hashes.keys()).order_by("since"):
        standing.setdefault(row.address_hash, []).append(row)
    return [Line(channel, address, standing.get(found, [])) for found, (channel, address) in hashes.items()]


def latest_messages(customer: Customer) -> list[Message]:
    """The last few messages, newest first."""
    return list(customer.messages.select_related("template", "topic").order_by("-id")[:LATEST])


def waiting_messages(customer: Customer, now: datetime) -> list[Message]:
    """What is still to go out to this customer, soonest first."""
    waiting = customer.messages.filter(state=Message.State.QUEUED, due_at__gt=now)
    waiting = waiting.exclude(reason=Reason.PAUSED)  # nobody knows when
    return list(waiting.select_related("template", "topic").order_by("due_at")[:LATEST])


def channels_in_use() -> set[str]:
    """The channels that are set up."""
    return set(ChannelSettings.objects.values_list("channel", flat=True))
