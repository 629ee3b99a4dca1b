"""Rows whose number is one of many: one parameter instead of hundreds of placeholders."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import BooleanField, F, Func


class Among(Func):
    """
    `filter(Among("customer", ids))` reads as `customer__in=ids` and finds the same rows.

    Building, quoting and parsing hundreds of placeholders costs more than finding the rows; batches pass their numbers
    as one array (PostgreSQL) or one JSON text (SQLite). `ids` are integers.
    """

    output_field = BooleanField()
    conditional = True

    def __init__(self, field: str, ids: Iterable[int]) -> None:
        super().__init__(F(field))
        self.ids = sorted(set(ids))

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        column, params = compiler.compile(self.source_expressions[0])
        return f"{column} = ANY(%s)", [*params, self.ids]

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        column, params = compiler.compile(self.source_expressions[0])
        numbers = f"[{','.join(map(str, self.ids))}]"
        return f"{column} IN (SELECT value FROM json_each(%s))", [*params, numbers]  # noqa: S608 - a compiled column
