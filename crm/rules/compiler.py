"""A typed rule → one SQL query over customers."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import reduce
from operator import and_, or_

from django.db.models import Q, QuerySet

from crm.lib.among import Among
from crm.models import Customer
from crm.rules import conditions, sets
from crm.rules.conditions import Context
from crm.rules.schema import Group, Leaf, Not, Rule


def matching(rule: Rule, *, now: datetime, customer_ids: Collection[int] | None = None) -> QuerySet[Customer]:
    """
    The customers for whom `rule` holds at `now`, as an unevaluated queryset; of `customer_ids` when given.

    Raises:
        InvalidRule: it speaks of a segment that is not there (any more), or that goes round in a circle.
    """
    customers = Customer.objects.filter(merged_into=None)
    if customer_ids is not None:
        customers = customers.filter(Among("pk", customer_ids))
    return customers.filter(compile_rule(rule, Context(now, customer_ids)))


def matches(rule: Rule, customer_ids: Collection[int], *, now: datetime) -> set[int]:
    """
    Which of `customer_ids` the rule holds for, in one query (one more for each segment it names).

    Raises:
        InvalidRule: as `matching`.
    """
    if rule == Group("all", ()) or not customer_ids:
        return set(customer_ids)
    return set(matching(rule, now=now, customer_ids=customer_ids).values_list("pk", flat=True))


def compile_rule(rule: Rule, context: Context) -> Q:
    """The rule as a Q over Customer."""
    if isinstance(rule, Leaf):
        condition = conditions.get(rule.kind)
        if condition is None:
            raise LookupError(f"condition {rule.kind!r} is not registered any more")
        return condition.compile(rule.value, context)
    if isinstance(rule, Not):
        return ~compile_rule(rule.node, context)
    parts = [compile_rule(node, context) for node in rule.nodes]
    if rule.kind == "all":
        return reduce(and_, parts, sets.EVERYBODY)
    # For a batch, each part is asked of few customers; for everybody, the parts are united first.
    return sets.either(parts) if context.customer_ids is None else reduce(or_, parts, sets.NOBODY)
