"""`where` lists on an event's properties, in Python and in SQL: both give the same answer."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import BooleanField, Case, DecimalField, Expression, F, Func, Q, TextField, Value, When

from crm.rules.schema import OPERATORS, Where

# Storefronts send amounts as numbers or as text; both count as numbers when they look like one.
NUMBER = re.compile(r"^-?[0-9]{1,15}(\.[0-9]{1,10})?$")


def matches(where: Sequence[Where], properties: Mapping[str, Any]) -> bool:
    """Whether `properties` pass every test. A missing property passes only `not_exists`, `ne` and `not_in`."""
    return all(_holds(test, _text(properties, test.property)) for test in where)


def condition(where: Sequence[Where], field: str = "properties") -> Q:
    """The same tests as a Q on a JSON column called `field`."""
    found = Q()
    for test in where:
        found &= _as_q(test, field)
    return found


def _text(properties: Mapping[str, Any], path: str) -> str | None:
    """The property as the database's ->> shows it: text, None when missing or null."""
    value: Any = properties
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return None if value is None or isinstance(value, Mapping | list) else _as_text(value)


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _holds(test: Where, text: str | None) -> bool:
    if test.op in {"exists", "not_exists"}:
        return (text is not None) == (test.op == "exists")
    if text is None:
        return test.op in {"ne", "not_in"}
    if isinstance(test.value, list):
        return any(_equal(text, value) for value in test.value) == (test.op == "in")
    if test.op == "contains":
        return str(test.value).lower() in text.lower()
    if test.op in {"eq", "ne"}:
        return _equal(text, test.value) == (test.op == "eq")
    if isinstance(test.value, str) and not NUMBER.match(test.value):
        return bool(OPERATORS[test.op](text, test.value))
    return bool(NUMBER.match(text)) and bool(OPERATORS[test.op](Decimal(text), Decimal(str(test.value))))


def _equal(text: str, value: Any) -> bool:
    if _is_number(value) and NUMBER.match(text):
        return Decimal(text) == Decimal(str(value))
    return text == _as_text(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class _JsonText(Func):
    """A value of a JSON column as text; objects and arrays give NULL, booleans "true" and "false"."""

    output_field = TextField()

    def __init__(self, field: str, path: str) -> None:
        super().__init__(F(field), Value(path))
        self.parts = path.split(".")

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        column, _params = compiler.compile(self.source_expressions[0])
        arrow = f"({column} #> %s)"
        sql = f"(CASE WHEN jsonb_typeof({arrow}) IN ('object', 'array') THEN NULL ELSE {column} #>> %s END)"
        return sql, [self.parts, self.parts]

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        column, _params = compiler.compile(self.source_expressions[0])
        path = "$" + "".join(f'."{part}"' for part in self.parts if '"' not in part)
        kind = f"json_type({column}, %s)"
        sql = (
            f"(CASE {kind} WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' WHEN 'object' THEN NULL "
            f"WHEN 'array' THEN NULL "
            f"WHEN 'real' THEN rtrim(rtrim(printf('%%.10f', json_extract({column}, %s)), '0'), '.') "
            f"ELSE CAST(json_extract({column}, %s) AS TEXT) END)"
        )
        return sql, [path, path, path]


def _as_q(test: Where, field: str) -> Q:
    text = _JsonText(field, test.property)
    missing = Q(_IsNull(text))
    if test.op in {"exists", "not_exists"}:
        return missing if test.op == "not_exists" else ~missing
    if isinstance(test.value, list):
        equal = Q()
        for value in test.value:
            equal |= _equal_q(text, value)
        return (~missing & equal) if test.op == "in" else (missing | ~equal)
    if test.op == "contains":
        return Q(_Compare(Func(text, function="LOWER"), "contains", str(test.value).lower()))
    if test.op in {"eq", "ne"}:
        equal = _equal_q(text, test.value)
        return (~missing & equal) if test.op == "eq" else (missing | ~equal)
    if isinstance(test.value, str) and not NUMBER.match(test.value):
        return Q(_Compare(text, test.op, test.value))
    return Q(_Compare(_as_number(text), test.op, Decimal(str(test.value))))


def _equal_q(text: Expression, value: Any) -> Q:
    if _is_number(value):
        return Q(_Compare(_as_number(text), "eq", Decimal(str(value))))
    return Q(_Compare(text, "eq", _as_text(value)))


def _as_number(text: Expression) -> Expression:
    """The text as a number, NULL when it does not look like one: a cast must never fail on a stranger's data."""
    return Case(
        When(Q(_Regex(text)), then=Func(text, function="CAST", template="%(function)s(%(expressions)s AS NUMERIC)")),
        default=None,
        output_field=DecimalField(max_digits=25, decimal_places=10),
    )


class _Regex(Func):
    output_field = BooleanField()
    conditional = True

    def __init__(self, text: Expression) -> None:
        super().__init__(text, Value(NUMBER.pattern))

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s)", arg_joiner=" ~ ")

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s)", arg_joiner=" REGEXP ")


_SIGNS = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "ne": "<>"}


class _Compare(Func):
    """`left op right` as a boolean; NULL on the left is false."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, left: Expression, op: str, right: Any) -> None:
        wrapped = right if hasattr(right, "resolve_expression") else Value(right)
        super().__init__(left, wrapped)
        self.op = op

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> Any:  # type: ignore[override]
        left, left_params = compiler.compile(self.source_expressions[0])
        right, right_params = compiler.compile(self.source_expressions[1])
        if self.op == "contains":
            sql = f"COALESCE({'strpos' if connection.vendor == 'postgresql' else 'instr'}({left}, {right}) > 0, false)"
        else:
            sql = f"COALESCE({left} {_SIGNS[self.op]} {right}, false)"
        return sql, [*left_params, *right_params]


class _IsNull(Func):
    """`expression IS NULL`."""

    output_field = BooleanField()
    conditional = True

    template = "(%(expressions)s IS NULL)"
