"""The leaves that journeys add to the rule grammar: where a customer stands, and how they are."""

from __future__ import annotations

from typing import Annotated, Literal

from django.db.models import Q, QuerySet
from pydantic import Field

from crm.rules import conditions
from crm.rules.conditions import Context
from crm.rules.schema import IsoDuration, Shape, Slug, within_delta
from crm.rules.sets import Whose
from journeys.models import Position


class StageTest(Shape):
    """In one of these stages; `for_at_least` and `for_at_most` bound the time they have been there."""

    journey: Slug
    in_: Annotated[list[Slug], Field(alias="in", min_length=1, max_length=20)]
    for_at_least: IsoDuration | None = None
    for_at_most: IsoDuration | None = None


def stage(test: StageTest, context: Context) -> Q:
    positions = _positions(test.journey, context).filter(stage__slug__in=test.in_)
    if test.for_at_least:
        positions = positions.filter(since__lte=context.now - within_delta(test.for_at_least))
    if test.for_at_most:
        positions = positions.filter(since__gte=context.now - within_delta(test.for_at_most))
    return Q(Whose(positions.values("customer_id")))


class HealthTest(Shape):
    journey: Slug
    in_: Annotated[list[Literal["active", "at_risk", "lapsed"]], Field(alias="in", min_length=1, max_length=3)]


def health(test: HealthTest, context: Context) -> Q:
    positions = _positions(test.journey, context).filter(stage__isnull=False, health__in=test.in_)
    return Q(Whose(positions.values("customer_id")))


def _positions(journey: str, context: Context) -> QuerySet[Position]:
    return context.of_batch(Position.objects.filter(journey__slug=journey))


conditions.register("stage", StageTest, stage)
conditions.register("health", HealthTest, health)
