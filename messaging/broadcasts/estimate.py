"""
What a broadcast would come to if it were sent now: how many people, who is left out and why, what it costs.

The people are read once, as a stream, and judged one by one by the policy that judges them when it is sent: a fixed
number of queries, and no more memory for many than for few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.db.models import Exists, OuterRef, Subquery, TextField
from django.db.models.functions import Cast

from crm.lib.among import Among
from crm.lib.phones import country_of
from crm.lib.zones import zone
from crm.models import Channel, Consent, Customer, Shop, Ticket, User
from messaging.broadcasts import audience, lots
from messaging.broadcasts.expansion import wording
from messaging.channels.reasons import Reason
from messaging.models import Broadcast, BroadcastVariant, ChannelSettings, Message, Suppression
from messaging.models.suppression import hash_address
from messaging.outbox import policy
from messaging.outbox.facts import LOOK_BACK, Rules
from messaging.outbox.queue import ADDRESS_COLUMNS, Desk
from messaging.outbox.ways import Way, choose
from messaging.rendering.letters import CannotCompose, Letter, Letters
from messaging.selectors.prices import Prices
from messaging.selectors.recipients import recipients

CHUNK = 2_000
# People whose messages are filled in to measure what they take; spread over the whole audience.
SAMPLE = 200


@dataclass(frozen=True, slots=True)
class VariantCost:
    """
    What one variant comes to. Segments and cost are measured on the sample and taken up to `people`.

    Attributes:
        segments: in all; 0 for what is no SMS.
        micros: millionths of the shop's currency.
        failing: percent of the sample for whom there is no text; `fault` is the first reason.
    """

    letter: str
    people: int
    segments: int
    micros: int
    failing: int = 0
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """
    Attributes:
        people: in the audience.
        by_channel: how many would be sent to on each, sooner or later.
        held: of these, how many would have to wait when their turn has come, by the end of their quiet hours.
        excluded: how many would not, by reason: the first that applies.
        variants: of those who draw one; the last has the letter "" for whoever gets the winner of a trial, counted at
            the price of the dearest.
        sample: ids of customers to show messages for.
    """

    people: int
    by_channel: Mapping[str, int]
    held: Mapping[datetime, int]
    excluded: Mapping[Reason, int]
    variants: Sequence[VariantCost]
    sample: Sequence[int]

    @property
    def sendable(self) -> int:
        return sum(self.by_channel.values())

    @property
    def waiting(self) -> int:
        """How many of them would have to wait when their turn has come."""
        return sum(self.held.values())

    @property
    def unhindered(self) -> int:
        return self.sendable - self.waiting

    @property
    def micros(self) -> int:
        return sum(variant.micros for variant in self.variants)

    @property
    def segments(self) -> int:
        return sum(variant.segments for variant in self.variants)


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of one variant as one person would read it, or why there is none."""

    customer: Customer
    variant: BroadcastVariant
    channel: str
    letter: Letter | None
    fault: str = ""


def estimate(broadcast: Broadcast, *, now: datetime) -> Estimate:
    """
    Judge everybody in the audience as they are at `now`, each at the moment of their turn: `now`, or when it starts, or
    when their clock shows the time. A limit a minute, which puts turns off, is left out of account.

    Raises:
        crm.rules.InvalidRule: the audience cannot be read.
    """
    texts = list(broadcast.variants.order_by("number"))
    weights = [text.weight for text in texts]
    judge = _Judge(broadcast, now)
    people = 0
    by_channel: Counter[str] = Counter()
    excluded: Counter[Reason] = Counter()
    held: Counter[datetime] = Counter()
    drawn: Counter[int] = Counter()
    sample = _Sample()
    for person, sent in _stream(broadcast, now):
        people += 1
        channel, decision = judge.judge(person, sent)
        if isinstance(decision, policy.Withhold):
            excluded[decision.reason] += 1
            continue
        by_channel[channel] += 1
        if isinstance(decision, policy.Hold):
            held[decision.until] += 1
        sample.add(person["pk"])
        if weights:
            lot = lots.draw(broadcast.public_id, person["public_id"], weights, test_share=broadcast.test_share)
            drawn[lot or 0] += 1
    variants = _measure(broadcast, texts, sample.kept, drawn, now)
    if drawn[0]:
        variants.append(_rest(variants, drawn[0]))
    shown = sorted(excluded.items(), key=lambda entry: (-entry[1], entry[0]))
    return Estimate(
        people, dict(sorted(by_channel.items())), dict(sorted(held.items())), dict(shown), variants, sample.kept
    )


