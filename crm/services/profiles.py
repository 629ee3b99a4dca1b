"""What storefronts say of people besides what they did: names, languages, companies, attributes, consent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import transaction
from simple_history.utils import bulk_update_with_history

from crm.events import log
from crm.models import Company, Consent, ConsentEvent, Customer, State, Topic
from crm.models.customer import search_text
from crm.services import consents, customers
from crm.services.attributes import changes_of

_PLAIN = ("name", "language", "time_zone", "birthday")


@dataclass(frozen=True, slots=True)
class CompanySaid:
    """A company by its outside id."""

    external_id: str
    name: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """
    What was said of a person. Empty and None leave the record as it is; attributes are merged, null removes one.

    `marketing` is consent to every marketing topic, by channel.
    """

    name: str = ""
    language: str = ""
    time_zone: str = ""
    birthday: date | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    company: CompanySaid | None = None
    marketing: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    customer_id: int
    profile: Profile
    occurred_at: datetime


@transaction.atomic
def put_profiles(said: Sequence[Said], *, now: datetime) -> None:
    """
    Put on the records what was said of their people, later words over earlier ones.

    A fixed number of queries for the batch; only consent that changes costs more, since each change is evidence.
    """
    people = Customer.objects.in_bulk({entry.customer_id for entry in said})
    companies = _companies([entry.profile.company for entry in said if entry.profile.company])
    changed = {}
    for entry in said:
        if _apply(people[entry.customer_id], entry.profile, companies):
            changed[entry.customer_id] = people[entry.customer_id]
    if changed:
        for person in changed.values():
            person.search_text = search_text(person)
        bulk_update_with_history(
            list(changed.values()),
            Customer,
            [*_PLAIN, "attributes", "company", "search_text"],
            batch_size=500,
            default_change_reason="reported by a storefront",
        )
        drafts = [draft for person in changed.values() for draft in changes_of(person, now=now)]
        log.record_many(drafts, now=now)
    _record_marketing(said, people, now)


def _apply(customer: Customer, profile: Profile, companies: Mapping[str, Company]) -> bool:
    wanted: dict[str, Any] = {name: getattr(profile, name) for name in _PLAIN if getattr(profile, name)}
    attributes = customers.merge_attributes(customer.attributes, profile.attributes)
    if len(attributes) <= customers.MAX_ATTRIBUTES:
        wanted["attributes"] = attributes
    if profile.company:
        wanted["company_id"] = companies[profile.company.external_id].pk
    changed = {name: value for name, value in wanted.items() if getattr(customer, name) != value}
    for name, value in changed.items():
        setattr(customer, name, value)
    return bool(changed)


def _companies(said: Iterable[CompanySaid]) -> dict[str, Company]:
    """The companies by outside id, made where missing and with what was said of them."""
    latest: dict[str, CompanySaid] = {}
    for news in said:
        before = latest.get(news.external_id, CompanySaid(news.external_id))
        latest[news.external_id] = CompanySaid(
            news.external_id, news.name or before.name, {**before.attributes, **news.attributes}
        )
    if not latest:
        return {}
    Company.objects.bulk_create(
        [Company(external_id=key, name=news.name) for key, news in sorted(latest.items())], ignore_conflicts=True
    )
    found = {company.external_id: company for company in Company.objects.filter(external_id__in=latest)}
    changed = []
    for key, company in found.items():
        name = latest[key].name or company.name
        attributes = customers.merge_attributes(company.attributes, latest[key].attributes)
        if (name, attributes) != (company.name, company.attributes):
            company.name, company.attributes = name, attributes
            changed.append(company)
    Company.objects.bulk_update(changed, ["name", "attributes"])
    return found


def _record_marketing(said: Sequence[Said], people: Mapping[int, Customer], now: datetime) -> None:
    """A storefront repeats the state of its checkbox with every identify; only a change of it is evidence."""
    asked = [entry for entry in said if entry.profile.marketing]
    if not asked:
        return
    topics = {topic.slug: topic.pk for topic in Topic.objects.filter(is_marketing=True)}
    rows = Consent.objects.filter(customer__in={entry.customer_id for entry in asked}, topic__in=topics.values())
    current = {(row.customer_id, row.channel, row.topic_id): row.state for row in rows}
    for entry in asked:
        changes: dict[str, dict[str, str]] = {}
        for channel, agreed in entry.profile.marketing.items():
            state = State.IN if agreed else State.OUT
            for slug, topic in topics.items():
                if current.get((entry.customer_id, channel, topic)) != state:
                    changes.setdefault(channel, {})[slug] = state
                    current[entry.customer_id, channel, topic] = state
        if changes:
            consents.record_consents(
                people[entry.customer_id], changes, via=ConsentEvent.Via.API, now=now, occurred_at=entry.occurred_at
            )
