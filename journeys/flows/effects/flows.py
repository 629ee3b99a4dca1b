"""Customers enter other flows, and leave them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import Q

from journeys.flows import enrolment, leaving
from journeys.flows.effects.base import Order
from journeys.flows.enrolment import Entry
from journeys.flows.steps.enrol import EnterFlow, LeaveFlow
from journeys.models import Enrolment, Flow

UNENROLLED = "taken out by another flow"


def enter(orders: Sequence[Order[EnterFlow]], now: datetime) -> None:
    """
    The new run knows what started this one. A flow that is not live takes nobody in; this flow goes on all the same.
    """
    flows = Flow.objects.taking_in().filter(slug__in={order.effect.flow for order in orders})
    live = {flow.slug: flow.live_version for flow in flows}
    entries = [
        Entry(version, order.run.customer_id, now, token=order.key, context=order.run.context)
        for order in orders
        if (version := live.get(order.effect.flow))
    ]
    enrolment.enrol_many(entries, now=now)


def leave(orders: Sequence[Order[LeaveFlow]], now: datetime) -> None:
    """What their runs there have queued and has not left yet is cancelled."""
    customers: dict[str, set[int]] = defaultdict(set)
    for order in orders:
        customers[order.effect.flow].add(order.run.customer_id)
    theirs = reduce(or_, (Q(flow__slug=slug, customer__in=ids) for slug, ids in customers.items()))
    runs = Enrolment.objects.active().filter(theirs).exclude(pk__in=[order.run.pk for order in orders])
    leaving.leave(list(runs.order_by("pk").locked()), now=now, reason=UNENROLLED)
