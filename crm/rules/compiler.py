"""A typed rule → one SQL query over customers."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import reduce
from operator import and_, or_

from django.db.models import Q, QuerySet

from crm.models import Customer
from crm.rules import conditions
from crm.rules.conditions import Context
from crm.rules.schema import Group, Leaf, Not, Rule

# Django drops an empty Q from either side of | and &, so "always" and "never" are said out loud.
EVERYBODY = Q(pk__isnull=False)
NOBODY = Q(pk__in=[])


def matching(rule: Rule, *, now: datetime, customer_ids: Collection[int] | None = None) -> QuerySet[Customer]:
    """The customers for whom `rule` holds at `now`, as an unevaluated queryset; of `customer_ids` when given."""
    customers = Customer.objects.filter(merged_into=None)
    if customer_ids is not None:
        customers = customers.filter(pk__in=customer_ids)
    return customers.filter(_compile(rule, Context(now)))


def matches(rule: Rule, customer_ids: Collection[int], *, now: datetime) -> set[int]:
    """Which of `customer_ids` the rule holds for; one query, none when everybody matches trivially."""
    if rule == Group("all", ()) or not customer_ids:
        return set(customer_ids)
    return set(matching(rule, now=now, customer_ids=customer_ids).values_list("pk", flat=True))


def _compile(rule: Rule, context: Context) -> Q:
    if isinstance(rule, Leaf):
        condition = conditions.get(rule.kind)
        if condition is None:
            raise LookupError(f"condition {rule.kind!r} is not registered any more")
        return condition.compile(rule.value, context)
    if isinstance(rule, Not):
        return ~_compile(rule.node, context)
    parts = [_compile(node, context) for node in rule.nodes]
    if rule.kind == "any":
        return reduce(or_, parts, NOBODY)
    return reduce(and_, parts, EVERYBODY)
