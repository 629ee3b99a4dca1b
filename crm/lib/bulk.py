"""
Set-based writes: many rows through one statement with one JSON parameter.

A multi-row INSERT spends its time on thousands of placeholders. Passing the rows as one JSON array and letting the
database unfold it is about twice as fast on PostgreSQL, keeps ON CONFLICT and RETURNING, and reads the same on SQLite.
These functions send no model signals and fill no auto_now fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from operator import attrgetter, itemgetter
from typing import Any, TypeVar

import orjson
from django.db import connection, connections, models
from django.db.models.base import ModelState

Row = TypeVar("Row", bound=models.Model)
_JSON_OPTIONS = orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_NON_STR_KEYS


def new_row(model: type[Row], **columns: Any) -> Row:
    """
    A row to be inserted, made without the model's own constructor: in a batch of thousands that is most of the work.

    Args:
        columns: as the constructor takes them, in the types that the model has in memory: related rows by their name
            (`stage=`) or their key (`stage_id=`). The rest have their defaults. Names are not checked, and no model
            signals are sent.
    """
    defaults, made, relations = _shape(model)
    values = {**defaults, **columns}
    for name, make in made:
        if name not in columns:
            values[name] = make()
    row = model.__new__(model)
    row._state = ModelState()
    for name in relations.keys() & columns.keys():
        related = values.pop(name)
        values[relations[name]] = related.pk if related is not None else None
        row._state.fields_cache[name] = related
    row.__dict__.update(values)
    return row


def insert_new(model: type[Row], rows: Sequence[Row], *, unique: Sequence[str]) -> list[Row]:
    """
    Insert `rows`, leaving out those that a unique constraint already knows; one statement.

    Args:
        unique: the fields (attribute names) by which a returned row is told apart; usually the constraint's own.
            Rows that share them within `rows` are one row: the first is kept.

    Returns:
        The rows that were really inserted, in the order given, with their primary keys set.
    """
    if not rows:
        return []
    fields, key_fields, sql = _insertion(model, tuple(unique), connection.vendor)
    with connection.cursor() as cursor:
        # Where the columns are kept: asking the row's attributes goes through a descriptor for each foreign key.
        columns = [row.__dict__ for row in rows]
        cursor.execute(sql, [_dump(fields, _values(fields, columns, itemgetter))])
        inserted = cursor.fetchall()
    new: list[Row] = []
    alias, pk_name = connection.alias, model._meta.pk.attname
    for row, pk in _told_apart(rows, inserted, key_fields):
        row.__dict__[pk_name] = pk
        row._state.adding, row._state.db = False, alias
        new.append(row)
    return new


def update_rows(
    model: type[models.Model],
    rows: Iterable[Mapping[str, Any]],
    *,
    fields: Sequence[str],
    match: Sequence[str] = ("id",),
    forward: str = "",
) -> int:
    """
    Set `fields` of many rows, each to its own values, in one statement; return how many rows changed.

    Args:
        rows: mappings with every name in `fields` and `match` (attribute names, so "stage_id" for a foreign key).
        match: the columns that find the row; adding e.g. "lease_token" makes the write a fenced one.
        forward: a column that only grows: a row that has as much or more already is left alone.
    """
    rows = list(rows)
    if not rows:
        return 0
    both, sql = _updating(model, tuple(fields), tuple(match), forward, connection.vendor)
    with connection.cursor() as cursor:
        cursor.execute(sql, [_dump(both, _values(both, rows, itemgetter))])
        return int(cursor.rowcount)


def update_those(
    model: type[models.Model],
    rows: Iterable[Mapping[str, Any]],
    *,
    fields: Sequence[str],
    match: Sequence[str] = ("id",),
    only: Mapping[str, str],
) -> set[Any]:
    """
    `update_rows` for rows that may no longer be what they were; returns the primary keys of those it found.

    Args:
        only: what these columns of a row must say, or it stays as it is.
    """
    rows = list(rows)
    if not rows:
        return set()
    both, sql = _updating(model, tuple(fields), tuple(match), "", connection.vendor)
    table, pk = _quote(model._meta.db_table), _quote(model._meta.pk.column)
    conditions = "".join(f" AND {table}.{_quote(_field(model, name).column)} = %s" for name in only)
    with connection.cursor() as cursor:
        values = [_dump(both, _values(both, rows, itemgetter)), *only.values()]
        cursor.execute(f"{sql}{conditions} RETURNING {table}.{pk}", values)
        return {found for (found,) in cursor.fetchall()}


# --- Statements, put together once for each table and columns ---------------------------------------

_Fields = Sequence[models.Field[Any, Any]]


@cache
def _insertion(model: type[models.Model], unique: tuple[str, ...], vendor: str) -> tuple[_Fields, _Fields, str]:
    """What is inserted, what rows are told apart by, and the statement."""
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    key_fields = [_field(model, name) for name in unique]
    columns = ", ".join(_quote(field.column) for field in fields)
    returning = ", ".join(_quote(field.column) for field in (model._meta.pk, *key_fields))
    return fields, key_fields, (
        f"INSERT INTO {_quote(model._meta.db_table)} ({columns}) {_select(fields)} "
        f"ON CONFLICT DO NOTHING RETURNING {returning}"
    )  # fmt: skip


@cache
def _updating(
    model: type[models.Model], names: tuple[str, ...], match: tuple[str, ...], forward: str, vendor: str
) -> tuple[_Fields, str]:
    """What the rows carry, and the statement."""
    setters, matchers = [_field(model, name) for name in names], [_field(model, name) for name in match]
    both = [*matchers, *setters]
    table = _quote(model._meta.db_table)
    assignments = ", ".join(f"{_quote(f.column)} = x.{_quote(f.column)}" for f in setters)
    conditions = " AND ".join(f"{table}.{_quote(f.column)} = x.{_quote(f.column)}" for f in matchers)
    if forward:
        column = _quote(_field(model, forward).column)
        conditions += f" AND ({table}.{column} IS NULL OR {table}.{column} < x.{column})"
    return both, f"UPDATE {table} SET {assignments} FROM ({_select(both)}) AS x WHERE {conditions}"  # noqa: S608


@cache
def _shape(
    model: type[models.Model],
) -> tuple[Mapping[str, Any], Sequence[tuple[str, Callable[[], Any]]], Mapping[str, str]]:
    """Defaults that are one value for all rows, those that are made for each, and each relation's column."""
    fields = model._meta.concrete_fields
    made = {field.attname: field.get_default for field in fields if field.has_default() and callable(field.default)}
    plain = {field.attname: None if field.attname in made else field.get_default() for field in fields}
    return plain, list(made.items()), {field.name: field.attname for field in fields if field.is_relation}


