"""Where customers stand: the numbers of the map, the moves of a period, and one customer's way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db.models import Count, Exists, F, FilteredRelation, OuterRef, Q, QuerySet

from crm.models import Customer
from journeys.models import Health, Journey, Position, Stage, StageMove


@dataclass(frozen=True, slots=True)
class StageCount:
    """
    A stage of the map.

    Attributes:
        here: customers in it now; `at_risk` and `lapsed` are among them.
        reached: those here and in later stages.
        share: of those who reached the stage before, in percent; None for the first stage, or when nobody did.
        half_longer_than: half of those here have been for longer.
        held: of those here, whom staff hold there; for `would_have` of them a rule has said otherwise since they came.
    """

    stage: Stage
    here: int
    at_risk: int
    lapsed: int
    reached: int
    share: int | None
    half_longer_than: timedelta | None
    held: int = 0
    would_have: int = 0


@dataclass(frozen=True, slots=True)
class Moves:
    """
    How many customers moved from a stage (None: from outside) to another; forward and back apart.

    Attributes:
        through: customers who went on to a stage or from it (None: came from outside), by stage.
    """

    forward: dict[tuple[int | None, int], int] = field(default_factory=dict)
    back: dict[tuple[int, int], int] = field(default_factory=dict)
    through: dict[int | None, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Milestone:
    """A stage of one customer's journey: `move` is how they came there last, None when they never did."""

    stage: Stage
    is_current: bool
    is_behind: bool
    move: StageMove | None


@dataclass(frozen=True, slots=True)
class Way:
    """One customer's way through a journey. `hold` is set while staff hold the position."""

    journey: Journey
    health: Health
    milestones: list[Milestone]
    hold: datetime | None
    would_have: StageMove | None


def positions(journey: Journey, customers: QuerySet[Customer]) -> QuerySet[Position]:
    """Where `customers` stand in `journey`."""
    return Position.objects.filter(journey=journey, stage__isnull=False, customer__in=customers.values("pk"))


def held(standing: QuerySet[Position], now: datetime) -> QuerySet[Position]:
    """Those of `standing` whom staff hold where they are."""
    return standing.filter(held_until__gt=now)


def would_have_moved(standing: QuerySet[Position], now: datetime) -> QuerySet[Position]:
    """Those of the held whom a rule would have moved since they came to their stage."""
    noted = StageMove.objects.filter(
        customer=OuterRef("customer"), journey=OuterRef("journey"), would_have=True, recorded_at__gte=OuterRef("since")
    )
    return held(standing, now).filter(Exists(noted))


def stage_counts(
    journey: Journey, customers: QuerySet[Customer], *, now: datetime, in_full: bool = True
) -> list[StageCount]:
    """The map's numbers, first stage first; two queries, and `in_full` two more and one for each stage."""
    stages = list(journey.stages.select_related("journey").order_by("rank", "pk"))
    standing = positions(journey, customers)
    rows = (
        standing.values("stage")
        .annotate(
            n=Count("pk"),
            at_risk=Count("pk", filter=Q(health=Health.AT_RISK)),
            lapsed=Count("pk", filter=Q(health=Health.LAPSED)),
        )
        .order_by()
    )
    counted = {row["stage"]: row for row in rows}
    holds = _by_stage(held(standing, now)) if in_full else {}
    noted = _by_stage(would_have_moved(standing, now)) if holds else {}
    found: list[StageCount] = []
    before: int | None = None
    for index, stage in enumerate(stages):
        row = counted.get(stage.pk, {"n": 0, "at_risk": 0, "lapsed": 0})
        reached = sum(counted[later.pk]["n"] for later in stages[index:] if later.pk in counted)
        found.append(
            StageCount(
                stage=stage, here=row["n"], at_risk=row["at_risk"], lapsed=row["lapsed"], reached=reached,
                share=round(100 * reached / before) if before else None,
                half_longer_than=_median_stay(standing, stage, row["n"], now) if in_full else None,
                held=holds.get(stage.pk, 0), would_have=noted.get(stage.pk, 0),
            )
        )  # fmt: skip
        before = reached
    return found


def _by_stage(standing: QuerySet[Position]) -> dict[int, int]:
    return dict(standing.values_list("stage").annotate(n=Count("pk")).order_by())


