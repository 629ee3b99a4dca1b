"""Rows whose number or text is one of many: one parameter instead of hundreds of placeholders."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from django.db.models import BooleanField, F, Func


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
        if self.values and isinstance(self.values[0], int):
            # An array as text: the driver would write it number by number.
            return f"{column} = ANY(%s::bigint[])", [*params, f"{{{','.join(map(str, self.values))}}}"]
        return f"{column} = ANY(%s)", [*params, self.values]

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        column, params = compiler.compile(self.source_expressions[0])
        values = orjson.dumps(self.values).decode()
        return f"{column} IN (SELECT value FROM json_each(%s))", [*params, values]  # noqa: S608 - a compiled column
