"""Attributes are merged into the customers' records, with a line in their history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from simple_history.utils import bulk_update_with_history

from crm.models import Customer
from crm.services.customers import merge_attributes
from journeys.flows.effects.base import Order
from journeys.flows.steps.set import SetAttributes


def merge(orders: Sequence[Order[SetAttributes]], now: datetime) -> None:
    found = Customer.objects.filter(pk__in={order.run.customer_id for order in orders}).order_by("pk")
    customers = {customer.pk: customer for customer in found.select_for_update()}
    changed: dict[int, Customer] = {}
    for order in orders:
        customer = customers[order.run.customer_id]
        merged = merge_attributes(customer.attributes, order.effect.attributes)
        if merged != customer.attributes:
            customer.attributes = merged
            changed[customer.pk] = customer
    bulk_update_with_history(
        list(changed.values()), Customer, ["attributes"], default_change_reason="flow", default_date=now
    )
