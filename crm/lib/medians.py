"""The median as an aggregate of SQL, so that many are counted in one pass."""

from __future__ import annotations

from statistics import median_low
from typing import Any

from django.db.models import Aggregate


class MedianLow(Aggregate):
    """
    The value in the middle, of an even number the smaller of the two there; None of nothing.

    PostgreSQL has it. SQLite is taught it here, when a query that asks for it is written: its connection knows it from
    then on.
    """

    name = "MedianLow"
    template = "PERCENTILE_DISC(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        connection.ensure_connection()
        connection.connection.create_aggregate("MEDIAN_LOW", 1, _Values)
        here = self.copy()
        here.template = "MEDIAN_LOW(%(expressions)s)"
        return here.as_sql(compiler, connection, **context)


class _Values:
    """What SQLite calls: once for each row, and once at the end."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def step(self, value: Any) -> None:
        if value is not None:
            self.values.append(value)

    def finalize(self) -> Any:
        return median_low(self.values) if self.values else None
