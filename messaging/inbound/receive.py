"""Somebody wrote to us: heed a STOP, else file it where staff answer."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from crm.events import log
from crm.events.types import EventDraft
from crm.lib import bulk
from crm.models import Channel, ConsentEvent, Customer, State, Topic, User
from crm.services import consents, customers, identities, tickets
from messaging.inbound import keywords
from messaging.inbound.keywords import Reading, Words
from messaging.models import InboundMessage, MessagingSettings, Suppression
from messaging.models.suppression import hash_address
from messaging.outbox import addresses
from messaging.outbox.queue import MessageRequest, queue_messages

RECEIVED = "Message Received"
LONGEST = 20_000  # characters kept


class AlreadyReviewed(ValueError):
    """Somebody has decided on this text before."""


@transaction.atomic
def receive_text(
    *, channel: str, from_address: str, body: str, provider: str, provider_id: str, now: datetime
) -> InboundMessage:
    """
    Take in one message from outside; the same `provider_id` again is the same message.

    STOP, START and HELP are obeyed, each with one answer. Anything else continues the customer's open ticket or opens
    one. A sender we do not know becomes a customer whose first source is the channel.

    Args:
        from_address: as the provider gives it; a phone number may be in any common form.
        provider_id: the provider's id of this message.
    """
    body = body.replace("\0", "").strip()[:LONGEST]
    address, customer = _sender(channel, from_address, now)
    reading = _read(channel, address, body)
    row = InboundMessage(
        channel=channel, provider=provider, provider_id=provider_id, from_address=address, body=body, reading=reading,
        customer=customer, received_at=now,
    )  # fmt: skip
    if not bulk.insert_new(InboundMessage, [row], unique=("provider", "provider_id")):
        return InboundMessage.objects.get(provider=provider, provider_id=provider_id)
    if customer is None:
        return row  # nobody to file it under: it stays in the list of inbound messages
    if reading in (Reading.MESSAGE, Reading.UNCLEAR):
        _file(row, customer, now)
    else:
        _note_keyword(row, customer, now)
        {Reading.STOP: _stop, Reading.START: _start, Reading.HELP: _help}[reading](row, customer, now)
    return row


@transaction.atomic
def review(row: InboundMessage, *, means_stop: bool, actor: User, now: datetime) -> None:
    """
    A person has read a text that may mean "stop".

    Raises:
        AlreadyReviewed
    """
    claimed = InboundMessage.objects.to_review().filter(pk=row.pk).update(reviewed_at=now, reviewed_by=actor)
    if not claimed:
        raise AlreadyReviewed("this text has been decided on")
    row.refresh_from_db()
    if means_stop and row.customer:
        _stop(row, row.customer, now)


def _sender(channel: str, from_address: str, now: datetime) -> tuple[str, Customer | None]:
    """The address in its one form, and whose it is; nobody's when it cannot be answered ("AIS-Info")."""
    raw = from_address.strip()[:254]
    try:
        who = identities.clean(
            phone=raw if channel == Channel.SMS else "",
            email=raw if channel == Channel.EMAIL else "",
            line_id=raw if channel == Channel.LINE else "",
        )
    except identities.InvalidIdentity:
        return raw, None
    found = customers.upsert_customer(identities=who, now=now, source=channel)
    return who.phone or who.email or who.line_id, found.customer


def _read(channel: str, address: str, body: str) -> Reading:
    settings = MessagingSettings.current()
    words = Words.of(
        stop=settings.stop_words,
        stop_phrases=settings.stop_phrases,
        start=settings.start_words,
        help_=settings.help_words,
    )
    reading = keywords.read(body, words)
    if reading == Reading.START and not _has_stopped(channel, address):
        return Reading.MESSAGE  # "yes" is an answer to something else
    return reading


def _has_stopped(channel: str, address: str) -> bool:
    stops = Suppression.objects.of(channel, [hash_address(channel, address)]).filter(cause=Suppression.Cause.STOP)
    return stops.exists()


def _file(row: InboundMessage, customer: Customer, now: datetime) -> None:
    if not row.body:
        return
    filed = tickets.receive_message(customer=customer, channel=row.channel, body=row.body, source=row.channel, now=now)
    row.ticket = filed.ticket
    row.save(update_fields=["ticket"])


def _stop(row: InboundMessage, customer: Customer, now: datetime) -> None:
    """Suppress the address, withdraw consent to marketing, and say so once."""
    held = customer.consents.filter(channel=row.channel, state=State.IN, topic__is_marketing=True)
    withdrew = sorted(held.values_list("topic__slug", flat=True))
    stop = addresses.suppress(
        row.channel, row.from_address, scope=Suppression.Scope.ALL, cause=Suppression.Cause.STOP, now=now,
        detail={"withdrew": withdrew},
    )  # fmt: skip
    if stop is None:
        return
    marketing = Topic.objects.filter(is_marketing=True).values_list("slug", flat=True)
    _record(row, customer, dict.fromkeys(marketing, State.OUT), now)
    _answer(row, customer, "stop", f"stop:{stop.pk}", now)


def _start(row: InboundMessage, customer: Customer, now: datetime) -> None:
    """Lift what STOP did, and give back the consents that it took."""
    lifted = addresses.lift(row.channel, row.from_address, causes=[Suppression.Cause.STOP], now=now)
    slugs = {slug for stop in lifted for slug in stop.detail.get("withdrew", ())}
    known = Topic.objects.filter(slug__in=slugs).values_list("slug", flat=True)
    _record(row, customer, dict.fromkeys(known, State.IN), now)
    _answer(row, customer, "start", f"start:{lifted[0].pk}", now)


def _help(row: InboundMessage, customer: Customer, now: datetime) -> None:
    """One answer an hour, or two answering machines would talk for ever."""
    owner = hash_address(row.channel, row.from_address)[:32]
    _answer(row, customer, "help", f"help:{owner}:{now:%Y%m%d%H}", now)


def _record(row: InboundMessage, customer: Customer, states: dict[str, State], now: datetime) -> None:
    if states:
        consents.record_consents(
            customer, {row.channel: states}, via=ConsentEvent.Via.KEYWORD, wording=row.body[:500], now=now
        )


def _answer(row: InboundMessage, customer: Customer, word: str, dedupe_key: str, now: datetime) -> None:
    """Queue the shop's answer to a keyword, in the customer's language, to the very address that wrote."""
    texts = MessagingSettings.current().replies.get(word, {})
    body = texts.get(customer.language.partition("-")[0]) or texts.get("en") or next(iter(texts.values()), "")
    topic = Topic.objects.filter(is_marketing=False).order_by("slug").first()
    if not body or topic is None:
        return  # the shop wants no answer
    request = MessageRequest(
        customer_id=customer.pk, channel=row.channel, topic=topic.slug, body=body, address=row.from_address,
        is_answer=True, dedupe_key=dedupe_key, cause={"kind": "keyword", "keyword": word, "inbound": row.pk},
    )  # fmt: skip
    queue_messages([request], now=now)


def _note_keyword(row: InboundMessage, customer: Customer, now: datetime) -> None:
    fact = EventDraft(
        name=RECEIVED,
        customer_id=customer.pk,
        occurred_at=now,
        dedupe_key=f"inbound:{row.provider}:{row.provider_id}"[:200],
        properties={"channel": row.channel, "keyword": row.reading, "text": row.body[:300]},
    )
    log.record_many([fact], now=now)
