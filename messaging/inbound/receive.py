"""Somebody wrote to us: heed a STOP, else file it where staff answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from crm.lib import bulk
from crm.lib.uploads import MOST, Upload
from crm.models import Channel, Customer, Ticket, User
from crm.services import identities, tickets
from crm.services.identities import Identities
from messaging.channels.calls import InboundIn, Kind
from messaging.inbound import fetching, keywords, markup, obeying, ours, quoting, taking_back, threads
from messaging.inbound.keywords import Reading, Words
from messaging.models import InboundMessage, MessagingSettings, Suppression
from messaging.models.suppression import hash_address

LONGEST = 20_000  # characters kept of a text
LONGEST_LETTER = 200_000  # and of a letter with all that it quotes
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,253}>")  # RFC 5322 §3.6.4, as lenient as safe


class AlreadyReviewed(ValueError):
    """Somebody has decided on this text before."""


@transaction.atomic
def receive(inbound: InboundIn, *, channel: str, now: datetime) -> InboundMessage:
    """
    Take in what somebody did on a channel; the same (provider, provider_id) again is the same message, always.

    STOP, START and HELP are obeyed, each with one answer. Anything else continues the ticket it belongs to, or opens
    one. A sender we do not know becomes a customer whose first source is the channel. An automatic letter, and one from
    an address of our own, is kept, opens nothing and gets no answer, so that two machines never write to each other.
    """
    row = _row(inbound, channel, now)
    who = _identities(channel, row.from_address)
    if who:
        row.from_address = who.phone or who.email or who.line_id
    if inbound.is_automatic or ours.is_ours(channel, row.from_address):
        row.reading = Reading.AUTOMATIC
    if not bulk.insert_new(InboundMessage, [row], unique=("provider", "provider_id")):
        return InboundMessage.objects.get(provider=row.provider, provider_id=row.provider_id)
    if who is None:
        return row  # nobody to file it under: it stays in the list of inbound messages
    if row.reading == Reading.AUTOMATIC:
        row.customer = _known(who)  # kept, and that is all
    else:
        _heed(row, inbound, who, now)
    row.save()
    return row


def _heed(row: InboundMessage, inbound: InboundIn, who: Identities, now: datetime) -> None:
    """Do what is to be done about what a person did."""
    if inbound.kind == Kind.LEFT:
        row.reading, row.customer = Reading.LEFT, _known(who)
        obeying.let_go(row, row.customer, now=now)
    elif inbound.kind == Kind.FOLLOWED:
        row.reading, row.customer = Reading.FOLLOWED, _known_from_now_on(who, row, now)
        obeying.welcome(row, row.customer, now=now)
    elif inbound.kind == Kind.UNSENT:
        row.reading, row.customer = Reading.UNSENT, taking_back.hold(_known(who))
        taking_back.take_back(row)
    elif row.channel == Channel.LINE and _was_taken_back(row, who):
        taking_back.forget(row)
    else:
        _hear_out(row, inbound, who, now)


def _was_taken_back(row: InboundMessage, who: Identities) -> bool:
    row.customer = taking_back.hold(_known(who))
    return taking_back.is_taken_back(row)


def receive_text(
    *, channel: str, from_address: str, body: str, provider: str, provider_id: str, now: datetime
) -> InboundMessage:
    """A text and nothing else; see `receive`."""
    text = InboundIn(provider=provider, provider_id=provider_id, from_address=from_address, at=now, body=body)
    return receive(text, channel=channel, now=now)


@transaction.atomic
def review(row: InboundMessage, *, means_stop: bool, actor: User, now: datetime) -> None:
    """
    A person has read a text that may mean "stop", or that could be filed under nobody.

    Raises:
        AlreadyReviewed
    """
    claimed = InboundMessage.objects.wanting_a_look().filter(pk=row.pk).update(reviewed_at=now, reviewed_by=actor)
    if not claimed:
        raise AlreadyReviewed("this text has been decided on")
    row.refresh_from_db()
    if means_stop and row.customer:
        obeying.stop(row, row.customer, now)


def _row(inbound: InboundIn, channel: str, now: datetime) -> InboundMessage:
    """What came, cleaned, as it is kept."""
    body = inbound.body if inbound.body.strip() else markup.to_text(inbound.html)
    longest = LONGEST_LETTER if channel == Channel.EMAIL else LONGEST
    return InboundMessage(
        channel=channel,
        provider=inbound.provider,
        provider_id=inbound.provider_id[:200],
        from_address=_line(inbound.from_address, 254),
        from_name=_line(inbound.from_name, 200),
        to_address=_line(inbound.to, 254),
        subject=_line(inbound.subject, 998),
        body=_clean(body).strip()[:longest],
        message_id=_message_id(inbound, channel),
        references=_ids(inbound.references)[-threads.MOST_REFERENCES :],
        reply_token=inbound.reply_token[:200],
        reading=Reading.MESSAGE,
        received_at=now,
    )


def _hear_out(row: InboundMessage, inbound: InboundIn, who: Identities, now: datetime) -> None:
    """Somebody wrote: a keyword, or something for a person to read."""
    words = quoting.fold(row.body) if row.channel == Channel.EMAIL else quoting.Words(row.body)
    row.reading = Reading.MESSAGE if inbound.posted_by else _read(row, words.new)
    to_ticket = threads.ticket_written_to(row.to_address) if row.channel == Channel.EMAIL else None
    if row.reading in (Reading.STOP, Reading.START, Reading.HELP):
        row.customer = _known_from_now_on(who, row, now)
        obeying.obey(row, row.customer, now=now)
    elif to_ticket and _known(who) != to_ticket.customer:
        # They have a letter of the customer's: what they say belongs there, and says nothing about who they are.
        row.customer = to_ticket.customer
        _file(row, to_ticket.customer, words, inbound, now, ticket=to_ticket, sender=row.from_address)
    else:
        row.customer = _known_from_now_on(who, row, now)
        ticket = to_ticket or threads.ticket_answered(row.references, row.customer.pk)
        _file(row, row.customer, words, inbound, now, ticket=ticket)


def _file(
    row: InboundMessage,
    customer: Customer,
    words: quoting.Words,
    inbound: InboundIn,
    now: datetime,
    *,
    ticket: Ticket | None,
    sender: str = "",
) -> None:
    if not (row.body or row.subject or inbound.files or inbound.files_there):
        return
    there = inbound.files_there[:MOST]
    turn = tickets.receive_message(
        customer=customer,
        channel=row.channel,
        body=words.new or row.subject,
        quoted=words.quoted,
        subject=row.subject,
        source=row.channel,
        ticket=ticket,
        sender=sender,
        files=[Upload(file.name, file.content) for file in inbound.files],
        awaited=[file.name for file in there],
        now=now,
    )
    row.ticket, row.turn = turn.ticket, turn
    row.body = row.body or " ".join(f"[{file.name}]" for file in turn.attachments.all())
    fetching.remember(turn, there, channel=row.channel, provider=row.provider, now=now)


def _identities(channel: str, address: str) -> Identities | None:
    """The sender's address in its one form; None when it cannot be answered ("AIS-Info"), or there is none."""
    try:
        return identities.clean(
            phone=address if channel == Channel.SMS else "",
            email=address if channel == Channel.EMAIL else "",
            line_id=address if channel == Channel.LINE else "",
        )
    except identities.InvalidIdentity:
        return None


