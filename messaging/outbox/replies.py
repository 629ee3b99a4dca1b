"""Replies on tickets go out as messages."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef

from crm.models import Channel, Event, Identity, Ticket, TicketMessage
from messaging.models import InboundMessage, Message
from messaging.outbox import enclosing
from messaging.outbox.queue import MessageRequest, queue_messages

TICKET_REPLIED = "Ticket Replied"
SERVICE = "after_sales"
# A reply told of later than this (an import, say) has reached its reader in some other way.
FRESH = timedelta(days=1)
# What mail programs put before the subject of an answer; "ตอบ:" is Outlook's in Thai.
_RE = re.compile(r"^(?:\s*(?:re|aw|sv|ตอบ|ตอบกลับ)\s*(?:\[\d+\])?:)+\s*", re.IGNORECASE)


def send_replies(events: Sequence[Event], *, now: datetime) -> list[Message]:
    """What staff replied on tickets goes to the customer on the turn's channel; four queries and the queue's own."""
    replied = {
        event.dedupe_key.removeprefix("ticket-message:"): event
        for event in events
        if event.name == TICKET_REPLIED
        and event.properties.get("channel") in Channel.values
        and now - event.occurred_at <= FRESH
    }
    if not replied:
        return []
    found = TicketMessage.objects.filter(public_id__in=replied, author=TicketMessage.Author.STAFF)
    turns = list(found.select_related("ticket").prefetch_related("attachments").order_by("pk"))
    addresses = _addresses({turn.ticket_id for turn in turns})
    return queue_messages([_reply(turn, addresses) for turn in turns], now=now)


def _addresses(tickets: Collection[int]) -> dict[tuple[int, str], str]:
    """Where each ticket's customer last wrote from, by ticket and channel: people have more than one address."""
    theirs = Identity.objects.filter(customer=OuterRef("ticket__customer"), value=OuterRef("from_address"))
    rows = InboundMessage.objects.filter(Exists(theirs), ticket__in=tickets).order_by("pk")
    return {(ticket, channel): address for ticket, channel, address in rows.values_list(
        "ticket_id", "channel", "from_address"
    ) if ticket is not None}  # fmt: skip


def _reply(turn: TicketMessage, addresses: Mapping[tuple[int, str], str]) -> MessageRequest:
    ticket, files = turn.ticket, enclosing.files_of(turn)
    return MessageRequest(
        customer_id=ticket.customer_id, channel=turn.channel, topic=SERVICE, is_literal=True,
        body=enclosing.with_addresses(turn.channel, turn.body, files),
        subject=_subject(ticket), address=addresses.get((ticket.pk, turn.channel), ""),
        dedupe_key=key_of(turn.public_id),
        cause={"kind": "ticket", "ticket": ticket.pk, "number": ticket.number, **enclosing.cause_of(turn, files)},
    )  # fmt: skip


def key_of(turn: UUID) -> str:
    """The dedupe key of the message that carries a turn of a ticket."""
    return f"ticket-message:{turn}"


def _subject(ticket: Ticket) -> str:
    """As the customer wrote it, with one "Re:" and the number to speak of it on the phone."""
    return f"Re: {_RE.sub('', ticket.subject)} [{ticket.number}]"
