"""Keyset paging: a page costs the same at any depth, and a row that arrives meanwhile shifts nothing."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Generic, TypeVar

import orjson
from django.core.exceptions import ValidationError
from django.db.models import Count, Max, Min, Model, Q, QuerySet
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
    """
    One page. `next` and `previous` are cursors, "" at either end.

    `is_cut_short` says that it is not full only because no more was looked at: there may be more further back.
    """

    rows: list[T] = field(default_factory=list)
    next: str = ""
    previous: str = ""
    is_cut_short: bool = False


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


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows that follow each other in an index: from the key `low` to the key `high`; `is_all` if none follow."""

    low: int
    high: int
    is_all: bool


def stretch(run: QuerySet[Any], most: int, *, upwards: bool = False) -> Stretch | None:
    """The newest `most` rows of `run` by primary key, or the oldest; None of no rows."""
    few = run.order_by("pk" if upwards else "-pk").values("pk")
    found = few[:most].aggregate(low=Min("pk"), high=Max("pk"), n=Count("pk"))
    return Stretch(found["low"], found["high"], is_all=found["n"] < most) if found["n"] else None


def page_among(rows: QuerySet[T], run: QuerySet[T], *, cursor: str = "", size: int = 50, most: int) -> Page[T]:
    """
    As `keyset_page`, newest first by primary key, for `rows` that no index holds by themselves.

    Args:
        run: rows that one index holds; `rows` are some of them.
        most: how many of `run` are looked at. If that does not fill the page, it goes on behind them.

    Raises:
        InvalidCursor: `cursor` was not made by this list.
    """
    start = _read(cursor, rows.model, Sort("id")) if cursor else None
    upwards = start is not None and start.backwards
    if start is not None:
        run = run.filter(**{"pk__gt" if upwards else "pk__lt": start.pk})
    looked_at = stretch(run, most, upwards=upwards)
    found: list[T] = []
    if looked_at is not None:
        within = rows.filter(pk__range=(looked_at.low, looked_at.high))
        found = list(within.order_by("pk" if upwards else "-pk")[: size + 1])
    is_full = len(found) > size
    found = found[:size]
    is_cut_short = not is_full and looked_at is not None and not looked_at.is_all
    onward = back = ""
    if is_full:
        onward = _marker(found[-1].pk, upwards=upwards)
    elif looked_at is not None and is_cut_short:
        onward = _marker(looked_at.high if upwards else looked_at.low, upwards=upwards)
    if start is not None:
        # Of an empty page: to the row that the page before it ended with.
        behind = found[0].pk if found else start.pk + (1 if upwards else -1)
        back = _marker(behind, upwards=not upwards)
    if upwards:
        return Page(found[::-1], next=back, previous=onward)
    return Page(found, next=onward, previous=back, is_cut_short=is_cut_short)


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
    return _text([int(backwards), value, row.pk])


def _marker(pk: int, *, upwards: bool) -> str:
    return _text([int(upwards), pk, pk])


def _text(cursor: list[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(cursor)).rstrip(b"=").decode()


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
