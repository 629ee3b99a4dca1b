"""Put messages on the ledger. Nobody else creates them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.db import transaction
from django.db.models import TextField
from django.db.models.functions import Cast

from crm.events import log
from crm.lib import bell, bulk
from crm.lib.among import Among
from crm.models import Channel, Customer, Shop, Topic
from messaging.channels.reasons import Reason
from messaging.models import ChannelSettings, Message, Template
from messaging.models.suppression import hash_address
from messaging.outbox import announce, policy, restores
from messaging.outbox.facts import Wishes
from messaging.outbox.ways import Way, choose

BELL = "send_due"
_CHANNELS = frozenset(Channel.values)


class InvalidRequest(ValueError):
    """A request that can never become a message; says which, and why."""

    def __init__(self, request: MessageRequest, fault: str) -> None:
        super().__init__(f"{request.dedupe_key}: {fault}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRequest:
    """
    What somebody wants said.

    Attributes:
        channel, fallback: tried in this order; the first is used on which we have the customer's address and they want
            to be written to, as of now.
        topic: slug of a topic; it says whether this is marketing.
        template: slug of a template; or `subject` and `body`, Liquid as well, filled in when it is sent.
        is_literal: `subject` and `body` are final, as a person typed them.
        is_answer: the answer to a keyword the person has just sent; see messaging.outbox.policy.
        address: write here rather than to the address on the customer's record.
        language: write in this language rather than in the customer's.
        context: JSON data for the template, by root: {"order": {...}}; roots are those of texts.variables.OPEN.
        dedupe_key: names the intent, e.g. "enrolment:12:ask:1". The same key again is the same message.
        cause: JSON shown to staff and told with every fact, e.g. {"kind": "flow", "flow": slug, "enrolment": 12}.
        not_before, expires_at: aware; not sent earlier, of no use from then on.
        meant_at: when its cause asked for it, if not now: a step taken late, a fact told late. In a database that was
            restored it may have gone out then; see messaging.outbox.restores.
        priority: of one customer's messages on one channel the higher goes first, and gets the room under a cap.
    """

    customer_id: int
    channel: str
    topic: str
    dedupe_key: str
    template: str = ""
    subject: str = ""
    body: str = ""
    fallback: Sequence[str] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    cause: Mapping[str, Any] = field(default_factory=dict)
    not_before: datetime | None = None
    expires_at: datetime | None = None
    meant_at: datetime | None = None
    over_cap: Literal["skip", "hold"] = "skip"
    priority: int = 0
    is_literal: bool = False
    is_answer: bool = False
    address: str = ""
    language: str = ""


@transaction.atomic
def queue_messages(requests: Sequence[MessageRequest], *, now: datetime) -> list[Message]:
    """
    Write a row for each request, in the caller's transaction; a fixed number of queries, whatever their number.

    Whether a message may go out is asked when it is sent. Only what can never be sent is decided here: we have no
    address (withheld, "unreachable"), or there is no such template (failed, "no_template"); the row says so, and the
    caller goes on. What may have gone out before the database was restored is left to a person (unclear, "restored").

    Returns:
        One message per request, in order; for a known dedupe key the message of that time, untouched.

    Raises:
        InvalidRequest: an unknown customer, topic or channel, or nothing to say. Nothing is written then.
    """
    if not requests:
        return []
    desk = Desk(requests)
    rows = [desk.row(request, now) for request in requests]
    new = bulk.insert_new(Message, rows, unique=("dedupe_key",))
    by_key = {message.dedupe_key: message for message in new}
    if len(by_key) < len(requests):
        known = {request.dedupe_key for request in requests} - by_key.keys()
        found = Message.objects.filter(dedupe_key__in=known).select_related("topic", "template")
        by_key.update((message.dedupe_key, message) for message in found)
    ended = [message for message in new if message.state != Message.State.QUEUED]
    known_fate = [message for message in ended if message.state != Message.State.UNKNOWN_FINAL]
    if known_fate:
        tell = {Message.State.WITHHELD: announce.withheld, Message.State.FAILED: announce.failed}
        log.record_many([tell[Message.State(message.state)](message, now) for message in known_fate], now=now)
    if len(ended) < len(new):
        bell.ring(BELL)
    return [by_key[request.dedupe_key] for request in requests]


@dataclass(frozen=True, slots=True)
class _Person:
    """What of a customer a message needs."""

    addresses: Mapping[str, str]
    language: str


# Where a channel's address stands. The number is read as the text it is: taking it apart, for thousands, takes longer
# than all the rest.
ADDRESS_COLUMNS = {Channel.SMS.value: "number", Channel.EMAIL.value: "email", Channel.LINE.value: "line_id"}


def _people(ids: Collection[int]) -> dict[int, _Person]:
    """By id."""
    rows = Customer.objects.filter(Among("pk", ids)).annotate(number=Cast("phone", TextField()))
    return {
        pk: _Person(dict(zip(ADDRESS_COLUMNS, addresses, strict=True)), language)
        for pk, language, *addresses in rows.values_list("pk", "language", *ADDRESS_COLUMNS.values())
    }


class Desk:
    """What a batch of requests needs to know, read once."""

    def __init__(self, requests: Sequence[MessageRequest]) -> None:
        self._people = _people({request.customer_id for request in requests})
        self._topics = {topic.slug: topic for topic in Topic.objects.all()}
        self._channels = set(ChannelSettings.objects.values_list("channel", flat=True))
        self._language = Shop.current().language
        slugs = {request.template for request in requests} - {""}
        live = Template.objects.filter(slug__in=slugs, versions__published_at__isnull=False).distinct()
        self._templates = {(template.slug, template.channel): template for template in live if slugs}
        self._wishes = self._wishes_of(requests)
        self._lost = restores.lost() if any(request.meant_at for request in requests) else ()

    def row(self, request: MessageRequest, now: datetime) -> Message:
        """The ledger row for one request, not saved."""
        person, topic = self._check(request)
        way = self._way(request, person, topic)
        planned = max(request.not_before or now, now)
        message = bulk.new_row(
            Message,
            dedupe_key=request.dedupe_key,
            customer_id=request.customer_id,
            channel=way.channel,
            topic=topic,
            lane=Message.Lane.MARKETING if topic.is_marketing else Message.Lane.SERVICE,
            address=way.address,
            address_hash=hash_address(way.channel, way.address),
            language=request.language or person.language or self._language,
            template=self._templates.get((request.template, way.channel)) if request.template else None,
            is_literal=request.is_literal,
            context=dict(request.context),
            cause=dict(request.cause),
            priority=request.priority,
            over_cap=request.over_cap,
            is_answer=request.is_answer,
            queued_at=now,
            planned_at=planned,
            due_at=planned,
            expires_at=request.expires_at,
        )
        if request.is_literal:
            message.subject, message.body = " ".join(request.subject.split()), request.body
        elif not request.template:
            message.source_subject, message.source_body = request.subject, request.body
        if way.fault and way.is_dead_end:
            unreachable = way.fault == Reason.UNREACHABLE
            message.state = Message.State.WITHHELD if unreachable else Message.State.FAILED
            message.reason, message.ended_at = way.fault, now
        elif request.meant_at and (lost := restores.when_lost(request.meant_at, self._lost)):
            message.planned_at = request.meant_at
            if not lost.is_open:
                message.state, message.reason = Message.State.UNKNOWN_FINAL, Reason.RESTORED
                message.cleared_at, message.ended_at = request.meant_at, now
        return message

    def _check(self, request: MessageRequest) -> tuple[_Person, Topic]:
        person, topic = self._people.get(request.customer_id), self._topics.get(request.topic)
        if person is None:
            raise InvalidRequest(request, f"there is no customer {request.customer_id}")
        if topic is None:
            raise InvalidRequest(request, f"unknown topic {request.topic!r}; known are {', '.join(self._topics)}")
        for channel in (request.channel, *request.fallback):
            if channel not in _CHANNELS:
                raise InvalidRequest(request, f"unknown channel {channel!r}; known are {', '.join(Channel.values)}")
        if bool(request.template) == bool(request.body):
            raise InvalidRequest(request, "needs either a template or a text")
        return person, topic

    def _way(self, request: MessageRequest, person: _Person, topic: Topic) -> Way:
        return choose(
            self._looked_at(request, person, topic, channel) for channel in (request.channel, *request.fallback)
        )

    def _looked_at(self, request: MessageRequest, person: _Person, topic: Topic, channel: str) -> Way:
        address = request.address or person.addresses[channel]
        if not address or channel not in self._channels:
            return Way(channel, "", Reason.UNREACHABLE)
        if request.template and (request.template, channel) not in self._templates:
            return Way(channel, "", Reason.NO_TEMPLATE)
        if not request.fallback:
            return Way(channel, address)  # nothing to choose; the sender asks
        asked = policy.MessageFacts(channel, topic.slug, topic.is_marketing, request.is_answer)
        consent = self._wishes.consent(request.customer_id, channel, topic.pk)
        scopes = self._wishes.suppressed(channel, hash_address(channel, address))
        return Way(channel, address, policy.wishes(asked, consent, scopes))

    def _wishes_of(self, requests: Sequence[MessageRequest]) -> Wishes:
        """What decides between channels; nothing is asked for those that have no choice."""
        ways = [
            (request, channel)
            for request in requests
            if request.fallback and request.customer_id in self._people
            for channel in {request.channel, *request.fallback} & _CHANNELS
        ]
        if not ways:
            return Wishes({}, {})
        hashes = {
            hash_address(channel, request.address or self._people[request.customer_id].addresses[channel])
            for request, channel in ways
        }
        topics = {self._topics[request.topic].pk for request, _channel in ways if request.topic in self._topics}
        return Wishes.read(
            {request.customer_id for request, _ in ways}, {channel for _, channel in ways}, topics, hashes - {""}
        )
