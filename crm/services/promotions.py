"""Promotions: made and edited. Their codes: crm.services.coupons."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm.lib.money import Money
from crm.lib.slugs import free_slug
from crm.models import Promotion, Segment, User
from crm.rules import InvalidRule, parse_rule
from crm.rules.leaves.segments import segment_faults, segments_named
from crm.rules.schema import Fault

RESERVED = frozenset({"new", "redeem"})  # pages of their own
# What may be edited. The slug stays: flows speak of the promotion by it.
EDITABLE = (
    "name", "kind", "percent", "amount", "terms", "starts_at", "ends_at", "coupon_days", "limit", "limit_per_customer",
    "audience", "is_active",
)  # fmt: skip
Kind = Promotion.Kind


class InvalidPromotion(ValueError):
    """A value the promotion cannot hold; `field` names it. For the audience, `faults` says where in the rule."""

    def __init__(self, field: str, message: str, faults: list[Fault] | None = None) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
        self.faults = faults or []


@transaction.atomic
def create_promotion(*, fields: Mapping[str, Any], actor: User | None, now: datetime, slug: str = "") -> Promotion:
    """
    Offer something.

    Args:
        fields: of EDITABLE; `amount` is Money, `audience` a rule (everybody unless given). Without `kind` it is what
            `percent` or `amount` say, else something in words.
        slug: how flows and programs speak of it; from the name unless given.

    Raises:
        InvalidPromotion: a bad value, or the slug is taken.
    """
    slug = slug or free_slug(str(fields.get("name", "")), Promotion.objects.all(), stem="promotion", reserved=RESERVED)
    if slug in RESERVED:
        raise InvalidPromotion("slug", _("is taken"))
    promotion = Promotion(slug=slug, created_by=actor, created_at=now)
    given = Kind.PERCENT if fields.get("percent") else Kind.AMOUNT if fields.get("amount") else Kind.TEXT
    return _write(promotion, {"kind": given, **fields})


@transaction.atomic
def edit_promotion(promotion: Promotion, changes: Mapping[str, Any]) -> Promotion:
    """
    Change some of EDITABLE. Codes that were given keep their own expiry, and their promotion's new terms.

    Raises:
        InvalidPromotion: a bad value; also a limit below what has been redeemed already.
    """
    return _write(Promotion.objects.select_for_update().get(pk=promotion.pk), changes)


def _write(promotion: Promotion, changes: Mapping[str, Any]) -> Promotion:
    for field in EDITABLE:
        if field in changes and field != "amount":
            setattr(promotion, field, changes[field])
    if "amount" in changes:
        amount: Money | None = changes["amount"]
        promotion.amount_minor, promotion.currency = (amount.minor, amount.currency) if amount else (None, "")
    promotion.name, promotion.terms = promotion.name.strip(), promotion.terms.strip()
    promotion.audience = promotion.audience or {}
    _check_terms(promotion)
    _check_audience(promotion.audience)
    try:
        promotion.full_clean(exclude=["created_by"])
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise InvalidPromotion(field, messages[0]) from error
    promotion.save()
    return promotion


def _check_terms(promotion: Promotion) -> None:
    """What it gives is said once, in the way of its kind."""
    if promotion.kind == Kind.PERCENT and not promotion.percent:
        raise InvalidPromotion("percent", _("say how much, from 1 to 100"))
    if promotion.kind == Kind.AMOUNT and not (promotion.amount_minor and promotion.amount_minor > 0):
        raise InvalidPromotion("amount", _("say how much, more than nothing"))
    if promotion.kind == Kind.TEXT and not promotion.terms:
        raise InvalidPromotion("terms", _("say what it gives"))
    if promotion.kind != Kind.PERCENT:
        promotion.percent = None
    if promotion.kind != Kind.AMOUNT:
        promotion.amount_minor, promotion.currency = None, ""
    if promotion.starts_at and promotion.ends_at and promotion.ends_at <= promotion.starts_at:
        raise InvalidPromotion("ends_at", _("is before the beginning"))
    if promotion.limit is not None and promotion.limit < promotion.redeemed_count:
        said = _("%(n)s have been redeemed already") % {"n": promotion.redeemed_count}
        raise InvalidPromotion("limit", said)


def _check_audience(rule: Any) -> None:
    try:
        parse_rule(rule)
    except InvalidRule as error:
        raise InvalidPromotion("audience", str(error), list(error.faults)) from error
    # Whoever is just deleting a segment that it names takes turns with us.
    named = {slug for _path, slug in segments_named(rule)}
    list(Segment.objects.select_for_update().filter(slug__in=named).order_by("pk"))
    if faults := segment_faults(rule):
        raise InvalidPromotion("audience", "; ".join(map(str, faults)), faults)
