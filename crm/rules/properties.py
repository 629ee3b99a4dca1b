"""
`where` lists on an event's properties, in Python and in SQL: both give the same answer on either database.

What a property is compared as follows from the test's value. A number: the property must be a number, or a text that
looks like one. A text: the property must be a text; numbers and truth values are equal to a text that writes them. What
is missing, null, an object or a list passes only `not_exists`, `ne` and `not_in`. `contains` ignores the case of the
letters A to Z; texts are ordered by code point, which puts ISO dates in order.
"""

from __future__ import annotations

import json
import string
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db.models import BooleanField, F, Func, Q

from crm.rules.schema import NUMBER_LENGTH, OPERATORS, Where, looks_like_number

_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_SIGNS = {"eq": "=", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def matches(where: Sequence[Where], properties: Mapping[str, Any]) -> bool:
    """Whether `properties` pass every test."""
    return all(_holds(test, _scalar(properties, test.property)) for test in where)


def condition(where: Sequence[Where], field: str = "properties") -> Q:
    """The same tests as a Q on a JSON column called `field`."""
    found = Q()
    for test in where:
        found &= Q(PropertyTest(field, test))
    return found


def folded(text: str) -> str:
    """Lower case for the letters A to Z only: what both databases do alike."""
    return text.translate(_ASCII_LOWER)


# --- in Python --------------------------------------------------------------------------------


def _scalar(properties: Mapping[str, Any], path: str) -> str | bool | int | float | None:
    value: Any = properties
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return None if isinstance(value, Mapping | list) else value


def _holds(test: Where, found: str | bool | int | float | None) -> bool:
    if test.op in {"exists", "not_exists"}:
        return (found is not None) == (test.op == "exists")
    if found is None:
        return test.op in {"ne", "not_in"}
    if isinstance(test.value, list):
        return any(_equal(found, value) for value in test.value) == (test.op == "in")
    if test.op in {"eq", "ne"}:
        return _equal(found, test.value) == (test.op == "eq")
    if test.op == "contains":
        return isinstance(found, str) and folded(str(_text(test.value))) in folded(found)
    return _ordered(test, found)


def _ordered(test: Where, found: str | bool | int | float) -> bool:
    if (bound := _as_number(test.value)) is not None:
        number = _as_number(found)
        return number is not None and bool(OPERATORS[test.op](number, bound))
    return isinstance(found, str) and bool(OPERATORS[test.op](found, test.value))


def _equal(found: str | bool | int | float, value: Any) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (number := _as_number(found)) is not None and number == Decimal(str(value))
    text = _text(value)
    if isinstance(found, int | float) and not isinstance(found, bool):
        return looks_like_number(text) and Decimal(str(found)) == Decimal(text)
    return _text(found) == text


def _as_number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or (isinstance(value, str) and not looks_like_number(value)):
        return None
    return Decimal(str(value))


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


# --- in SQL -----------------------------------------------------------------------------------


class PropertyTest(Func):
    """One test of a JSON column; true or false, never NULL."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, field: str, test: Where) -> None:
        super().__init__(F(field))
        self.test = test

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        column, params = compiler.compile(self.source_expressions[0])
        return _Postgres(column, params, self.test.property.split(".")).sql(self.test)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        column, params = compiler.compile(self.source_expressions[0])
        return _SQLite(column, params, self.test.property.split(".")).sql(self.test)


Sql = tuple[str, list[Any]]


class _Dialect:
    """How one database reads a property: its kind, its text and its number, as SQL with parameters."""

    kind: Sql
    text: Sql
    number: Sql
    texts: str  # the kind that is text
    scalars: str  # every kind that is neither missing nor nested
    numbers: str
    ordered: str  # what makes texts order by code point
    find: str  # the function (where, what) → position

    def sql(self, test: Where) -> Sql:
        """The test; what a missing property makes NULL counts as false."""
        if test.op in {"exists", "not_exists"}:
            kind, params = self.kind
            return f"({kind} IN ({self.scalars})) IS {'' if test.op == 'exists' else 'NOT '}TRUE", params
        if isinstance(test.value, list):
            parts = [self._equal(value) for value in test.value]
            either = " OR ".join(sql for sql, _params in parts), [value for _sql, params in parts for value in params]
            return _truth(either, negated=test.op == "not_in")
        if test.op in {"eq", "ne"}:
            return _truth(self._equal(test.value), negated=test.op == "ne")
        if test.op == "contains":
            return _truth(self._contains(folded(_text(test.value))))
        return _truth(self._ordered(test.op, test.value))

    def _equal(self, value: Any) -> Sql:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return self._number("eq", Decimal(str(value)))
        wanted = _text(value)
        (text, params), (kind, kind_params) = self.text, self.kind
        if looks_like_number(wanted):
            # A text equals it letter by letter, a number by its value.
            number, number_params = self._number("eq", Decimal(wanted))
            return (
                f"CASE WHEN {kind} IN ({self.numbers}) THEN {number} ELSE {text} = %s END",
                [*kind_params, *number_params, *params, wanted],
            )
        if wanted[:1] in set("{[-0123456789"):
            # The text of an object or of a number is not a text.
            return f"{text} = %s AND {kind} = {self.texts}", [*params, wanted, *kind_params]
        return f"{text} = %s", [*params, wanted]

    def _contains(self, wanted: str) -> Sql:
        (text, params), (kind, kind_params) = self.text, self.kind
        return (
            f"{kind} = {self.texts} AND {self.find}(LOWER({text}{self.ordered}), %s) > 0",
            [*kind_params, *params, wanted],
        )

    def _ordered(self, op: str, value: Any) -> Sql:
        if (bound := _as_number(value)) is not None:
            return self._number(op, bound)
        (text, params), (kind, kind_params) = self.text, self.kind
        return (
            f"{kind} = {self.texts} AND {text}{self.ordered} {_SIGNS[op]} %s",
            [*kind_params, *params, value],
        )

    def _number(self, op: str, bound: Decimal) -> Sql:
        raise NotImplementedError


class _Postgres(_Dialect):
    texts, scalars, numbers = "'string'", "'string', 'number', 'boolean'", "'number'"
    ordered, find = ' COLLATE "C"', "strpos"

    def __init__(self, column: str, params: Sequence[Any], path: list[str]) -> None:
        # Arrow by arrow: `#>` would take "0" for the first item of a list.
        above = "".join([" -> %s::text"] * (len(path) - 1))
        self.kind = f"jsonb_typeof({column}{above} -> %s::text)", [*params, *path]
        self.text = f"({column}{above} ->> %s::text)", [*params, *path]

    def _number(self, op: str, bound: Decimal) -> Sql:
        (text, params), (kind, kind_params) = self.text, self.kind
        # Cast only what can be cast: one stranger's text must not fail the whole query.
        sql = (
            f"CASE {kind} WHEN 'number' THEN {text}::numeric WHEN 'string' THEN CASE WHEN {text} ~ "
            f"'^-?[0-9]+(\\.[0-9]+)?$' AND length({text}) <= {NUMBER_LENGTH} THEN {text}::numeric END END"
            f" {_SIGNS[op]} %s"
        )
        return sql, [*kind_params, *params, *params, *params, *params, bound]


class _SQLite(_Dialect):
    texts, scalars, numbers = "'text'", "'text', 'integer', 'real', 'true', 'false'", "'integer', 'real'"
    ordered, find = "", "instr"

    def __init__(self, column: str, params: Sequence[Any], path: list[str]) -> None:
        # Written as json.dumps writes keys, which is how Django stores them.
        place = "$" + "".join(f".{json.dumps(part)}" for part in path)
        self.kind = f"json_type({column}, %s)", [*params, place]
        extract, given = f"json_extract({column}, %s)", [*params, place]
        self.value = extract, given
        self.text = (
            f"CASE json_type({column}, %s) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' "
            f"WHEN 'text' THEN {extract} END",
            [*params, place, *given],
        )

    def _number(self, op: str, bound: Decimal) -> Sql:
        (value, params), (kind, kind_params) = self.value, self.kind
        # GLOB and not REGEXP, which Django answers with a call of Python for each row.
        looks = (
            f"length({value}) <= {NUMBER_LENGTH} AND {value} NOT GLOB '*[^-.0-9]*' AND {value} GLOB '[-0-9]*' "
            f"AND {value} GLOB '*[0-9]' AND {value} NOT GLOB '?*-*' AND {value} NOT GLOB '*.*.*' "
            f"AND {value} NOT GLOB '-.*'"
        )
        sql = (
            f"CASE {kind} WHEN 'integer' THEN {value} WHEN 'real' THEN {value} "
            f"WHEN 'text' THEN CASE WHEN {looks} THEN CAST({value} AS NUMERIC) END END "
            f"{_SIGNS[op]} CAST(%s AS NUMERIC)"
        )
        return sql, [*kind_params, *params * 10, format(bound, "f")]


def _truth(sql: Sql, *, negated: bool = False) -> Sql:
    return f"({sql[0]}) IS {'NOT ' if negated else ''}TRUE", sql[1]
