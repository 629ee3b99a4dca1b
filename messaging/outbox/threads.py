"""What ties an answer to what it answers: an email's headers, LINE's reply token."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max

from crm.models import Channel
from messaging.channels.answers import REPLY_DOMAIN
from messaging.models import ChannelSettings, InboundMessage, Message
from messaging.rendering.reply_addresses import reply_address

# RFC 5322 sets no limit; mail servers do, of the whole header.
MOST_REFERENCES = 20
# LINE keeps a token for about a minute; the call takes its time, too.
TOKEN_LIVES = timedelta(seconds=50)


@dataclass(frozen=True, slots=True)
class Thread:
    """As a Parcel takes them; empty for what starts a conversation."""

    reply_to: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    reply_token: str = ""


ALONE = Thread()


def threads_of(messages: Collection[Message], channel: ChannelSettings, *, now: datetime) -> dict[int, Thread]:
    """
    The thread of each message that is an answer, by primary key; at most three queries, none for what is no answer.

    A reply token is good once: it is taken here, before the call, and whoever comes second pushes.
    """
    if channel.channel == Channel.EMAIL:
        answers = {message.pk: message.cause["ticket"] for message in messages if "ticket" in message.cause}
        return _letters(answers, channel)
    if channel.channel == Channel.LINE:
        return _with_tokens(messages, now)
    return {}


def _letters(tickets: Mapping[int, int], channel: ChannelSettings) -> dict[int, Thread]:
    if not tickets:
        return {}
    domain = channel.config.get(REPLY_DOMAIN, "")
    newest = (
        InboundMessage.objects.filter(ticket__in=set(tickets.values()), channel=Channel.EMAIL)
        .exclude(message_id="")
        .values("ticket")
        .annotate(newest=Max("pk"))
    )
    letters = {row.ticket_id: row for row in InboundMessage.objects.filter(pk__in=newest.values("newest"))}
    return {pk: _thread(ticket, letters.get(ticket), domain) for pk, ticket in tickets.items()}


def _thread(ticket: int, letter: InboundMessage | None, domain: str) -> Thread:
    reply_to = reply_address(ticket, domain) if domain else ""
    if letter is None:
        return Thread(reply_to)
    references = [name for name in letter.references if name != letter.message_id][-MOST_REFERENCES + 1 :]
    return Thread(reply_to, letter.message_id, (*references, letter.message_id))


@transaction.atomic
def _with_tokens(messages: Collection[Message], now: datetime) -> dict[int, Thread]:
    """Each token to the first message that answers what brought it."""
    by_ticket: dict[int, int] = {}
    by_word: dict[int, int] = {}
    for message in messages:
        cause: Mapping[str, Any] = message.cause
        if "ticket" in cause:
            by_ticket.setdefault(cause["ticket"], message.pk)
        elif "inbound" in cause:
            by_word.setdefault(cause["inbound"], message.pk)
    if not by_ticket and not by_word:
        return {}
    fresh = InboundMessage.objects.filter(channel=Channel.LINE, received_at__gt=now - TOKEN_LIVES)
    fresh = fresh.exclude(reply_token="").order_by("pk")
    found: dict[int, Thread] = {}
    rows = list(fresh.filter(ticket__in=by_ticket).select_for_update(no_key=True, of=("self",)))
    rows += fresh.filter(pk__in=by_word).select_for_update(no_key=True, of=("self",))
    for row in rows:
        pk = by_word.get(row.pk) or by_ticket.get(row.ticket_id or 0)
        if pk is not None:
            found[pk] = Thread(reply_token=row.reply_token)  # the newest of a ticket's comes last
    used = {thread.reply_token for thread in found.values()}
    InboundMessage.objects.filter(pk__in=[row.pk for row in rows if row.reply_token in used]).update(reply_token="")
    return found
