"""
Customers as sets: "whose id is among these", written so that each database plans it as one pass over either side.

A leaf about events or records is a query for customer ids, asked from the side of those rows. On PostgreSQL it becomes
EXISTS over that query, which plans as a semi-join, negated as an anti-join, and beside an OR as probes of an index; IN
would be planned as a list, too long to hash for a large shop. SQLite reads IN (SELECT …) once and looks ids up in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import BooleanField, Count, Expression, F, Func, Q, QuerySet, Subquery, Value

from crm.models import Customer
from crm.rules.schema import Compare

# Django drops an empty Q from either side of | and &, so "always" and "never" are said out loud.
EVERYBODY = Q(pk__isnull=False)
NOBODY = Q(pk__in=[])
_SIGNS = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


class Whose(Func):
    """True for customers whose id is in `ids`, a query for one column of customer ids without NULLs."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, ids: QuerySet[Any, Any]) -> None:
        super().__init__(F("pk"), Subquery(ids))
        self.ids = ids

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        (customer, params), (rows, row_params) = map(compiler.compile, self.source_expressions)
        sql = f"EXISTS (SELECT 1 FROM {rows} AS whose(customer) WHERE whose.customer = {customer})"  # noqa: S608
        return sql, [*row_params, *params]

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        (customer, params), (rows, row_params) = map(compiler.compile, self.source_expressions)
        return f"{customer} IN {rows}", [*params, *row_params]


class Held(Func):
    """`value` held against one bound, exactly: an integer column, a sum or a count is never rounded to fit."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, value: Expression | F, operator: str, bound: Any) -> None:
        super().__init__(value, bound if hasattr(bound, "resolve_expression") else Value(bound))
        self.operator = operator

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> Any:  # type: ignore[override]
        (left, left_params), (right, right_params) = map(compiler.compile, self.source_expressions)
        return f"{left} {_SIGNS[self.operator]} {right}", [*left_params, *right_params]


def held(value: Expression | F, bounds: Iterable[tuple[str, Any]]) -> Q:
    """`value`, a column or an aggregate that is not NULL, within all the bounds, given as (operator, number)."""
    return Q(*(Held(value, operator, bound) for operator, bound in bounds))


def counted(rows: QuerySet[Any], count: Compare | None) -> Q:
    """
    Customers with that many of `rows` (default: one or more).

    Nobody's rows count as 0, so a bound that 0 satisfies turns round: everybody but those with another number.
    """
    if count is None:
        return Q(Whose(rows.values("customer_id")))
    per_customer = rows.order_by().values("customer_id").annotate(n=Count("*"))
    if count.holds(0):
        return ~Q(Whose(per_customer.filter(~held(F("n"), count.bounds())).values("customer_id")))
    return Q(Whose(per_customer.filter(held(F("n"), count.bounds())).values("customer_id")))


def either(parts: Sequence[Q]) -> Q:
    """
    Customers for whom one of `parts` holds, as one set: OR would ask each part for each customer.

    What asks only columns of the customer stays an OR of its own.
    """
    plain = [part for part in parts if not _has_set(part)]
    sets = [part for part in parts if _has_set(part)]
    if len(parts) < 2 or not sets:
        return reduce(or_, parts, NOBODY)
    arms = [_ids(part) for part in ([*sets, reduce(or_, plain)] if plain else sets)]
    # UNION and not UNION ALL: PostgreSQL knows how many different rows the one makes, and guesses 200 for the other.
    return Q(Whose(arms[0].union(*arms[1:])))


def _has_set(part: Q) -> bool:
    return any(isinstance(child, Whose) or (isinstance(child, Q) and _has_set(child)) for child in part.children)


def _ids(part: Q) -> QuerySet[Any, Any]:
    """The ids of the customers for whom `part` holds."""
    if len(part.children) == 1 and not part.negated:
        (child,) = part.children
        if isinstance(child, Whose):
            return child.ids
        if isinstance(child, Q):
            return _ids(child)
    return Customer.objects.filter(part).values("pk")
