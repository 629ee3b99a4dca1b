"""Bring the people and the flow of a script onto the stage: rows that are taken back afterwards."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import orjson
from django.db.models import Max

from crm.events import log
from crm.models import ConsentEvent, Customer, Shop
from crm.models.customer import search_text
from crm.services import consents, customers
from crm.services.attributes import changes_of
from journeys.flows import versions
from journeys.models import Flow, FlowVersion
from journeys.simulation.scripts import InvalidScript, Profile, Script, ShopRules
from messaging.outbox.facts import Rules


def bring_in(script: Script, shop: Shop) -> Customer:
    """
    The customer of the script, with what they agreed to.

    Somebody made up has a number of their own, below zero and drawn from what they are: the same person is always in
    the same share of a split, and no number of a real customer is used up.

    Raises:
        InvalidScript: a consent for a channel or topic that does not exist, or attributes that no record takes.
    """
    if isinstance(script.who, Customer):
        customer = Customer.objects.get(pk=script.who.pk)
        if script.rules.time_zone and not customer.time_zone:
            customer.time_zone = shop.time_zone
            Customer.objects.filter(pk=customer.pk).update(time_zone=shop.time_zone)
        return customer
    profile = script.who
    digest = hashlib.sha256(orjson.dumps(asdict(profile), option=orjson.OPT_SORT_KEYS)).digest()
    known_since = min([script.start, *(happening.at for happening in script.events)])
    customer = Customer(
        pk=-1 - int.from_bytes(digest[:6]),
        public_id=uuid.UUID(bytes=digest[:16], version=4),
        name=profile.name,
        email=profile.email,
        phone=profile.phone,
        line_id=profile.line_id,
        language=profile.language,
        time_zone=profile.time_zone or shop.time_zone,
        birthday=profile.birthday,
        source="simulation",
        created_at=known_since,
    )
    customer.attributes = customers.merge_attributes({}, profile.attributes)
    customer.search_text = search_text(customer)
    # In bulk, past the signals: nobody has become known.
    Customer.objects.bulk_create([customer])
    customers.add_tags(customer, profile.tags)
    change_consents(customer, profile.consents, now=known_since, path=("profile", "consents"))
    return customer


def change_consents(customer: Customer, changes: consents.Changes, *, now: datetime, path: tuple[str, ...]) -> None:
    """
    Record what the customer agrees to or withdraws.

    Raises:
        InvalidScript: below `path`.
    """
    if not changes:
        return
    try:
        consents.record_consents(customer, changes, via=ConsentEvent.Via.API, now=now)
    except consents.InvalidConsent as error:
        raise InvalidScript((*path, *error.path.split(".", 1)), error.message, "invalid_consent") from error


def change_attributes(customer: Customer, changes: Mapping[str, Any], *, now: datetime) -> None:
    """Merge into the customer's attributes as they stand; None removes a key."""
    fresh = Customer.objects.get(pk=customer.pk)
    fresh.attributes = customers.merge_attributes(fresh.attributes, changes)
    Customer.objects.filter(pk=fresh.pk).update(attributes=fresh.attributes)
    log.record_many(changes_of(fresh, now=now), now=now)


def open_flow(script: Script, *, now: datetime) -> FlowVersion:
    """
    The script's definition as the live version of its flow, or of one that exists for the occasion.

    Nobody made up is held out: who asks wants to see what would be sent.
    """
    definition = dict(script.definition)
    if isinstance(script.who, Profile):
        definition.pop("holdout", None)
    print_ = versions.fingerprint(definition)
    if script.flow:
        flow = Flow.objects.get(pk=script.flow.pk)  # the caller's own stays as it is
    else:
        flow = Flow.objects.create(slug=f"simulation-{print_[:16]}", name="Simulation", created_at=now, updated_at=now)
    newest = flow.versions.aggregate(newest=Max("number"))["newest"] or 0
    version = FlowVersion.objects.create(
        flow=flow, number=newest + 1, definition=definition, fingerprint=print_, published_at=now
    )
    flow.state, flow.live_version = Flow.State.LIVE, version
    flow.save(update_fields=["state", "live_version"])
    return version


def sending_rules(given: ShopRules) -> Rules:
    """The shop's rules of sending, with what the script sets in place of them."""
    rules = Rules.current()
    policy = rules.policy
    if given.quiet is not None:
        policy = replace(policy, quiet=given.quiet.quiet)
    if given.caps is not None:
        policy = replace(policy, caps=given.caps.caps)
    if given.time_zone:
        rules.shop.time_zone = given.time_zone
    return replace(rules, policy=policy)
