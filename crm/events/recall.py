"""Read many customers' facts back from the log: of each customer only what is asked about."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from django.db import connection

Wanted = Mapping[int, Mapping[str, datetime | None]]  # customer → name → since when they occurred; None: ever
Recalled = tuple[int, int, str, datetime, Any]  # customer, number, name, when it occurred, properties

# What is wanted is a table of its own, and each row of it is looked up by an index that the customer leads: OFFSET 0
# and SQLite's CROSS JOIN leave no other plan, such as reading the whole log, whatever statistics say.
_ON_POSTGRES = """
    FROM jsonb_to_recordset(%s::jsonb) AS w(customer bigint, names varchar[], since timestamp) CROSS JOIN LATERAL (
        SELECT * FROM crm_event WHERE customer_id = w.customer AND name = ANY(w.names)
        AND occurred_at >= COALESCE(w.since AT TIME ZONE 'UTC', '-infinity') OFFSET 0
    ) e
"""
_ON_SQLITE = """
    FROM json_each(%s) w CROSS JOIN crm_event e
    WHERE e.customer_id = json_extract(w.value, '$.customer')
    AND e.name IN (SELECT value FROM json_each(w.value, '$.names'))
    AND e.occurred_at >= COALESCE(json_extract(w.value, '$.since'), '')
"""


def recall(wanted: Wanted) -> Iterator[Recalled]:
    """The facts that are wanted, in the order they occurred; one query, none where nothing is wanted."""
    asked = [
        {"customer": customer, "names": names, "since": since and str(since.astimezone(UTC).replace(tzinfo=None))}
        for customer, since_of in wanted.items()
        for since, names in _together(since_of).items()
    ]
    if not asked:
        return
    found = _ON_POSTGRES if connection.vendor == "postgresql" else _ON_SQLITE
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT e.customer_id, e.id, e.name, e.occurred_at, e.properties {found} ORDER BY e.occurred_at, e.id",
            [orjson.dumps(asked).decode()],
        )
        rows = cursor.fetchall()
    for customer, pk, name, at, properties in rows:
        # SQLite keeps moments in UTC and does not say so.
        yield customer, pk, name, at if at.tzinfo else at.replace(tzinfo=UTC), json.loads(properties)


def _together(since_of: Mapping[str, datetime | None]) -> dict[datetime | None, list[str]]:
    """Names that are wanted since the same instant."""
    names: dict[datetime | None, list[str]] = defaultdict(list)
    for name, since in since_of.items():
        names[since].append(name)
    return names
