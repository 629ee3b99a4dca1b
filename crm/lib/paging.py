"""Keyset paging: a page costs the same at any depth, and a row that arrives meanwhile shifts nothing."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, TypeVar

import orjson
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.utils.timezone import is_naive

T = TypeVar("T", bound=Model)


class InvalidCursor(ValueError):
    """The text is no cursor of this list."""


@dataclass(frozen=True, slots=True)
class Sort:
    """
    An order that pages can follow: `field`, then the primary key, in the same direction.

    There must be an index on exactly these two. Rows where a `nullable` field is empty come last either way.
    """

    field: str
    descending: bool = True
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page. `next` and `previous` are cursors, "" at either end."""

    rows: list[T] = field(default_factory=list)
    next: str = ""
    previous: str = ""


@dataclass(frozen=True, slots=True)
class _Cursor:
    backwards: bool
    value: Any
    pk: int


def keyset_page(rows: QuerySet[T], sort: Sort, *, cursor: str = "", size: int = 50) -> Page[T]:
    """
    The page of `rows` that begins where `cursor` (an earlier page's `next` or `previous`) points.

    Raises:
        InvalidCursor: `cursor` was not made by this list.
    """
    start = _read(cursor, rows.model, sort) if cursor else None
    backwards = start is not None and start.backwards
    found = _fetch(rows, sort, start, backwards=backwards, limit=size + 1)
    more = len(found) > size
    found = found[:size]
    if backwards:
        found.reverse()
    if not found:
        return Page()
    has_next = more if not backwards else True
    has_previous = more if backwards else start is not None
    return Page(
        rows=found,
        next=_write(found[-1], sort, backwards=False) if has_next else "",
        previous=_write(found[0], sort, backwards=True) if has_previous else "",
    )


def bounded_count(rows: QuerySet[Any], most: int = 1000) -> int:
    """How many `rows` there are; `most` + 1 stands for "more", so that counting never reads a whole table."""
    return rows.order_by()[: most + 1].count()


def first_few(rows: QuerySet[T], few: int) -> tuple[list[T], int]:
    """The first `few` rows in their order, and how many there are in all; counted only when there are more."""
    found = list(rows[: few + 1])
    return found[:few], len(found) if len(found) <= few else bounded_count(rows)


def _fetch(rows: QuerySet[T], sort: Sort, start: _Cursor | None, *, backwards: bool, limit: int) -> list[T]:
    # Filled and empty values are two runs, read one after the other: each is one range of the index on either
    # database, whatever it thinks of NULLS FIRST.
    runs = [False, True] if sort.nullable else [False]
    if backwards:
        runs.reverse()
    if start is not None and sort.nullable:
        runs = runs[runs.index(start.value is None) :]
    descending = sort.descending is not backwards
    sign = "-" if descending else ""
    found: list[T] = []
    for empty in runs:
        run = rows.filter(**{f"{sort.field}__isnull": empty}) if sort.nullable else rows
        if start is not None and empty == (start.value is None):
            run = run.filter(_beyond(sort.field, start, descending=descending))
        order = [f"{sign}pk"] if empty else [f"{sign}{sort.field}", f"{sign}pk"]
        found += run.order_by(*order)[: limit - len(found)]
        if len(found) == limit:
            break
    return found


def _beyond(name: str, start: _Cursor, *, descending: bool) -> Q:
    than = "lt" if descending else "gt"
    later_pk = Q(**{f"pk__{than}": start.pk})
    if start.value is None:
        return later_pk
    # `<= v AND (< v OR pk < p)` and not the textbook OR: the first half is what an index range can use.
    return Q(**{f"{name}__{than}e": start.value}) & (Q(**{f"{name}__{than}": start.value}) | later_pk)


def _write(row: Model, sort: Sort, *, backwards: bool) -> str:
    value = getattr(row, sort.field)
    if isinstance(value, date):
        value = value.isoformat()
    text = orjson.dumps([int(backwards), value, row.pk])
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _read(text: str, model: type[Model], sort: Sort) -> _Cursor:
    try:
        backwards, value, pk = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        clean = model._meta.get_field(sort.field).to_python(value)  # type: ignore[union-attr]
    except (ValueError, TypeError, ValidationError) as error:
        raise InvalidCursor("the page marker cannot be read") from error
    altered = "\0" in str(clean) or (isinstance(clean, datetime) and is_naive(clean))
    if altered or type(pk) is not int or not 0 <= pk < 1 << 63 or (clean is None and not sort.nullable):
        raise InvalidCursor("the page marker is not one of this list")
    return _Cursor(bool(backwards), clean, pk)
