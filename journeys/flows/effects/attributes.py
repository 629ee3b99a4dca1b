"""Attributes are merged into the customers' records, with a line in their history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from crm.events import log
from crm.lib import bulk
from crm.lib.among import Among
from crm.models import Customer
from crm.services.attributes import changes_of
from crm.services.customers import merge_attributes
from journeys.flows.effects.base import Order
from journeys.flows.steps.set import SetAttributes


def merge(orders: Sequence[Order[SetAttributes]], now: datetime) -> None:
    found = Customer.objects.filter(Among("pk", (order.run.customer_id for order in orders))).order_by("pk")
    customers = {customer.pk: customer for customer in found.select_for_update()}
    changed: dict[int, str] = {}
    for order in orders:
        customer = customers[order.run.customer_id]
        merged = merge_attributes(customer.attributes, order.effect.attributes)
        if merged != customer.attributes:
            customer.attributes = merged
            changed[customer.pk] = f"flow:{order.flow.slug}"
    bulk.update_rows(
        Customer, [{"id": pk, "attributes": customers[pk].attributes} for pk in changed], fields=["attributes"]
    )
    # Bulk writes pass by django-simple-history, so its lines are written here.
    record = Customer.history.model
    lines = [
        record(
            **{field.attname: getattr(customers[pk], field.attname) for field in record.tracked_fields},
            history_date=now,
            history_type="~",
            history_change_reason=reason,
        )
        for pk, reason in changed.items()
    ]
    bulk.insert_new(record, lines, unique=("id", "history_date"))
    log.record_many([draft for pk in changed for draft in changes_of(customers[pk], now=now)], now=now)