def _known(who: Identities) -> Customer | None:
    (pk,) = identities.find_many([who])
    return Customer.objects.get(pk=pk) if pk else None


def _known_from_now_on(who: Identities, row: InboundMessage, now: datetime) -> Customer:
    """The customer behind the address; made when nobody is, by the name that the channel gave. Locked."""
    (found,) = identities.resolve_many([who], now=now, source=row.channel, names=[row.from_name])
    return Customer.objects.select_for_update(no_key=True).get(pk=found.customer_id)


def _read(row: InboundMessage, text: str) -> Reading:
    settings = MessagingSettings.current()
    words = Words.of(
        stop=settings.stop_words,
        stop_phrases=settings.stop_phrases,
        start=settings.start_words,
        help_=settings.help_words,
    )
    if row.channel == Channel.EMAIL:
        reading = keywords.read_letter(row.subject, text, words)
    else:
        reading = keywords.read(text, words)
    if reading == Reading.START and not _has_stopped(row):
        return Reading.MESSAGE  # "yes" is an answer to something else
    return reading


def _has_stopped(row: InboundMessage) -> bool:
    hashes = [hash_address(row.channel, row.from_address)]
    return Suppression.objects.of(row.channel, hashes).filter(cause=Suppression.Cause.STOP).exists()


def _message_id(inbound: InboundIn, channel: str) -> str:
    if channel == Channel.EMAIL:
        return next(iter(_ids([inbound.message_id])), "")
    return _line(inbound.message_id, 255)


def _ids(names: Sequence[str]) -> list[str]:
    """Message-IDs as they may go into a header of ours."""
    return [found for name in names for found in _MESSAGE_ID.findall(_clean(name))]


def _line(text: str, longest: int) -> str:
    """On one line, since these go into headers and lists."""
    return " ".join(_clean(text).split())[:longest]


def _clean(text: str) -> str:
    """Without what a database cannot hold: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()
