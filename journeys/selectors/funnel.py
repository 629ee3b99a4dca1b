"""The funnel: of those who came to a journey in a period, how many went how far, within which time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, F, Min, Q, QuerySet

from crm.lib.medians import MedianLow
from crm.models import Customer
from journeys.models import Journey, Stage, StageMove


@dataclass(frozen=True, slots=True)
class FunnelStage:
    """
    A step of the funnel.

    Attributes:
        reached: how many of the cohort came here or further within the window.
        share: of the whole cohort, in percent; None when it is empty.
        from_before: of those who reached the stage before, in percent.
        median: half of those who came here needed at most so long since they were first known.
    """

    stage: Stage
    reached: int
    share: int | None
    from_before: int | None
    median: timedelta | None


def funnel(
    journey: Journey, customers: QuerySet[Customer], *, since: datetime | None, until: datetime, window: timedelta
) -> list[FunnelStage]:
    """
    The stages, first to last, for those of `customers` who first stood in the journey from `since` (None: ever) to
    `until`.

    Two queries. Who skips a stage counts as having reached it.

    Args:
        window: how long after their beginning a customer's further stages count.
    """
    stages = list(journey.stages.select_related("journey").order_by("rank", "pk"))
    people = _cohort(journey, customers, stages, since, until)
    counted = people.aggregate(
        **{f"n{index}": Count("customer", filter=_in_time(index, window)) for index in range(len(stages))},
        **{
            f"m{index}": MedianLow(F(f"t{index}") - F("t0"), filter=_in_time(index, window))
            for index in range(1, len(stages))
        },
    )
    found: list[FunnelStage] = []
    for index, stage in enumerate(stages):
        reached = counted[f"n{index}"]
        before = found[-1].reached if found else None
        found.append(
            FunnelStage(
                stage=stage,
                reached=reached,
                share=_percent(reached, counted["n0"]),
                from_before=_percent(reached, before) if before is not None else None,
                median=counted.get(f"m{index}"),
            )
        )
    return found


def members(
    journey: Journey, customers: QuerySet[Customer], *, since: datetime | None, until: datetime, window: timedelta,
    stage: Stage,
) -> QuerySet[Customer]:  # fmt: skip
    """The people behind one number of the funnel."""
    stages = list(journey.stages.order_by("rank", "pk"))
    people = _cohort(journey, customers, stages, since, until).filter(_in_time(stages.index(stage), window))
    return customers.filter(pk__in=people.values("customer"))


def _cohort(
    journey: Journey, customers: QuerySet[Customer], stages: Sequence[Stage], since: datetime | None, until: datetime
) -> QuerySet[Any, Any]:
    """One row a customer, with `t0`, `t1`, … when they first stood in a stage or beyond it; t0 lies in the period."""
    first: dict[str, Any] = {
        f"t{index}": Min("effective_at", filter=Q(to_stage__rank__gte=stage.rank)) for index, stage in enumerate(stages)
    }
    moves: Any = StageMove.objects.filter(journey=journey, would_have=False, customer__in=customers.values("pk"))
    if since:
        # Who came in the period moved in it: all others' moves need not be read.
        lately = StageMove.objects.filter(journey=journey, effective_at__gte=since, effective_at__lt=until)
        moves = moves.filter(customer__in=lately.values("customer"))
    people: QuerySet[Any, Any] = moves.order_by().values("customer").annotate(**first).filter(t0__lt=until)
    return people.filter(t0__gte=since) if since else people


def _in_time(index: int, window: timedelta) -> Q:
    """Came to the stage within the window; asked only of those who came there at all, since SQLite adds slowly."""
    came = Q(**{f"t{index}__isnull": False})
    return came & Q(**{f"t{index}__lte": F("t0") + window}) if index else came


def _percent(part: int, whole: int | None) -> int | None:
    return round(100 * part / whole) if whole else None
