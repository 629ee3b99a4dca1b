"""Two records that are one person become one."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from crm.events import log
from crm.events.signals import customers_merged
from crm.events.types import EventDraft
from crm.models import (
    Consent,
    ConsentEvent,
    Coupon,
    Customer,
    CustomerMerge,
    Event,
    HookDelivery,
    Identity,
    Note,
    Purchase,
    Refund,
    Review,
    SegmentMember,
    Task,
    Ticket,
    TouchpointVisit,
    User,
)

MOVED = (
    Identity, Event, Purchase, Refund, Ticket, Review, TouchpointVisit, Note, Task, ConsentEvent, Coupon, HookDelivery,
)  # fmt: skip
_FILLED = ("name", "email", "phone", "line_id", "language", "time_zone", "birthday", "owner_id", "company_id")


class CannotMerge(ValueError):
    """The two cannot become one; the message says why."""


@transaction.atomic
def merge_customers(
    *, survivor: Customer, loser: Customer, reason: str, actor: User | None, now: datetime
) -> CustomerMerge:
    """
    Move everything of `loser` to `survivor`; the loser's row stays, empty, pointing there.

    Blank fields of the survivor are filled, never overwritten. Of two consents for one channel and topic the newer
    stands. Apps above move their rows on `customers_merged`.

    Raises:
        CannotMerge: they are the same row, or one of them is merged away already.
    """
    if survivor.pk == loser.pk:
        raise CannotMerge("a customer cannot be merged into themselves")
    if survivor.merged_into_id or loser.merged_into_id:
        raise CannotMerge("one of them has been merged before")
    moved = {}
    for model in MOVED:
        rows = model._default_manager.filter(customer=loser)
        ids = list(rows.values_list("pk", flat=True))
        if ids:
            moved[model._meta.label] = ids
            rows.update(customer=survivor)
    _merge_consents(survivor, loser)
    _merge_memberships(survivor, loser)
    survivor.tags.add(*loser.tags.all())
    _fill(survivor, loser)
    loser.merged_into = survivor
    loser.facts_deferred = survivor.facts_deferred = True
    loser.save()
    survivor.save()
    merge = CustomerMerge.objects.create(
        survivor=survivor, loser=loser, reason=reason, actor=actor, moved=moved, merged_at=now
    )
    log.record(
        EventDraft(
            name="Customer Merged",
            customer_id=survivor.pk,
            occurred_at=now,
            dedupe_key=f"merge:{merge.pk}",
            properties={"from": str(loser.public_id), "reason": reason},
        ),
        now=now,
    )
    customers_merged.send(sender=Customer, survivor=survivor, loser=loser, now=now)
    return merge


def _merge_consents(survivor: Customer, loser: Customer) -> None:
    own = {(consent.channel, consent.topic_id): consent for consent in survivor.consents.all()}
    for consent in loser.consents.all():
        twin = own.get((consent.channel, consent.topic_id))
        if twin is None:
            consent.customer = survivor
            consent.save(update_fields=["customer"])
        elif consent.since > twin.since:
            Consent.objects.filter(pk=twin.pk).update(state=consent.state, since=consent.since)
            consent.delete()


def _merge_memberships(survivor: Customer, loser: Customer) -> None:
    """Whoever was in a segment as the loser is in it as the survivor, and has not entered it anew."""
    own = SegmentMember.objects.filter(customer=survivor).values("segment_id")
    theirs = SegmentMember.objects.filter(customer=loser)
    theirs.exclude(segment_id__in=own).update(customer=survivor)
    theirs.delete()


def _fill(survivor: Customer, loser: Customer) -> None:
    for name in _FILLED:
        if not getattr(survivor, name) and getattr(loser, name):
            setattr(survivor, name, getattr(loser, name))
    survivor.attributes = {**loser.attributes, **survivor.attributes}
    survivor.is_visitor = survivor.is_visitor and loser.is_visitor
    survivor.created_at = min(survivor.created_at, loser.created_at)
    seen = [at for at in (survivor.last_seen_at, loser.last_seen_at) if at]
    survivor.last_seen_at = max(seen, default=None)
