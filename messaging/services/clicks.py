"""People, and machines, who follow our short links."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network

from django.db import transaction

from crm.events import log
from messaging.models import Click, Message, ShortLink
from messaging.outbox import announce

_NETWORK = {4: 24, 6: 48}  # bits that stay of an address


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks for a link. `bot_because` says by what a machine gave itself away, "" for a person."""

    ip: str = ""
    user_agent: str = ""
    bot_because: str = ""


@transaction.atomic
def note_click(link: ShortLink, caller: Caller, *, now: datetime) -> None:
    """
    Keep that `link`, whose message is loaded with topic and template, was called.

    A person's first click on a message is remembered on it and told on the customer's log; a machine's, or one on the
    way to opting out, says nothing about what they like.
    """
    Click.objects.create(
        link=link, at=now, ip=network_of(caller.ip), user_agent=_printable(caller.user_agent)[:200],
        bot_because=caller.bot_because[:40],
    )  # fmt: skip
    if caller.bot_because or link.is_way_out:
        return
    message = link.message
    if Message.objects.filter(pk=message.pk, clicked_at=None).update(clicked_at=now):
        log.record_many([announce.clicked(message, now, url=link.url)], now=now)


def network_of(ip: str) -> str | None:
    """The network that an address is in, which names nobody: "203.0.113.7" → "203.0.113.0"."""
    try:
        address = ip_address(ip)
    except ValueError:
        return None
    if address.version == 6 and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(ip_network(f"{address}/{_NETWORK[address.version]}", strict=False).network_address)


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())
