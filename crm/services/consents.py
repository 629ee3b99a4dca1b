"""Consent: every change is evidence first, then the state it adds up to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from crm.events import log
from crm.events.types import EventDraft
from crm.models import Channel, Consent, ConsentEvent, Customer, State, Topic, User

Changes = Mapping[str, Mapping[str, str]]  # {channel: {topic slug: "in" or "out"}}


class InvalidConsent(ValueError):
    """A channel, topic or state that does not exist; `path` says where: "sms.promotions"."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


@transaction.atomic
def record_consents(
    customer: Customer,
    changes: Changes,
    *,
    via: str,
    now: datetime,
    occurred_at: datetime | None = None,
    wording: str = "",
    detail: str = "",
    actor: User | None = None,
    ip: str | None = None,
    user_agent: str = "",
) -> list[ConsentEvent]:
    """
    Write down what a customer agreed to or withdrew, with the evidence.

    Evidence older than what the present state rests on is kept and changes nothing.

    Args:
        changes: {"sms": {"promotions": "in"}}.
        via: one of ConsentEvent.Via.

    Raises:
        InvalidConsent: an unknown channel, topic or state; nothing is written then.
    """
    at = occurred_at or now
    topics = {topic.slug: topic for topic in Topic.objects.all()}
    wanted = [_checked(channel, slug, state, topics) for channel, of in changes.items() for slug, state in of.items()]
    evidence = ConsentEvent.objects.bulk_create(
        ConsentEvent(
            customer=customer, channel=channel, topic=topic, state=state, via=via, wording=wording, detail=detail,
            actor=actor, ip=ip, user_agent=user_agent[:200], occurred_at=at, recorded_at=now,
        )
        for channel, topic, state in wanted
    )  # fmt: skip
    current = {(row.channel, row.topic_id): row for row in Consent.objects.filter(customer=customer)}
    newer = [
        event for event in evidence if not (row := current.get((event.channel, event.topic_id))) or row.since <= at
    ]
    Consent.objects.bulk_create(
        [
            Consent(customer=customer, channel=event.channel, topic=event.topic, state=event.state, since=at)
            for event in newer
        ],
        update_conflicts=True,
        unique_fields=["customer", "channel", "topic"],
        update_fields=["state", "since"],
    )
    changed = [
        event
        for event in newer
        if not (row := current.get((event.channel, event.topic_id))) or row.state != event.state
    ]
    facts = [_fact(event) for event in changed]
    log.record_many(facts, now=now)
    return evidence


class NoEvidence(ValueError):
    """A yes that nobody could prove; `field` names what is missing: "source" or "wording"."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


def record_by_staff(
    customer: Customer,
    *,
    channel: str,
    topic: str,
    state: str,
    source: str,
    wording: str,
    actor: User,
    now: datetime,
) -> ConsentEvent:
    """
    A member of staff writes down what the customer told them. A no is taken at its word, a yes needs its evidence.

    Args:
        topic: its slug.
        source: where and how they said it; kept as the evidence's detail.
        wording: what they were asked.

    Raises:
        NoEvidence: a yes without source or wording.
        InvalidConsent: an unknown channel, topic or state.
    """
    source, wording = " ".join(source.split()), wording.strip()
    if state == State.IN:
        for field, value in (("source", source), ("wording", wording)):
            if not value:
                raise NoEvidence(field, "is needed for a yes")
    (event,) = record_consents(
        customer, {channel: {topic: state}}, via=ConsentEvent.Via.STAFF, now=now, wording=wording, detail=source[:200],
        actor=actor,
    )  # fmt: skip
    return event


def _checked(channel: str, slug: str, state: str, topics: Mapping[str, Topic]) -> tuple[str, Topic, str]:
    if channel not in Channel.values:
        raise InvalidConsent(channel, f"unknown channel; known are {', '.join(Channel.values)}")
    if slug not in topics:
        raise InvalidConsent(f"{channel}.{slug}", f"unknown topic; known are {', '.join(sorted(topics))}")
    if state not in State.values:
        raise InvalidConsent(f"{channel}.{slug}", 'must be "in" or "out"')
    return channel, topics[slug], state


def _fact(event: ConsentEvent) -> EventDraft:
    return EventDraft(
        name="Consent Changed",
        customer_id=event.customer_id,
        occurred_at=event.occurred_at,
        dedupe_key=f"consent:{event.pk}",
        properties={"channel": event.channel, "topic": event.topic.slug, "state": event.state, "via": event.via},
    )
