"""SQL by hand, for the floors and for rows by the million, as both databases write it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection, transaction


def run(sql: str, *parameters: object) -> int:
    """Execute, and return how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return int(cursor.rowcount)


def in_one_transaction(*statements: str) -> int:
    """How many rows the last of them touched."""
    with transaction.atomic():
        return [run(statement) for statement in statements][-1]


def ask(sql: str) -> Any:
    """The first column of the first row."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def is_postgres() -> bool:
    return connection.vendor == "postgresql"


def series(n: int) -> str:
    """The numbers from 0, as a table with the column n."""
    if is_postgres():
        return f"generate_series(0::bigint, {n - 1}) AS s(n)"
    return f"(WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < {n - 1}) SELECT n FROM s) AS s"


def json(text: str) -> str:
    return as_json(f"'{text}'")


def as_json(text: str) -> str:
    """`text`, which is SQL, taken for JSON."""
    return f"({text})" + ("::jsonb" if is_postgres() else "")


def uuid() -> str:
    return "gen_random_uuid()" if is_postgres() else "lower(hex(randomblob(16)))"


def false() -> str:
    return "false" if is_postgres() else "0"


def at(moment: datetime, less: str = "", unit: str = "days") -> str:
    """An instant as the database writes it, less so many days (or another unit): SQL."""
    if is_postgres():
        return f"'{moment.isoformat()}'::timestamptz" + (f" - ({less}) * interval '1 {unit}'" if less else "")
    plain = moment.replace(tzinfo=None).isoformat(" ")
    return f"datetime('{plain}', '-' || ({less}) || ' {unit}')" if less else f"'{plain}'"


def later(moment: datetime, seconds: str) -> str:
    """So many seconds after an instant, to the millisecond: SQL."""
    if is_postgres():
        return f"{at(moment)} + ({seconds}) * interval '1 second'"
    return f"strftime('%Y-%m-%d %H:%M:%f', {at(moment)}, '+' || ({seconds}) || ' seconds')"


def continue_ids(*tables: str) -> None:
    """Have the database's own counters go on behind rows that were written with ids of our choosing."""
    if is_postgres():
        for table in tables:
            run(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
