"""What the policy and the renderer would have made of the messages: the real ones, over a ledger in memory."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from crm.lib.among import Among
from crm.models import Customer, Topic
from journeys.flows.listening import CLOSED, UNREACHABLE
from journeys.flows.steps import Send
from journeys.simulation.backtest.lives import Wanted
from journeys.simulation.backtest.past import chunks
from messaging.channels.reasons import Reason
from messaging.models import ChannelSettings, Message, Template
from messaging.models.suppression import hash_address
from messaging.outbox import policy
from messaging.outbox.addresses import address_of
from messaging.outbox.facts import LOOK_BACK, Rules, Wishes, customer_facts, message_facts
from messaging.outbox.ways import Way, choose
from messaging.rendering.letters import CannotCompose, Letters

# Of so many messages of a step on a channel the length is measured; the others are taken to be as long on average.
SAMPLE = 200


@dataclass(slots=True)
class Fate:
    """
    What would have become of one message.

    Attributes:
        state: "sent", "withheld", or "waiting" when it was still held at the end.
        held: why it was held on the way, and how often.
    """

    wanted: Wanted
    channel: str
    at: datetime
    state: str = "waiting"
    reason: str = ""
    segments: int | None = None
    held: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Letter:
    """A message that was never queued, with what the policy knows of its customer."""

    fate: Fate
    message: Message
    asked: policy.MessageFacts
    customer: policy.CustomerFacts


def judge(
    wanted: Sequence[Wanted], steps: Mapping[str, Send], rules: Rules, *, since: datetime, until: datetime
) -> list[Fate]:
    """
    Decide on every message in the order of time, each customer's caps counting what went out before; a few queries for
    each thousand messages.

    Consents, suppressions and complaints are those of today; real marketing of the time counts against the caps.
    """
    letters = list(_letters(wanted, rules, until))
    sent = _really_sent({letter.message.customer_id for letter in letters}, since)
    line = [(letter.fate.at, number) for number, letter in enumerate(letters)]
    heapq.heapify(line)
    while line:
        now, number = heapq.heappop(line)
        letter = letters[number]
        until_when = _decide(letter, steps, sent, rules, now)
        if until_when is not None and until_when < until:
            heapq.heappush(line, (until_when, number))
    _measure(letters, rules)
    return [letter.fate for letter in letters]


def _decide(
    letter: _Letter, steps: Mapping[str, Send], sent: dict[int, list[datetime]], rules: Rules, now: datetime
) -> datetime | None:
    """What the policy says at `now`; when to ask again, None when it is settled."""
    fate, life = letter.fate, letter.fate.wanted.life
    fate.at = now
    if life.stopped_at is not None and life.stopped_at <= now:
        fate.state, fate.reason = "withheld", str(Reason.STOPPED)
        return None
    customer = letter.customer
    if letter.asked.is_marketing:
        customer = replace(customer, sent=sent[letter.message.customer_id])
    decision = policy.decide(letter.asked, customer, rules.policy, now)
    if isinstance(decision, policy.Hold):
        fate.held[str(decision.reason)] += 1
        fate.reason = str(decision.reason)
        return decision.until
    if isinstance(decision, policy.Withhold):
        fate.state, fate.reason = "withheld", str(decision.reason)
        if decision.reason in CLOSED and steps[fate.wanted.step].if_unreachable == "exit":
            life.stopped_at, life.state, life.reason = now, "exited", UNREACHABLE
        return None
    fate.state, fate.reason = "sent", ""
    if letter.asked.is_marketing:
        sent[letter.message.customer_id].append(now)
    return None


def _letters(wanted: Sequence[Wanted], rules: Rules, until: datetime) -> Iterator[_Letter]:
    """Rows of the ledger that are never written, a thousand at a time."""
    desk = _Desk.open(wanted, rules.shop.language)
    # The caps are counted here, over what was sent in the past that is tried.
    uncapped = replace(rules, policy=replace(rules.policy, caps=()))
    for first in range(0, len(wanted), 1000):
        part = wanted[first : first + 1000]
        customers = Customer.objects.in_bulk({it.customer for it in part})
        wishes = desk.wishes(part, customers)
        messages = [desk.message(it, customers[it.customer], wishes) for it in part]
        facts = customer_facts(messages, customers, uncapped, until)
        for it, message, customer in zip(part, messages, facts, strict=True):
            yield _Letter(Fate(it, message.channel, it.at), message, message_facts(message), customer)


@dataclass(frozen=True, slots=True)
class _Desk:
    """Writes rows as `messaging.outbox.queue` would; `templates` has those that are live, by slug and channel."""

    topics: Mapping[str, Topic]
    channels: Collection[str]
    templates: Mapping[tuple[str, str], Template]
    language: str

    @classmethod
    def open(cls, wanted: Sequence[Wanted], language: str) -> _Desk:
        slugs = {it.effect.template for it in wanted} - {""}
        live = Template.objects.filter(slug__in=slugs, versions__published_at__isnull=False).distinct()
        return cls(
            topics={topic.slug: topic for topic in Topic.objects.all()},
            channels=set(ChannelSettings.objects.values_list("channel", flat=True)),
            templates={(template.slug, template.channel): template for template in live} if slugs else {},
            language=language,
        )

    def wishes(self, wanted: Sequence[Wanted], customers: Mapping[int, Customer]) -> Wishes:
        """What decides between channels; one query, none where nobody has a choice."""
        ways = [(it, channel) for it in wanted if it.effect.fallback for channel in _channels(it)]
        if not ways:
            return Wishes({}, {})
        hashes = {hash_address(channel, address_of(customers[it.customer], channel)) for it, channel in ways}
        return Wishes.read(
            {it.customer for it, _ in ways}, {channel for _, channel in ways},
            {self.topics[it.effect.topic].pk for it, _ in ways}, hashes - {""},
        )  # fmt: skip

    def message(self, wanted: Wanted, customer: Customer, wishes: Wishes) -> Message:
        effect, topic = wanted.effect, self.topics[wanted.effect.topic]
        way = choose(self._look(wanted, customer, topic, channel, wishes) for channel in _channels(wanted))
        return Message(
            customer=customer,
            channel=way.channel,
            topic=topic,
            lane=Message.Lane.MARKETING if topic.is_marketing else Message.Lane.SERVICE,
            address=way.address,
            address_hash=hash_address(way.channel, way.address),
            language=customer.language or self.language,
            template=self.templates.get((effect.template, way.channel)),
            source_subject=effect.subject,
            source_body=effect.body,
            context=dict(wanted.context),
            over_cap=effect.over_cap,
            expires_at=effect.expires_at,
        )

    def _look(self, wanted: Wanted, customer: Customer, topic: Topic, channel: str, wishes: Wishes) -> Way:
        address, template = address_of(customer, channel), wanted.effect.template
        if not address or channel not in self.channels:
            return Way(channel, "", Reason.UNREACHABLE)
        if template and (template, channel) not in self.templates:
            return Way(channel, "", Reason.NO_TEMPLATE)
        asked = policy.MessageFacts(channel, topic.slug, topic.is_marketing)
        scopes = wishes.suppressed(channel, hash_address(channel, address))
        return Way(channel, address, policy.wishes(asked, wishes.consent(customer.pk, channel, topic.pk), scopes))


def _channels(wanted: Wanted) -> Sequence[str]:
    return (wanted.effect.channel, *wanted.effect.fallback)


def _really_sent(customers: set[int], since: datetime) -> dict[int, list[datetime]]:
    found: dict[int, list[datetime]] = defaultdict(list)
    for ids in chunks(customers):
        rows = Message.objects.filter(
            Among("customer", ids), lane=Message.Lane.MARKETING, cleared_at__gte=since - LOOK_BACK,
            state__in=Message.COUNTED,
        )  # fmt: skip
        for customer, at in rows.values_list("customer", "cleared_at"):
            if at is not None:
                found[customer].append(at)
    return found


def _measure(letters: Sequence[_Letter], rules: Rules) -> None:
    """Write a sample of the texts that would have gone out by SMS, and measure them."""
    samples: dict[tuple[str, str], list[_Letter]] = defaultdict(list)
    for letter in letters:
        group = samples[letter.fate.wanted.step, letter.message.language]
        if letter.fate.state == "sent" and letter.fate.channel == "sms" and len(group) < SAMPLE:
            group.append(letter)
    chosen = [letter for group in samples.values() for letter in group]
    writer = Letters([letter.message for letter in chosen], rules.shop)
    for letter in chosen:
        try:
            letter.fate.segments = writer.compose(letter.message, letter.message.customer).segments
        except CannotCompose as error:
            letter.fate.state, letter.fate.reason = "withheld", str(error.reason)
