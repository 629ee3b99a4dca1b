"""Customers are moved to a stage, forward, unless staff hold them where they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from journeys.flows.effects.base import Order
from journeys.flows.steps.move_stage import MoveToStage
from journeys.models import Stage
from journeys.stages import by_flow


def move(orders: Sequence[Order[MoveToStage]], now: datetime) -> None:
    """A stage that is no more, or whose journey is switched off, moves nobody."""
    wanted: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for order in orders:
        wanted[order.effect.journey, order.effect.stage][order.run.customer_id] = order.flow.name
    found = Stage.objects.filter(
        journey__slug__in={journey for journey, _ in wanted}, journey__is_active=True
    ).select_related("journey")
    stages = {(stage.journey.slug, stage.slug): stage for stage in found}
    for slugs, notes in wanted.items():
        if slugs in stages:
            by_flow.move_by_flow(notes, stage=stages[slugs], now=now)
