"""
Stamps on tables of configuration: a fresh random one each time a table is written to, made by triggers.

A trigger hears of every write, whoever makes it: a page, the admin, `.update()`, SQL by hand. The stamp changes in the
writer's own transaction and is taken back with it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.db import connection, models

TABLE = "crm_configurationstamp"
_watched: set[str] = set()

_FUNCTION = f"""
CREATE OR REPLACE FUNCTION crm_stamp_configuration() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE {TABLE} SET stamp = gen_random_uuid()::text WHERE kind = TG_TABLE_NAME;
  RETURN NULL;
END $$
"""  # noqa: S608 - our own names


def watch(*watched: type[models.Model]) -> None:
    """Have these tables stamped from the next `migrate` on."""
    _watched.update(model._meta.db_table for model in watched)


def watched() -> list[str]:
    return sorted(_watched)


def read() -> dict[str, str]:
    """The stamp of each watched table; one query."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT kind, stamp FROM {TABLE}")  # noqa: S608 - our own name
        return dict(cursor.fetchall())


def install(**kwargs: Any) -> None:
    """
    Make what is missing and stamp everything anew: called behind every `migrate`, which may have rebuilt a table.

    A database that is not fully migrated gets what it has tables for.
    """
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
        if TABLE not in there:
            return
        missing = [table for table in unstamped() if table in there]
        if connection.vendor == "postgresql" and missing:
            cursor.execute(_FUNCTION)
        for table in missing:
            for statement in _triggers(table):
                cursor.execute(statement)
        cursor.executemany(
            f"INSERT INTO {TABLE} (kind, stamp) VALUES (%s, %s) ON CONFLICT (kind) DO UPDATE SET stamp = excluded.stamp",  # noqa: S608, E501
            [(table, str(uuid.uuid4())) for table in watched() if table in there],
        )


def unstamped() -> list[str]:
    """Watched tables whose triggers are not there: what is remembered of them would grow old unseen."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'crm_stamp'")
        else:
            cursor.execute(
                "SELECT tbl_name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'crm_stamp_insert_%%'"
            )
        found = {name for (name,) in cursor.fetchall()}
    return [table for table in watched() if table not in found]


def _triggers(table: str) -> Iterable[str]:
    if connection.vendor == "postgresql":
        yield (
            f"CREATE TRIGGER crm_stamp AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION crm_stamp_configuration()"
        )
        return
    for event in ("insert", "update", "delete"):
        write = f"UPDATE {TABLE} SET stamp = lower(hex(randomblob(16))) WHERE kind = '{table}'"  # noqa: S608 - our own
        yield f"CREATE TRIGGER crm_stamp_{event}_{table} AFTER {event} ON {table} BEGIN {write}; END"