def show(broadcast: Broadcast, user: User, customer_ids: Sequence[int], *, now: datetime, most: int = 3) -> list[Shown]:
    """Messages as some of these customers, of those `user` may see, would read them; of each variant."""
    visible = Customer.objects.visible_to(user).filter(Among("pk", customer_ids[:50])).order_by("pk")[:most]
    people = {customer.pk: customer for customer in visible}
    texts = list(broadcast.variants.order_by("number"))
    return [
        Shown(people[message.customer_id], text, message.channel, letter, fault)
        for text, message, letter, fault in _letters(broadcast, texts, list(people), now)
    ]


# --- Who, and why not -----------------------------------------------------------------------------

_Person = Mapping[str, Any]


def _stream(broadcast: Broadcast, now: datetime) -> Iterator[tuple[_Person, Sequence[datetime]]]:
    """Everybody with when they were last sent marketing, in the order of their ids; two queries side by side."""
    found = audience.people(broadcast, now=now)
    consents = Consent.objects.filter(customer=OuterRef("pk"), topic=broadcast.topic)
    complaints = Ticket.objects.unsolved().filter(customer=OuterRef("pk"), is_complaint=True)
    columns: dict[str, Any] = {
        f"consent_{name}": Subquery(consents.filter(channel=name).values("state")[:1]) for name in broadcast.channels
    }
    rows = found.annotate(number=Cast("phone", TextField()), complaining=Exists(complaints), **columns).values(
        "pk", "public_id", "number", "email", "line_id", "time_zone", "complaining", *columns
    )
    sent = _sent(broadcast, now)
    at, times = next(sent, (0, []))
    for person in rows.order_by("pk").iterator(chunk_size=CHUNK):
        while at and at < person["pk"]:
            at, times = next(sent, (0, []))
        yield person, times if at == person["pk"] else ()


def _sent(broadcast: Broadcast, now: datetime) -> Iterator[tuple[int, list[datetime]]]:
    """(customer, when) of the marketing messages that caps count, in the order of the customers."""
    if not broadcast.topic.is_marketing:
        return
    rows = Message.objects.filter(
        lane=Message.Lane.MARKETING, cleared_at__gte=now - LOOK_BACK, state__in=Message.COUNTED
    )
    pairs = rows.order_by("customer_id").values_list("customer_id", "cleared_at").iterator(chunk_size=CHUNK)
    for customer, of_theirs in groupby(pairs, key=itemgetter(0)):
        yield customer, [at for _customer, at in of_theirs if at]


class _Judge:
    """Asks the policy about one person after another."""

    def __init__(self, broadcast: Broadcast, now: datetime) -> None:
        starts_at = max(broadcast.starts_at or now, now) if broadcast.timing == Broadcast.Timing.AT else now
        self._now = now
        self._turns = audience.Turns(broadcast, now, starts_at=starts_at)
        self._rules = Rules.current()
        self._channels = set(ChannelSettings.objects.values_list("channel", flat=True))
        self._facts = {
            name: policy.MessageFacts(name, broadcast.topic.slug, broadcast.topic.is_marketing)
            for name in broadcast.channels
        }
        self._valid_for = timedelta(hours=broadcast.expires_after)
        self._suppressed: dict[str, dict[str, set[str]]] = {name: {} for name in broadcast.channels}
        standing = Suppression.objects.standing().filter(channel__in=broadcast.channels)
        for channel, address, scope in standing.values_list("channel", "address_hash", "scope").iterator():
            self._suppressed[channel].setdefault(address, set()).add(scope)
        self._of_nobody_special: dict[tuple[str, str, str], policy.Decision] = {}

    def judge(self, person: _Person, sent: Sequence[datetime]) -> tuple[str, policy.Decision]:
        """The channel they are reached on, and what the policy says when their turn has come."""
        way = choose(self._looked_at(person, channel) for channel in self._facts)
        if way.fault:
            return way.channel, policy.Withhold(way.fault, {})
        zone_name = person["time_zone"]
        country = country_of(way.address) if way.channel == Channel.SMS else ""
        if sent or person["complaining"]:
            return way.channel, self._decide(way.channel, zone_name, country, person["complaining"], sent)
        # Of whom no more is to be said than where they live there are very many.
        alike = (way.channel, zone_name, country)
        if alike not in self._of_nobody_special:
            self._of_nobody_special[alike] = self._decide(*alike, open_complaint=False, sent=())
        return way.channel, self._of_nobody_special[alike]

    def _decide(
        self, channel: str, zone_name: str, country: str, open_complaint: bool, sent: Sequence[datetime]
    ) -> policy.Decision:
        """About somebody whose wishes have let the message through."""
        shop = self._rules.shop
        facts = policy.CustomerFacts(
            zone=zone(zone_name, shop.time_zone).key, country=country or shop.country, consent="in",
            open_complaint=open_complaint, sent=sent,
        )  # fmt: skip
        at = self._turns.of(zone_name) or self._now
        message = replace(self._facts[channel], expires_at=at + self._valid_for)
        return policy.decide(message, facts, self._rules.policy, at)

    def _looked_at(self, person: _Person, channel: str) -> Way:
        address = person[ADDRESS_COLUMNS[channel]]
        if not address or channel not in self._channels:
            return Way(channel, "", Reason.UNREACHABLE)
        known = self._suppressed[channel]
        scopes = known.get(hash_address(channel, address), ()) if known else ()
        return Way(channel, address, policy.wishes(self._facts[channel], person[f"consent_{channel}"], scopes))


