"""
Cohorts: of those who came to a stage in the same week or month, what share has come to another, so much later.

What customers come to is a `Mark`: a stage, or one beyond it, for the first time; or their first or second order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import F, Min, QuerySet, Window
from django.db.models.functions import RowNumber

from crm.models import Customer, Purchase
from journeys.models import Journey, Stage, StageMove

# How many periods after the first a row goes on.
LATER = 12


@dataclass(frozen=True, slots=True)
class Mark:
    """A stage, or the customer's `order`-th order that was not cancelled."""

    journey: Journey
    stage: Stage | None = None
    order: int = 0

    def times(self, customers: QuerySet[Customer]) -> QuerySet[Any, Any]:
        """When each of `customers` came to it: rows of `customer` and `at`."""
        among = customers.values("pk")
        if self.stage is None:
            orders = Purchase.objects.counted().filter(customer__in=among)
            place = Window(RowNumber(), partition_by="customer", order_by=["placed_at", "pk"])
            numbered = orders.annotate(nth=place).filter(nth=self.order)
            return (
                Purchase.objects.filter(pk__in=numbered.values("pk")).order_by().values("customer", at=F("placed_at"))
            )
        moves = StageMove.objects.filter(
            journey=self.journey, would_have=False, to_stage__rank__gte=self.stage.rank, customer__in=among
        )
        return moves.order_by().values("customer").annotate(at=Min("effective_at"))


@dataclass(frozen=True, slots=True)
class Cell:
    """`reached` of the cohort had come there by the end of this period; while `is_open` it has not ended."""

    later: int
    reached: int
    share: int | None
    is_open: bool


@dataclass(frozen=True, slots=True)
class Cohort:
    """Those who came to the start from `since` to `until`; a cell for each period that has begun, their own first."""

    since: datetime
    until: datetime
    size: int
    cells: list[Cell]


def edges_of(since: date, until: date, *, by: str, zone: ZoneInfo) -> list[datetime]:
    """
    Where weeks (from Monday) or months begin on the clock of `zone`, from the one with the day `since` to the end of
    the one with `until`.
    """
    days = [_first_day(since, by)]
    while days[-1] <= until:
        days.append(_next(days[-1], by))
    return [datetime.combine(day, time.min, zone) for day in days]


def _first_day(day: date, by: str) -> date:
    return day - timedelta(days=day.weekday()) if by == "week" else day.replace(day=1)


def _next(first: date, by: str) -> date:
    return first + timedelta(days=7) if by == "week" else (first + timedelta(days=32)).replace(day=1)


def cohorts(
    start: Mark, reach: Mark, customers: QuerySet[Customer], *, edges: Sequence[datetime], until: datetime,
    now: datetime,
) -> list[Cohort]:  # fmt: skip
    """
    A cohort for each period between two `edges` that begins before `until`, the earliest first; one query.

    Who had come to `reach` before they came to `start` counts from the first cell on.
    """
    counts = _counted(start.times(customers), reach.times(customers), edges)
    found = []
    for place, (began, ended) in enumerate(pairwise(edges)):
        if began >= until:
            break
        row = {reached: n for (started, reached), n in counts.items() if started == place}
        size, came = sum(row.values()), 0
        cells = []
        for later in range(min(LATER, len(edges) - 2 - place) + 1):
            came += sum(n for reached, n in row.items() if reached is not None and max(reached, place) == place + later)
            share = round(100 * came / size) if size else None
            cells.append(Cell(later, came, share, is_open=edges[place + later + 1] > now))
        found.append(Cohort(began, ended, size, cells))
    return found


def _counted(
    started: QuerySet[Any, Any], reached: QuerySet[Any, Any], edges: Sequence[datetime]
) -> Counter[tuple[int, int | None]]:
    """
    {(period of the start, period of the reach): customers}; the reach's is -1 before the first edge, None when it never
    came or only after the last.
    """
    try:
        start_sql, start_params = started.query.sql_with_params()
        reach_sql, reach_params = reached.query.sql_with_params()
    except EmptyResultSet:
        return Counter()
    moments = [connection.ops.adapt_datetimefield_value(edge) for edge in edges]
    arms = " ".join(f"WHEN {{at}} < %s THEN {place - 1}" for place in range(len(edges)))
    # Both queries are the ORM's own, and only values come from outside.
    sql = (
        f"WITH started(customer, at) AS ({start_sql}), reached(customer, at) AS ({reach_sql}) "  # noqa: S608
        f"SELECT CASE {arms.format(at='started.at')} END, CASE {arms.format(at='reached.at')} END, COUNT(*) "
        "FROM started LEFT JOIN reached ON reached.customer = started.customer "
        "WHERE started.at >= %s AND started.at < %s GROUP BY 1, 2"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [*start_params, *reach_params, *moments, *moments, moments[0], moments[-1]])
        return Counter({(start, reach): n for start, reach, n in cursor.fetchall()})


def members(
    start: Mark, reach: Mark, customers: QuerySet[Customer], *, edges: Sequence[datetime], place: int, later: int | None
) -> QuerySet[Customer]:
    """The people of the cohort at `place`; with `later` those who had come to `reach` by the end of that period."""
    began = start.times(customers).filter(at__gte=edges[place], at__lt=edges[place + 1])
    found = customers.filter(pk__in=began.values("customer"))
    if later is None:
        return found
    came = reach.times(customers).filter(at__lt=edges[place + later + 1])
    return found.filter(pk__in=came.values("customer"))


def place_of(edges: Sequence[datetime], day: date) -> int | None:
    """The cohort that begins on `day`; None when none of them does."""
    days = [edge.date() for edge in edges]
    place = bisect_right(days, day) - 1
    return place if 0 <= place < len(edges) - 1 and days[place] == day else None