def _told_apart(
    rows: Sequence[Row], inserted: Sequence[Sequence[Any]], key_fields: Sequence[models.Field[Any, Any]]
) -> Iterator[tuple[Row, Any]]:
    """The rows that were inserted, in their order, with their primary keys."""
    if len(inserted) == len(rows):
        # Nothing was left out, and both databases return what they insert in the order it was selected.
        yield from zip(rows, (pk for pk, *_ in inserted), strict=True)
        return
    by_key = {tuple(map(_comparable, key)): pk for pk, *key in inserted}
    for row, values in zip(rows, _values(key_fields, rows, attrgetter), strict=True):
        pk = by_key.pop(tuple(map(_comparable, values)), None)
        if pk is not None:
            yield row, pk


def _field(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    return next(field for field in model._meta.concrete_fields if name in (field.attname, field.name))


def _quote(name: str | None) -> str:
    return connection.ops.quote_name(name or "")


def _select(fields: Sequence[models.Field[Any, Any]]) -> str:
    """The SELECT that unfolds the one JSON parameter into typed columns."""
    if connection.vendor == "postgresql":
        columns = ", ".join(f"x.{_quote(field.column)}" for field in fields)
        types = ", ".join(f"{_quote(field.column)} {_cast(field)}" for field in fields)
        return f"SELECT {columns} FROM jsonb_to_recordset(%s::jsonb) AS x({types})"  # noqa: S608
    columns = ", ".join(
        f"json_extract(value, '$[{index}]') AS {_quote(field.column)}" for index, field in enumerate(fields)
    )
    # SQLite needs a WHERE to tell an upsert's ON from a join's.
    return f"SELECT {columns} FROM json_each(%s) WHERE true"  # noqa: S608


def _cast(field: models.Field[Any, Any]) -> str:
    """The column's type without its length: the table's own column enforces that, with its own error."""
    return str(field.rel_db_type(connection) if field.is_relation else field.cast_db_type(connection)).split("(")[0]


def _values(
    fields: Sequence[models.Field[Any, Any]], rows: Iterable[Any], getter: Callable[..., Callable[[Any], Any]]
) -> Sequence[Sequence[Any]]:
    """The columns of every row as the JSON carries them. `getter`: attrgetter for objects, itemgetter for mappings."""
    read = getter(*(field.attname for field in fields))
    values = [read(row) for row in rows] if len(fields) > 1 else [(read(row),) for row in rows]
    prepares = [(index, prepare) for index, field in enumerate(fields) if (prepare := _preparer(field))]
    if not prepares:
        return values
    prepared = [list(row) for row in values]
    for index, prepare in prepares:
        for row in prepared:
            row[index] = prepare(row[index])
    return prepared


# What SQLite has no type for: the field knows how it is written there.
_WRITTEN_OTHERWISE_ON_SQLITE = (
    models.JSONField, models.DateField, models.TimeField, models.DurationField, models.DecimalField, models.UUIDField,
    models.BinaryField,
)  # fmt: skip


def _preparer(field: models.Field[Any, Any]) -> Callable[[Any], Any] | None:
    """What a value of `field` must go through before it is dumped; None for the most, which orjson writes well."""
    column = getattr(field, "target_field", field)
    is_djangos = type(field).__module__.startswith("django.")
    if is_djangos and (connection.vendor == "postgresql" or not isinstance(column, _WRITTEN_OTHERWISE_ON_SQLITE)):
        return None
    if is_djangos and isinstance(column, models.DateTimeField):
        return _moment_on_sqlite
    # A field of somebody else's may have something to say about text, too. `connection` stands for one of its thread's
    # and would be asked which for every value.
    return partial(field.get_db_prep_save, connection=connections[connection.alias])


def _moment_on_sqlite(value: datetime | None) -> str | None:
    """As Django writes it there, which asks the database's settings each time."""
    return None if value is None else str(value.astimezone(UTC).replace(tzinfo=None))


def _dump(fields: Sequence[models.Field[Any, Any]], values: Sequence[Sequence[Any]]) -> str:
    if connection.vendor == "postgresql":
        columns = [field.column for field in fields]
        return orjson.dumps(
            [dict(zip(columns, row, strict=True)) for row in values], default=_default, option=_JSON_OPTIONS
        ).decode()
    return orjson.dumps(values, default=_default, option=_JSON_OPTIONS).decode()


def _default(value: Any) -> Any:
    if isinstance(value, timedelta):
        return f"{value.total_seconds()} seconds"
    return str(value)


def _comparable(value: Any) -> Any:
    """Keys as both sides write them: SQLite hands UUIDs back as hex."""
    return str(value).replace("-", "") if hasattr(value, "hex") and not isinstance(value, float) else value
