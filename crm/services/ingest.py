"""
What storefronts report, whichever door it came through: identities, facts and records, whole batches at a time.

Plain facts go straight to the log, in a fixed number of queries however many there are. Events that speak of a record
(an order, a refund, a review) become that record (`reports`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson
from django.db import transaction

from crm.events import log
from crm.events.types import ALIASES, EventDraft
from crm.lib import bulk, configuration
from crm.models import Identity, RejectedEvent, Touchpoint, TouchpointVisit
from crm.services import commerce, identities, profiles
from crm.services.identities import Identities
from crm.services.profiles import Profile, Said
from crm.services.reports import ACCEPTED, DUPLICATE, Report, Result, Status, record_reports

LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Item:
    """
    One thing a storefront reports about one person.

    Attributes:
        key: names the report within the source: the same key again is the same report. See `key_of`.
        identities, customer_id: who; one of the two.
        event: its name, in any version of the vocabulary; "" when it only says who somebody is.
        profile: what else was said of the person.
        campaign, visitor: the utm_campaign that brought them, and their browser's id.
        former: an id of the same storefront under which they were known before.
    """

    occurred_at: datetime
    key: str
    identities: Identities | None = None
    customer_id: int | None = None
    event: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    profile: Profile | None = None
    campaign: str = ""
    visitor: str = ""
    former: str = ""


Owned = tuple[int, Item, int]  # its place in the batch, and its customer


@dataclass(frozen=True, slots=True)
class Reject:
    """Something we could not take, as it was sent."""

    code: str
    message: str
    payload: Any


def key_of(given: str, *parts: Any) -> str:
    """The key of a report: the sender's id, hashed when too long; without one, a hash of all that tells it apart."""
    if given and len(given) <= LONGEST_KEY:
        return given
    material = given.encode() if given else orjson.dumps(parts, default=str, option=orjson.OPT_SORT_KEYS)
    return f"sha256:{hashlib.sha256(material).hexdigest()}"


@configuration.for_batch()
@transaction.atomic(savepoint=False)
def ingest_many(items: Sequence[Item], *, source: str, now: datetime) -> list[Result]:
    """
    Store what was reported and let the other apps react, in this transaction.

    Returns:
        One Result for each of `items`, in their order: accepted, duplicate (we had been told), or invalid and why.
    """
    if not items:
        return []
    results = _rename(items, source, now)
    people = _owners([(place, item) for place, item in enumerate(items) if place not in results], source, now)
    said = [Said(pk, item.profile, item.occurred_at) for _, item, pk in people if item.profile]
    if said:
        profiles.put_profiles(said, now=now)
    results |= _record_facts(people, source, now)
    _record_visits([(item, pk) for _, item, pk in people], now)
    spoken = [(place, _report(item, pk)) for place, item, pk in people if _is_record(item)]
    outcomes = record_reports([report for _, report in spoken], source=source, now=now)
    results.update(zip((place for place, _ in spoken), outcomes, strict=True))
    return [results.get(place, ACCEPTED) for place in range(len(items))]


def keep_rejects(rejects: Iterable[Reject], *, source: str, now: datetime) -> None:
    """Keep what we could not take, for staff to see and to try again."""
    RejectedEvent.objects.bulk_create(
        [
            RejectedEvent(
                source=source, received_at=now, code=reject.code[:64], message=reject.message[:500],
                payload=reject.payload,
            )
            for reject in rejects
        ],
        batch_size=500,
    )  # fmt: skip


def _rename(items: Sequence[Item], source: str, now: datetime) -> dict[int, Result]:
    """
    Somebody we know by a user id has a new one. Two people we know are never made one by a machine: that is said.

    A former id that was only a browser's is left to the resolving of identities.
    """
    renamed = {place: item for place, item in enumerate(items) if item.former and item.identities is not None}
    if not renamed:
        return {}
    new_ids = {place: next((key for _, key in item.identities.external), "") for place, item in renamed.items()}  # type: ignore[union-attr]
    rows = Identity.objects.filter(
        kind=Identity.Kind.EXTERNAL,
        source=source,
        value__in={*new_ids.values(), *(item.former for item in renamed.values())},
    )
    known = dict(rows.values_list("value", "customer_id"))
    refused = {}
    added = []
    for place, item in renamed.items():
        person, other = known.get(item.former), known.get(new_ids[place])
        if person and other and person != other:
            refused[place] = Result(Status.INVALID, "two_people", "both ids are known, and belong to two people")
        elif person and not other and new_ids[place]:
            known[new_ids[place]] = person
            added.append(
                Identity(
                    customer_id=person, kind=Identity.Kind.EXTERNAL, source=source, value=new_ids[place], created_at=now
                )
            )
    bulk.insert_new(Identity, added, unique=("kind", "value", "source"))
    return refused


def _owners(entries: Sequence[tuple[int, Item]], source: str, now: datetime) -> list[Owned]:
    """Whose each item is; unknown people are made."""
    asked = [item for _, item in entries if item.identities is not None]
    resolved = iter(
        identities.resolve_many(
            [item.identities for item in asked if item.identities is not None],
            now=now,
            source=source,
            known_at=[min(item.occurred_at, now) for item in asked],
            names=[item.profile.name if item.profile else "" for item in asked],
        )
        if asked
        else ()
    )
    return [
        (place, item, item.customer_id or 0 if item.identities is None else next(resolved).customer_id)
        for place, item in entries
    ]


def _name(item: Item) -> str:
    return ALIASES.get(item.event, item.event)


def _is_record(item: Item) -> bool:
    return _name(item) in commerce.RECORD_EVENTS


def _report(item: Item, customer_id: int) -> Report:
    return Report(_name(item), item.key, customer_id, item.occurred_at, item.properties)


def _record_facts(people: Sequence[Owned], source: str, now: datetime) -> dict[int, Result]:
    plain = [(place, item, pk) for place, item, pk in people if item.event and not _is_record(item)]
    events = log.record_many(
        [
            EventDraft(
                name=_name(item), customer_id=pk, occurred_at=item.occurred_at, dedupe_key=item.key, source=source,
                properties=item.properties,
            )
            for _, item, pk in plain
        ],
        now=now,
    )  # fmt: skip
    new = {event.dedupe_key for event in events}
    results = {}
    for place, item, _ in plain:
        results[place] = ACCEPTED if item.key in new else DUPLICATE
        new.discard(item.key)  # a second time in one batch is a duplicate too
    return results


def _record_visits(people: Sequence[tuple[Item, int]], now: datetime) -> None:
    """
    Somebody came through a campaign that is one of our touchpoints: one visit a day, however many pages they saw.

    Every event of the visit repeats the campaign, so the day is in the fact's key.
    """
    campaigns = {item.campaign for item, _ in people if item.campaign}
    touchpoints = {
        point.campaign: point for point in (Touchpoint.objects.filter(campaign__in=campaigns) if campaigns else ())
    }
    visits: dict[str, TouchpointVisit] = {}
    drafts = []
    for item, pk in people:
        if touchpoint := touchpoints.get(item.campaign):
            visit = TouchpointVisit(
                touchpoint=touchpoint, customer_id=pk, visitor=item.visitor[:64], visited_at=item.occurred_at
            )
            key = f"campaign:{touchpoint.code}:{pk}:{item.occurred_at:%Y-%m-%d}"
            if key not in visits:
                visits[key] = visit
                drafts += [replace(fact, dedupe_key=key) for fact in visit.facts()]
    new = log.record_many(drafts, now=now) if drafts else []
    bulk.insert_new(TouchpointVisit, [visits[event.dedupe_key] for event in new], unique=("public_id",))
