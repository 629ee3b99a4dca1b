"""Tags are put on and taken off; the last word of a batch counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from crm.lib import bulk
from crm.models import Customer
from crm.services.customers import tags_called
from journeys.flows.effects.base import Order
from journeys.flows.steps.tag import ChangeTags


def change(orders: Sequence[Order[ChangeTags]], now: datetime) -> None:
    wanted: dict[tuple[int, str], bool] = {}
    for order in orders:
        wanted |= {(order.run.customer_id, name): True for name in order.effect.add}
        wanted |= {(order.run.customer_id, name): False for name in order.effect.remove}
    added = [pair for pair, is_on in wanted.items() if is_on]
    removed = [pair for pair, is_on in wanted.items() if not is_on]
    _add(added)
    _remove(removed)


def _add(pairs: Sequence[tuple[int, str]]) -> None:
    if not pairs:
        return
    tags = {tag.name: tag.pk for tag in tags_called(sorted({name for _, name in pairs}))}
    link = Customer.tags.through
    rows = [link(customer_id=customer, tag_id=tags[name]) for customer, name in sorted(pairs)]
    bulk.insert_new(link, rows, unique=("customer_id", "tag_id"))


def _remove(pairs: Sequence[tuple[int, str]]) -> None:
    by_name: dict[str, set[int]] = {}
    for customer, name in pairs:
        by_name.setdefault(name, set()).add(customer)
    found = Q()
    for name, customers in by_name.items():
        found |= Q(tag__name=name, customer__in=customers)
    if found:
        Customer.tags.through.objects.filter(found).delete()
