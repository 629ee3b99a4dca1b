"""The board: a column for every stage, with who came there last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from crm.models import Customer
from journeys.models import Journey, Position, Stage
from journeys.selectors.stages import positions

CARDS = 20


@dataclass(frozen=True, slots=True)
class Column:
    """A stage with how many are in it, and the positions of those who came last."""

    stage: Stage
    here: int
    cards: Sequence[Position]

    @property
    def hidden(self) -> int:
        return self.here - len(self.cards)


def columns(journey: Journey, customers: QuerySet[Customer]) -> list[Column]:
    """
    Every stage, first to last, with those of `customers` who are in it.

    A query for the counts and one for each stage's cards.
    """
    mine = positions(journey, customers)
    here = dict(mine.values_list("stage").annotate(Count("pk")).order_by())
    return [
        Column(stage, here.get(stage.pk, 0), _last(mine, stage) if here.get(stage.pk) else [])
        for stage in journey.stages.select_related("journey").order_by("rank", "pk")
    ]


def _last(mine: QuerySet[Position], stage: Stage) -> list[Position]:
    rows = mine.filter(stage=stage).select_related("customer__owner", "stage")
    return list(rows.order_by("-since", "-pk")[:CARDS])
