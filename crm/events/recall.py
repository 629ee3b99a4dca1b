"""Read many customers' facts back from the log: of each customer only what is asked about."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from django.db import connection

from crm.models import Event

Wanted = Mapping[int, Mapping[str, datetime | None]]  # customer → name → since when they occurred; None: ever
Recalled = tuple[int, int, str, datetime, Any]  # customer, number, name, when it occurred, properties

# What is wanted is a table of its own, small to the planner: each row of it is looked up in event_by_customer_name, and
# no statistics of the log make reading more of it, or in parallel, look better.
_ON_POSTGRES = (
    "jsonb_to_recordset(%s::jsonb) AS w(customer bigint, name varchar, since timestamp)",
    "COALESCE(w.since AT TIME ZONE 'UTC', '-infinity')",
)
_ON_SQLITE = (
    "(SELECT json_extract(value, '$.customer') AS customer, json_extract(value, '$.name') AS name, "
    "json_extract(value, '$.since') AS since FROM json_each(%s)) AS w",
    "COALESCE(w.since, '')",
)


def recall(wanted: Wanted) -> Iterator[Recalled]:
    """The facts that are wanted, in the order they occurred; one query, none where nothing is wanted."""
    asked = [
        {"customer": customer, "name": name, "since": since and str(since.astimezone(UTC).replace(tzinfo=None))}
        for customer, names in wanted.items()
        for name, since in names.items()
    ]
    if not asked:
        return
    unfolded, since = _ON_POSTGRES if connection.vendor == "postgresql" else _ON_SQLITE
    sql = (
        "SELECT e.customer_id, e.id, e.name, e.occurred_at, e.properties "  # noqa: S608 - our own names
        f"FROM {unfolded} CROSS JOIN {Event._meta.db_table} e "
        f"WHERE e.customer_id = w.customer AND e.name = w.name AND e.occurred_at >= {since} "
        "ORDER BY e.occurred_at, e.id"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [orjson.dumps(asked).decode()])
        rows = cursor.fetchall()
    for customer, pk, name, at, properties in rows:
        # SQLite keeps moments in UTC and does not say so.
        yield customer, pk, name, at if at.tzinfo else at.replace(tzinfo=UTC), json.loads(properties)
