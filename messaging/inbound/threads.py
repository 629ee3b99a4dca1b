"""Which conversation does a letter belong to?"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence

from crm.models import Ticket
from messaging.models import InboundMessage, Message
from messaging.rendering.reply_addresses import read_ticket

MOST_REFERENCES = 50  # a thread's newest; the rest is somebody's chain letter
_OURS = re.compile(r"^<([0-9a-f]{32})@")


def ticket_written_to(to: str) -> Ticket | None:
    """The ticket whose signed reply address this is."""
    pk = read_ticket(to)
    return Ticket.objects.select_related("customer").filter(pk=pk).first() if pk is not None else None


def ticket_answered(references: Sequence[str], customer_id: int) -> Ticket | None:
    """
    The customer's ticket that a letter with these References is about, the newest that we know of them.

    They name what we sent, by our own Message-ID or by the one the provider gave it, or what came in before. Anybody
    who was forwarded a letter knows its id, so a ticket of somebody else's is not found.
    """
    ids = list(dict.fromkeys(reversed(references)))[:MOST_REFERENCES]
    if not ids:
        return None
    by_id = {**_sent(ids), **_received(ids)}
    numbers = [by_id[name] for name in ids if name in by_id]
    found = Ticket.objects.select_related("customer").filter(customer=customer_id).in_bulk(numbers)
    return next((found[number] for number in numbers if number in found), None)


def _sent(ids: Sequence[str]) -> dict[str, int]:
    """Ticket by Message-ID, of our own answers."""
    keys = {uuid.UUID(hex=match[1]): name for name in ids if (match := _OURS.match(name))}
    names = {plain: name for name in ids for plain in (name, name.strip("<>"))}
    ours = Message.objects.filter(public_id__in=keys).values_list("public_id", "cause")
    theirs = Message.objects.filter(provider_reference__in=names).values_list("provider_reference", "cause")
    return {
        **_about_tickets((names[reference], cause) for reference, cause in theirs),
        **_about_tickets((keys[public_id], cause) for public_id, cause in ours),
    }


def _received(ids: Sequence[str]) -> dict[str, int]:
    rows = InboundMessage.objects.filter(message_id__in=ids).exclude(ticket=None).order_by("pk")
    return {name: ticket for name, ticket in rows.values_list("message_id", "ticket_id") if ticket is not None}


def _about_tickets(causes: Iterable[tuple[str, dict[str, object]]]) -> dict[str, int]:
    return {name: pk for name, cause in causes if isinstance(pk := cause.get("ticket"), int)}
