"""Flows, to read."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers

from crm.api.base import Noun
from crm.api.fields import Shape
from crm.lib.paging import Sort
from journeys.models import Flow


class FlowFilters(django_filters.FilterSet):  # type: ignore[misc] # ships no types
    state = django_filters.ChoiceFilter(choices=Flow.State.choices)
    search = django_filters.CharFilter(field_name="name", lookup_expr="icontains", label="part of the name")

    class Meta:
        model = Flow
        fields: list[str] = []


class FlowShape(Shape):
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    state = serializers.ChoiceField(choices=Flow.State.choices)
    version = serializers.SerializerMethodField(help_text="what newcomers enter; null before the first is published")
    definition = serializers.DictField(source="draft", help_text="as staff edit it")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    @extend_schema_field({"type": "integer", "nullable": True})
    def get_version(self, flow: Flow) -> int | None:
        return flow.live_version.number if flow.live_version else None


@extend_schema_view(list=extend_schema(summary="List flows"), retrieve=extend_schema(summary="Get a flow"))
class FlowView(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun):
    scope = "flows"
    queryset = Flow.objects.none()
    serializer_class = FlowShape
    filterset_class = FlowFilters
    lookup_field = lookup_url_kwarg = "slug"
    sort = Sort("id", descending=False)

    def get_queryset(self) -> QuerySet[Flow]:
        return Flow.objects.select_related("live_version")
