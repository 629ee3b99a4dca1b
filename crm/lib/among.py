"""Rows whose number or text is one of many: one parameter instead of hundreds of placeholders."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from django.db import connection
from django.db.models import BooleanField, F, Func


def among(column: str, values: Iterable[int] | Iterable[str]) -> tuple[str, Any]:
    """The same for SQL of one's own: the condition, and its one parameter."""
    in_order: list[Any] = sorted(set(values))
    return _on_sqlite(column, in_order) if connection.vendor == "sqlite" else _on_postgresql(column, in_order)


def _on_postgresql(column: str, values: list[Any]) -> tuple[str, Any]:
    if values and isinstance(values[0], int):
        # An array as text: the driver would write it number by number.
        return f"{column} = ANY(%s::bigint[])", f"{{{','.join(map(str, values))}}}"
    return f"{column} = ANY(%s)", values


def _on_sqlite(column: str, values: list[Any]) -> tuple[str, Any]:
    # S608: the column is the caller's own.
    return f"{column} IN (SELECT value FROM json_each(%s))", orjson.dumps(values).decode()  # noqa: S608


class Among(Func):
    """
    `filter(Among("customer", ids))` reads as `customer__in=ids` and finds the same rows.

    Building, quoting and parsing hundreds of placeholders costs more than finding the rows; batches pass their values
    as one array (PostgreSQL) or one JSON text (SQLite). They are integers, or texts.
    """

    output_field = BooleanField()
    conditional = True

    def __init__(self, field: str, values: Iterable[int] | Iterable[str]) -> None:
        super().__init__(F(field))
        self.values: list[Any] = sorted(set(values))

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        column, params = compiler.compile(self.source_expressions[0])
        sql, value = _on_postgresql(column, self.values)
        return sql, [*params, value]

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        column, params = compiler.compile(self.source_expressions[0])
        sql, value = _on_sqlite(column, self.values)
        return sql, [*params, value]
