"""What the policy needs to know about a batch of messages, read with one query per kind of fact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from crm.lib.among import Among, among
from crm.lib.phones import country_of
from crm.lib.zones import zone
from crm.models import Channel, Shop, Ticket
from messaging.models import FrequencyCap, Message, MessagingSettings, QuietHours
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
    wishes = Wishes.about(messages)
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
            consent=wishes.consent(message.customer_id, message.channel, message.topic_id),
            suppressed=wishes.suppressed(message.channel, message.address_hash),
            open_complaint=message.customer_id in complaining,
            # Itself apart: an earlier try of the same message is the same message.
            sent=[at for pk, at in sent.get(message.customer_id, ()) if pk != message.pk],
        )
        for message in messages
        for customer in (people[message.customer_id],)
    ]


_WISHES = """
SELECT customer_id, channel, topic_id, state, '' FROM crm_consent WHERE {} AND {} AND {}
UNION ALL SELECT 0, channel, 0, scope, address_hash FROM messaging_suppression WHERE {} AND lifted_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the people of a batch have said they want, and what their addresses bear; one query."""

    _consents: Mapping[tuple[int, str, int], policy.ConsentState]
    _suppressed: Mapping[tuple[str, str], Collection[str]]

    @classmethod
    def about(cls, messages: Sequence[Message]) -> Wishes:
        """All that these messages must heed."""
        return cls.read(
            {message.customer_id for message in messages},
            {message.channel for message in messages},
            {message.topic_id for message in messages},
            {message.address_hash for message in messages} - {""},
        )

    @classmethod
    def read(
        cls, customer_ids: Collection[int], channels: Collection[str], topic_ids: Collection[int],
        address_hashes: Collection[str],
    ) -> Wishes:  # fmt: skip
        said: dict[tuple[int, str, int], policy.ConsentState] = {}
        suppressed: dict[tuple[str, str], set[str]] = defaultdict(set)
        conditions, values = zip(
            among("customer_id", customer_ids), among("channel", channels), among("topic_id", topic_ids),
            among("address_hash", address_hashes), strict=True,
        )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(_WISHES.format(*conditions), values)
            for customer, channel, topic, wish, address in cursor.fetchall():
                if address:
                    suppressed[channel, address].add(wish)
                else:
                    said[customer, channel, topic] = "in" if wish == "in" else "out"
        return cls(said, suppressed)

    def consent(self, customer_id: int, channel: str, topic_id: int) -> policy.ConsentState | None:
        return self._consents.get((customer_id, channel, topic_id))

    def suppressed(self, channel: str, address_hash: str) -> frozenset[str]:
        """The scopes in which an address is suppressed."""
        return frozenset(self._suppressed.get((channel, address_hash), ()))


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
