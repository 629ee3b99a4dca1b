"""What a keyword does: STOP, START and HELP, and a friend who leaves or comes back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from crm.events import log
from crm.events.types import EventDraft
from crm.models import Channel, ConsentEvent, Customer, State, Topic
from crm.services import consents
from messaging.inbound.keywords import Reading
from messaging.models import InboundMessage, MessagingSettings, Suppression
from messaging.models.suppression import hash_address
from messaging.outbox import addresses
from messaging.outbox.queue import MessageRequest, queue_messages

RECEIVED = "Message Received"
FOLLOWED = "Channel Followed"
LEFT = "Channel Left"


def obey(row: InboundMessage, customer: Customer, *, now: datetime) -> None:
    """Do what the keyword in `row` says, answer it once, and note it."""
    _note(row, customer, RECEIVED, now, {"keyword": row.reading, "text": row.body[:300] or row.subject[:300]})
    {Reading.STOP: stop, Reading.START: start, Reading.HELP: help_}[Reading(row.reading)](row, customer, now)


def welcome(row: InboundMessage, customer: Customer, *, now: datetime) -> None:
    """They follow us, perhaps again: what leaving stopped goes on; what they stopped with a word does not."""
    addresses.lift(row.channel, row.from_address, causes=[Suppression.Cause.LEFT], now=now)
    _note(row, customer, FOLLOWED, now)


def let_go(row: InboundMessage, customer: Customer | None, *, now: datetime) -> None:
    """They blocked us: nothing arrives there any more, so nothing is sent there."""
    addresses.suppress(
        row.channel, row.from_address, scope=Suppression.Scope.ALL, cause=Suppression.Cause.LEFT, now=now
    )
    if customer:
        _note(row, customer, LEFT, now)


def stop(row: InboundMessage, customer: Customer, now: datetime) -> None:
    """Suppress the address, withdraw consent to marketing, and say so once."""
    held = customer.consents.filter(channel=row.channel, state=State.IN, topic__is_marketing=True)
    withdrew = sorted(held.values_list("topic__slug", flat=True))
    new = addresses.suppress(
        row.channel, row.from_address, scope=Suppression.Scope.ALL, cause=Suppression.Cause.STOP, now=now,
        detail={"withdrew": withdrew},
    )  # fmt: skip
    if new is None:
        return
    marketing = Topic.objects.filter(is_marketing=True).values_list("slug", flat=True)
    _record(row, customer, dict.fromkeys(marketing, State.OUT), now)
    _answer(row, customer, "stop", f"stop:{new.pk}", now)


def start(row: InboundMessage, customer: Customer, now: datetime) -> None:
    """Lift what STOP did, and give back the consents that it took."""
    lifted = addresses.lift(row.channel, row.from_address, causes=[Suppression.Cause.STOP], now=now)
    if not lifted:
        return  # another START was there first
    slugs = {slug for stop in lifted for slug in stop.detail.get("withdrew", ())}
    known = Topic.objects.filter(slug__in=slugs).values_list("slug", flat=True)
    _record(row, customer, dict.fromkeys(known, State.IN), now)
    _answer(row, customer, "start", f"start:{lifted[0].pk}", now)


def help_(row: InboundMessage, customer: Customer, now: datetime) -> None:
    """One answer an hour, or two answering machines would talk for ever."""
    owner = hash_address(row.channel, row.from_address)[:32]
    _answer(row, customer, "help", f"help:{owner}:{now:%Y%m%d%H}", now)


def _record(row: InboundMessage, customer: Customer, states: dict[str, State], now: datetime) -> None:
    if states:
        consents.record_consents(
            customer,
            {row.channel: states},
            via=ConsentEvent.Via.KEYWORD,
            wording=(row.body or row.subject)[:500],
            now=now,
        )


def _answer(row: InboundMessage, customer: Customer, word: str, dedupe_key: str, now: datetime) -> None:
    """Queue the shop's answer to a keyword, in the customer's language, to the very address that wrote."""
    texts = MessagingSettings.current().replies.get(word, {})
    body = texts.get(customer.language.partition("-")[0]) or texts.get("en") or next(iter(texts.values()), "")
    topic = Topic.objects.filter(is_marketing=False).order_by("slug").first()
    if not body or topic is None:
        return  # the shop wants no answer
    request = MessageRequest(
        customer_id=customer.pk, channel=row.channel, topic=topic.slug, body=body,
        subject="{{ shop.name }}" if row.channel == Channel.EMAIL else "", address=row.from_address,
        is_answer=True, dedupe_key=dedupe_key, cause={"kind": "keyword", "keyword": word, "inbound": row.pk},
    )  # fmt: skip
    queue_messages([request], now=now)


def _note(
    row: InboundMessage, customer: Customer, name: str, now: datetime, said: Mapping[str, str] | None = None
) -> None:
    fact = EventDraft(
        name=name,
        customer_id=customer.pk,
        occurred_at=row.received_at,
        dedupe_key=f"inbound:{row.provider}:{row.provider_id}"[:200],
        properties={"channel": row.channel, **(said or {})},
    )
    log.record_many([fact], now=now)
