"""Replies on tickets go out as messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from crm.models import Channel, Event, TicketMessage
from messaging.models import Message
from messaging.outbox.queue import MessageRequest, queue_messages

TICKET_REPLIED = "Ticket Replied"
SERVICE = "after_sales"
# A reply told of later than this (an import, say) has reached its reader in some other way.
FRESH = timedelta(days=1)


def send_replies(events: Sequence[Event], *, now: datetime) -> list[Message]:
    """What staff replied on tickets goes to the customer on the ticket's channel; two queries and the queue's own."""
    replied = {
        event.dedupe_key.removeprefix("ticket-message:"): event
        for event in events
        if event.name == TICKET_REPLIED
        and event.properties.get("channel") in Channel.values
        and now - event.occurred_at <= FRESH
    }
    if not replied:
        return []
    turns = TicketMessage.objects.filter(public_id__in=replied, author=TicketMessage.Author.STAFF)
    return queue_messages([_reply(turn) for turn in turns.select_related("ticket").order_by("pk")], now=now)


def _reply(turn: TicketMessage) -> MessageRequest:
    ticket = turn.ticket
    return MessageRequest(
        customer_id=ticket.customer_id, channel=turn.channel, topic=SERVICE, body=turn.body, is_literal=True,
        subject=f"Re: {ticket.subject} [{ticket.number}]", dedupe_key=f"ticket-message:{turn.public_id}",
        cause={"kind": "ticket", "ticket": ticket.pk, "number": ticket.number},
    )  # fmt: skip
