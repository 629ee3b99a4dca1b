"""Codes are given, and known to what follows in the same run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from crm.lib import bulk, zones
from crm.models import Promotion, Shop
from crm.selectors.promotions import for_template
from crm.services import coupons
from crm.services.coupons import Gift
from journeys.flows.effects.base import Order
from journeys.flows.steps.coupon import PutCoupon
from journeys.models import Enrolment

ROOT = "coupon"


def put(orders: Sequence[Order[PutCoupon]], now: datetime) -> None:
    given = [order for order in orders if not order.effect.refused]
    promotions = dict(
        Promotion.objects.filter(slug__in={order.effect.promotion for order in given}).values_list("slug", "pk")
    )
    gifts = [
        Gift(promotions[order.effect.promotion], order.run.customer_id, f"flow:{order.flow.slug}", order.key)
        for order in given
    ]
    shop = Shop.current().time_zone
    for order in orders:
        # A new dict: the old one may be shared with what was queued before.
        order.run.context = {name: value for name, value in order.run.context.items() if name != ROOT}
    for order, coupon in zip(given, coupons.give(gifts, now=now), strict=True):
        order.run.context[ROOT] = for_template(coupon, zones.zone(order.run.time_zone, shop))
    rows = [{"id": order.run.pk, "context": order.run.context} for order in orders]
    bulk.update_rows(Enrolment, rows, fields=["context"])
