"""Journeys with their stages, and where customers stand in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers

from crm.api.base import Noun
from crm.api.fields import Shape
from crm.extensions import CustomerField
from crm.lib.paging import Sort
from crm.models import Customer
from journeys.models import Journey, Position

STAGES_SCHEMA = {
    "type": "object",
    "description": "by journey",
    "additionalProperties": {
        "type": "object",
        "properties": {"stage": {"type": "string"}, "since": {"type": "string", "format": "date-time"}},
    },
}


class StageShape(Shape):
    slug = serializers.CharField()
    name = serializers.CharField()
    rank = serializers.IntegerField(help_text="place in the journey, first to last")


class JourneyShape(Shape):
    slug = serializers.CharField()
    name = serializers.CharField()
    active = serializers.BooleanField(source="is_active")
    stages = StageShape(many=True)


@extend_schema_view(list=extend_schema(summary="List journeys"), retrieve=extend_schema(summary="Get a journey"))
class JourneyView(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun):
    scope = "journeys"
    queryset = Journey.objects.none()
    serializer_class = JourneyShape
    lookup_field = lookup_url_kwarg = "slug"
    sort = Sort("id", descending=False)

    def get_queryset(self) -> QuerySet[Journey]:
        return Journey.objects.prefetch_related("stages")


def stages_of(customers: Sequence[Customer], now: datetime) -> dict[int, dict[str, Any]]:
    """Where these customers stand: {customer: {journey: {"stage", "since"}}}; one query."""
    rows = Position.objects.filter(
        customer__in=[customer.pk for customer in customers], journey__is_active=True, stage__isnull=False
    ).values_list("customer_id", "journey__slug", "stage__slug", "since")
    stages: dict[int, dict[str, Any]] = {}
    for customer_id, journey, stage, since in rows:
        stages.setdefault(customer_id, {})[journey] = {"stage": stage, "since": since}
    return stages


STAGES = CustomerField("stages", stages_of, {}, STAGES_SCHEMA)
