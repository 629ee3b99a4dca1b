"""What the policy needs to know about a batch of messages, read with one query per kind of fact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from crm.lib.among import Among
from crm.lib.phones import country_of
from crm.lib.zones import zone
from crm.models import Channel, Consent, Shop, Ticket
from messaging.models import FrequencyCap, Message, MessagingSettings, QuietHours, Suppression
from messaging.outbox import policy
from messaging.selectors.recipients import Addressee

# The longest cap is a week; a day more for zones ahead of or behind UTC.
LOOK_BACK = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Rules:
    """The shop and its rules of sending, read once a tick: four queries."""

    shop: Shop
    policy: policy.ShopPolicy

    @classmethod
    def current(cls) -> Rules:
        quiet = {
            (row.channel, row.country): policy.QuietHours(row.starts, row.ends, row.marketing_only)
            for row in QuietHours.objects.all()
        }
        caps = tuple(
            policy.Cap("day" if row.per == FrequencyCap.Per.DAY else "week", row.limit)
            for row in FrequencyCap.objects.all()
        )
        pause = MessagingSettings.current().pause_on_complaint
        return cls(Shop.current(), policy.ShopPolicy(quiet=quiet, caps=caps, pause_on_complaint=pause))


def message_facts(message: Message) -> policy.MessageFacts:
    """The message as the policy sees it."""
    return policy.MessageFacts(
        channel=message.channel,
        topic=message.topic.slug,
        is_marketing=message.lane == Message.Lane.MARKETING,
        is_answer=message.is_answer,
        over_cap="hold" if message.over_cap == "hold" else "skip",
        expires_at=message.expires_at,
    )


def customer_facts(
    messages: Sequence[Message], people: Mapping[int, Addressee], rules: Rules, now: datetime
) -> list[policy.CustomerFacts]:
    """The `people` behind `messages`, by id, as far as each message is concerned; at most four queries."""
    consents = consents_of(messages)
    suppressed = suppressions_of(messages)
    marketing = {message.customer_id for message in messages if message.lane == Message.Lane.MARKETING}
    complaining = _complaining(marketing) if marketing and rules.policy.pause_on_complaint else set()
    sent = _sent(marketing, now) if marketing and rules.policy.caps else {}
    return [
        policy.CustomerFacts(
            zone=zone(customer.time_zone, rules.shop.time_zone).key,
            country=_country(message) or rules.shop.country,
            has_address=bool(message.address),
            erased=customer.erased_at is not None,
            merged=customer.merged_into_id is not None,
            consent=consents.get((message.customer_id, message.channel, message.topic_id)),
            suppressed=frozenset(suppressed.get((message.channel, message.address_hash), ())),
            open_complaint=message.customer_id in complaining,
            # Itself apart: an earlier try of the same message is the same message.
            sent=[at for pk, at in sent.get(message.customer_id, ()) if pk != message.pk],
        )
        for message in messages
        for customer in (people[message.customer_id],)
    ]


def consents_of(messages: Sequence[Message]) -> dict[tuple[int, str, int], policy.ConsentState]:
    """By customer, channel and topic; one query."""
    rows = Consent.objects.filter(
        Among("customer", {message.customer_id for message in messages}),
        channel__in={message.channel for message in messages},
        topic__in={message.topic_id for message in messages},
    )
    return {
        (customer, channel, topic): "in" if state == "in" else "out"
        for customer, channel, topic, state in rows.values_list("customer", "channel", "topic", "state")
    }


def suppressions_of(messages: Sequence[Message]) -> dict[tuple[str, str], set[str]]:
    """The scopes in which addresses are suppressed, by channel and hash; one query."""
    hashes = {message.address_hash for message in messages} - {""}
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    rows = Suppression.objects.standing().filter(Among("address_hash", hashes))
    for channel, address, scope in rows.values_list("channel", "address_hash", "scope"):
        found[channel, address].add(scope)
    return found


def _complaining(customer_ids: Collection[int]) -> set[int]:
    """Those with an open complaint."""
    rows = Ticket.objects.unsolved().filter(Among("customer", customer_ids), is_complaint=True)
    return set(rows.values_list("customer", flat=True))


def _sent(customer_ids: Collection[int], now: datetime) -> dict[int, list[tuple[int, datetime]]]:
    found: dict[int, list[tuple[int, datetime]]] = defaultdict(list)
    for pk, customer, at in Message.objects.counted(customer_ids, now - LOOK_BACK).values_list(
        "pk", "customer", "cleared_at"
    ):
        if at:
            found[customer].append((pk, at))
    return found


def _country(message: Message) -> str:
    return country_of(message.address) if message.channel == Channel.SMS else ""