def _median_stay(standing: QuerySet[Position], stage: Stage, count: int, now: datetime) -> timedelta | None:
    since = standing.filter(stage=stage).order_by("since").values_list("since", flat=True)
    middle = since[count // 2 : count // 2 + 1].first() if count else None
    return now - middle if middle else None


def moves_in(
    journey: Journey, customers: QuerySet[Customer], *, since: datetime | None, until: datetime
) -> QuerySet[StageMove]:
    """The moves of `customers` that happened from `since` (None: ever) to `until`."""
    moves = StageMove.objects.filter(
        journey=journey, would_have=False, effective_at__lt=until, customer__in=customers.values("pk")
    )
    return moves.filter(effective_at__gte=since) if since else moves


def onward(moves: QuerySet[StageMove]) -> QuerySet[StageMove]:
    """Those of `moves` that lead forward."""
    return moves.filter(Q(from_stage=None) | Q(from_stage__rank__lt=F("to_stage__rank")))


def moves_between(journey: Journey, customers: QuerySet[Customer], *, since: datetime | None, until: datetime) -> Moves:
    """Who moved from `since` to `until` between the stages there are; three queries."""
    there: set[int | None] = {None, *journey.stages.values_list("pk", flat=True)}
    moves = moves_in(journey, customers, since=since, until=until)
    rows = (
        moves.values("from_stage", "to_stage", "from_stage__rank", "to_stage__rank")
        .annotate(n=Count("customer", distinct=True))
        .order_by()
    )
    found = Moves()
    for row in rows:
        link = (row["from_stage"], row["to_stage"])
        if not there.issuperset(link):
            continue
        leads_on = row["from_stage"] is None or row["from_stage__rank"] < row["to_stage__rank"]
        (found.forward if leads_on else found.back)[link] = row["n"]
    passed = {stage for link in found.forward for stage in link}
    if passed:
        counts = onward(moves).aggregate(
            **{f"n{stage or 0}": Count("customer", filter=touching(stage), distinct=True) for stage in passed}
        )
        found.through.update((stage, counts[f"n{stage or 0}"]) for stage in passed)
    return found


def touching(stage: int | None) -> Q:
    """Moves to `stage` or from it; for None those that come from outside."""
    return Q(from_stage=None) if stage is None else Q(from_stage=stage) | Q(to_stage=stage)


def ways(customer: Customer, *, now: datetime) -> list[Way]:
    """The customer's way through every active journey they have a place in, the default one first; two queries."""
    here = FilteredRelation("positions", condition=Q(positions__customer=customer))
    stages = (
        Stage.objects.filter(journey__is_active=True)
        .select_related("journey")
        .alias(here=here)
        .annotate(
            since=F("here__since"), health=F("here__health"), held_until=F("here__held_until"), stands=F("here__pk")
        )
        .order_by("-journey__is_default", "journey", "rank", "pk")
    )
    journeys = [list(of_journey) for _journey, of_journey in groupby(stages, key=lambda stage: stage.journey_id)]
    standing = [of_journey for of_journey in journeys if any(stage.stands for stage in of_journey)]
    if not standing:
        return []
    moves = list(
        StageMove.objects.filter(customer=customer)
        .select_related("rule", "event", "actor", "to_stage")
        .order_by("effective_at", "pk")
    )
    return [_way(of_journey, moves, now) for of_journey in standing]


def _way(stages: Sequence[Any], moves: Sequence[StageMove], now: datetime) -> Way:
    current = next(stage for stage in stages if stage.stands)
    mine = [move for move in moves if move.journey_id == current.journey_id]
    last = {move.to_stage_id: move for move in mine if not move.would_have}
    would = [move for move in mine if move.would_have]
    hold = current.held_until if current.held_until and current.held_until > now else None
    return Way(
        journey=current.journey,
        health=Health(current.health),
        milestones=[
            Milestone(stage, stage.pk == current.pk, stage.rank < current.rank, last.get(stage.pk)) for stage in stages
        ],
        hold=hold,
        would_have=would[-1] if hold and would else None,
    )


def current_stages(customers: Sequence[Customer]) -> dict[int, Position]:
    """Where these customers stand in the default journey, by customer; one query."""
    rows = Position.objects.filter(
        customer__in=[customer.pk for customer in customers], journey__is_default=True, stage__isnull=False
    )
    return {row.customer_id: row for row in rows.select_related("stage")}
