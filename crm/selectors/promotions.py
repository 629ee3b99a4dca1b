"""Who may have a promotion's code, and what came of its codes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, F, OuterRef, Q, Subquery, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from crm.extensions import Use
from crm.lib.among import Among
from crm.lib.money import Money
from crm.models import Coupon, Customer, Promotion, Purchase
from crm.models.coupon import STATES
from crm.rules import matches, parse_rule
from crm.rules.leaves.segments import segments_named

# What templates may ask of a coupon (`for_template`).
TEMPLATE_NAMES = (
    "code", "expires_on", "expires_at", "promotion", "value", "terms", "kind", "percent", "amount", "currency",
)  # fmt: skip
NO_PROMOTION, NOT_IN_AUDIENCE, ALREADY_REDEEMED = "no_promotion", "not_in_audience", "already_redeemed"


def why_not(wanted: Mapping[str, Collection[int]], *, now: datetime) -> dict[tuple[str, int], str]:
    """
    Which of these customers would get nothing by a code of these promotions, and why.

    One query for the promotions, one for each audience, one for what was redeemed.

    Args:
        wanted: customers by the slug of a promotion.

    Returns:
        (slug, customer) → no_promotion, not_in_audience, already_redeemed, or as Promotion.refuses; nothing for others.
    """
    promotions = {promotion.slug: promotion for promotion in Promotion.objects.filter(slug__in=wanted)}
    used = _often_redeemed([it.pk for it in promotions.values()], {pk for ids in wanted.values() for pk in ids})
    refused: dict[tuple[str, int], str] = {}
    for slug, customers in wanted.items():
        promotion = promotions.get(slug)
        reason = promotion.refuses(now) if promotion else NO_PROMOTION
        if promotion is None or reason:
            refused |= {(slug, customer): reason for customer in customers}
            continue
        welcome = matches(parse_rule(promotion.audience), set(customers), now=now) if promotion.audience else customers
        most = promotion.limit_per_customer
        for customer in customers:
            if customer not in welcome:
                refused[slug, customer] = NOT_IN_AUDIENCE
            elif most is not None and used[promotion.pk, customer] >= most:
                refused[slug, customer] = ALREADY_REDEEMED
    return refused


def uses_of_segment(slug: str) -> list[Use]:
    """The promotions whose audience names the segment, those that are over too: their codes are still asked about."""
    return [
        Use(_("promotion"), promotion.name, promotion.get_absolute_url())
        for promotion in Promotion.objects.exclude(audience={}).order_by("name", "pk")
        if slug in {named for _path, named in segments_named(promotion.audience)}
    ]


def for_template(coupon: Coupon, zone: ZoneInfo) -> dict[str, Any]:
    """
    What templates know of a coupon, as JSON: `{{ coupon.code }}`, `{{ coupon.expires_on }}` …

    Args:
        zone: whose day `expires_on` is a date of; it and `expires_at` are None for a code that does not expire.
    """
    promotion = coupon.promotion
    expires_at = coupon.expires_at
    return {
        "code": coupon.code,
        "expires_on": expires_at.astimezone(zone).date().isoformat() if expires_at else None,
        "expires_at": expires_at.isoformat() if expires_at else None,
        "promotion": promotion.name,
        "value": promotion.value,
        "terms": promotion.terms,
        "kind": promotion.kind,
        "percent": promotion.percent,
        "amount": str(promotion.amount.amount) if promotion.amount else None,
        "currency": promotion.currency or None,
    }


def coupons_of(customer: Customer, *, most: int) -> list[Coupon]:
    """A customer's latest `most` codes, each with the public id of the order it was redeemed for as `order_id`."""
    order = Purchase.objects.filter(
        customer=customer, source=OuterRef("purchase_source"), reference=OuterRef("purchase_reference")
    )
    rows = Coupon.objects.filter(customer=customer).select_related("promotion")
    return list(rows.annotate(order_id=Subquery(order.values("public_id")[:1])).order_by("-pk")[:most])


@dataclass(frozen=True, slots=True)
class Standing:
    """A coupon as a list shows it: `state` as Coupon.state, `label` in words."""

    coupon: Coupon
    state: str
    label: str | Promise


def standing(coupons: Iterable[Coupon], now: datetime) -> list[Standing]:
    return [Standing(coupon, state, STATES[state]) for coupon in coupons for state in (coupon.state(now),)]


@dataclass(frozen=True, slots=True)
class Results:
    """What came of a promotion's codes. `revenue` is of the orders they were redeemed for, less refunds."""

    given: int
    redeemed: int
    orders: int
    revenue: list[Money]


def results_of(promotion: Promotion) -> Results:
    """Two queries."""
    codes = Coupon.objects.filter(promotion=promotion).aggregate(
        given=Count("pk"), redeemed=Count("pk", filter=Q(redeemed_at__isnull=False))
    )
    bought = Coupon.objects.redeemed().filter(
        promotion=promotion, purchase_source=OuterRef("source"), purchase_reference=OuterRef("reference")
    )
    orders = Purchase.objects.counted().filter(Exists(bought)).order_by().values("currency")
    sums = orders.annotate(n=Count("pk"), minor=Sum(F("total_minor") - F("refunded_minor"))).order_by("currency")
    found = list(sums)
    return Results(
        **codes, orders=sum(row["n"] for row in found), revenue=[Money(row["minor"], row["currency"]) for row in found]
    )


def _often_redeemed(promotions: Collection[int], customers: Collection[int]) -> Mapping[tuple[int, int], int]:
    if not promotions or not customers:
        return defaultdict(int)
    rows = Coupon.objects.redeemed().filter(Among("customer", customers), promotion__in=promotions)
    counted = rows.order_by().values_list("promotion", "customer").annotate(n=Count("pk"))
    return defaultdict(int, {(promotion, customer): n for promotion, customer, n in counted if customer})