# --- What it takes -----------------------------------------------------------------------------------


@dataclass(slots=True)
class _Sample:
    """Every so many-th of a stream of unknown length: at least half of SAMPLE of them, at most all of it."""

    kept: list[int] = field(default_factory=list)
    stride: int = 1
    seen: int = 0

    def add(self, pk: int) -> None:
        if self.seen % self.stride == 0:
            self.kept.append(pk)
            if len(self.kept) > SAMPLE:
                self.kept = self.kept[::2]
                self.stride *= 2
        self.seen += 1


def _measure(
    broadcast: Broadcast, texts: Sequence[BroadcastVariant], sample: Sequence[int], people: Counter[int], now: datetime
) -> list[VariantCost]:
    tries = {text.number: _Tries() for text in texts}
    prices = Prices.current()
    for text, message, letter, fault in _letters(broadcast, texts, sample, now):
        tried = tries[text.number]
        if letter is None:
            tried.faults.append(fault)
            continue
        tried.composed += 1
        tried.segments += letter.segments
        tried.micros += prices.of(message.channel, message.address, letter.segments)
    return [tries[text.number].taken_up_to(people[text.number], text.letter) for text in texts]


@dataclass(slots=True)
class _Tries:
    """What the messages of one variant took in the sample."""

    composed: int = 0
    segments: int = 0
    micros: int = 0
    faults: list[str] = field(default_factory=list)

    def taken_up_to(self, people: int, letter: str) -> VariantCost:
        tried = self.composed + len(self.faults)
        if not tried:
            return VariantCost(letter, people, 0, 0)
        return VariantCost(
            letter, people, round(people * self.segments / tried), round(people * self.micros / tried),
            len(self.faults) * 100 // tried, self.faults[0] if self.faults else "",
        )  # fmt: skip


def _rest(variants: Sequence[VariantCost], people: int) -> VariantCost:
    known = [variant for variant in variants if variant.people]
    return VariantCost(
        "", people, max((round(people * each.segments / each.people) for each in known), default=0),
        max((round(people * each.micros / each.people) for each in known), default=0),
    )  # fmt: skip


def _letters(
    broadcast: Broadcast, texts: Sequence[BroadcastVariant], customer_ids: Sequence[int], now: datetime
) -> Iterator[tuple[BroadcastVariant, Message, Letter | None, str]]:
    """The message each of them would get, composed by the very code that sends; nothing is written."""
    meant = [(text, pk) for text in texts if text.template or text.body.strip() for pk in customer_ids]
    if not meant:
        return
    requests = [wording(broadcast, text)(pk, now) for text, pk in meant]
    desk, people = Desk(requests), recipients(customer_ids)
    messages = [desk.row(request, now) for request in requests]
    letters = Letters(messages, Shop.current())
    for (text, pk), message in zip(meant, messages, strict=True):
        try:
            yield text, message, letters.compose(message, people[pk]), ""
        except CannotCompose as error:
            yield text, message, None, error.detail
