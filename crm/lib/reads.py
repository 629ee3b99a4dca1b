"""
Set-based reads: the rows of a batch, made without the model's own constructor.

For a wide row the constructor takes longer than the database. These rows are good for reading and for being written
down by `crm.lib.bulk`; no model signals are sent when they are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from django.db import models
from django.db.models.base import ModelState

Row = TypeVar("Row", bound=models.Model)


def read_rows(rows: models.QuerySet[Row], *, leaving_out: Sequence[str] = ()) -> list[Row]:
    """
    The rows of the query, as they are, with what it annotates.

    Args:
        leaving_out: columns (attribute names) that are not read; whoever asks for one after all pays for a query.
    """
    columns = [field.attname for field in rows.model._meta.concrete_fields if field.attname not in leaving_out]
    names = [*columns, *rows.query.annotations]
    found = []
    for values in rows.values_list(*names):
        row = rows.model.__new__(rows.model)
        row._state = ModelState()
        row._state.adding, row._state.db = False, rows.db
        row.__dict__.update(zip(names, values, strict=True))
        found.append(row)
    return found


def attach(rows: Sequence[models.Model], *names: str) -> None:
    """Give each row its related rows, one query for each of the foreign keys `names`; few are shared by many."""
    for name in names:
        field = rows[0]._meta.get_field(name) if rows else None
        if not isinstance(field, models.ForeignKey):
            continue
        keys = [getattr(row, field.attname) for row in rows]
        related = field.related_model._default_manager.in_bulk({key for key in keys if key is not None})
        for row, key in zip(rows, keys, strict=True):
            row._state.fields_cache[name] = related.get(key)
