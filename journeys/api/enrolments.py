"""Runs of customers through flows."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers

from crm.api.base import Noun
from crm.api.fields import Shape
from crm.lib.paging import Sort
from journeys.models import Enrolment


class EnrolmentFilters(django_filters.FilterSet):  # type: ignore[misc]
    flow = django_filters.CharFilter(field_name="flow__slug")
    customer = django_filters.UUIDFilter(field_name="customer__public_id")
    state = django_filters.ChoiceFilter(choices=Enrolment.State.choices)
    step = django_filters.CharFilter()

    class Meta:
        model = Enrolment
        fields: list[str] = []


class EnrolmentShape(Shape):
    """One customer's run through one flow."""

    flow = serializers.CharField(source="flow.slug")
    version = serializers.IntegerField(source="version.number")
    customer = serializers.UUIDField(source="customer.public_id")
    key = serializers.CharField(help_text="the order or cart that tells it from the customer's other runs")
    state = serializers.ChoiceField(choices=Enrolment.State.choices)
    step = serializers.CharField(help_text="where it stands, or stood last")
    waits_for = serializers.CharField(source="awaits", help_text="the event it waits for, if any")
    due_at = serializers.DateTimeField(allow_null=True)
    paused = serializers.BooleanField(source="is_paused")
    entered_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(help_text="why it ended early")
    goal_at = serializers.DateTimeField(allow_null=True)


@extend_schema_view(list=extend_schema(summary="List runs of customers through flows"))
class EnrolmentView(mixins.ListModelMixin, Noun):
    scope = "flows"
    queryset = Enrolment.objects.none()
    serializer_class = EnrolmentShape
    filterset_class = EnrolmentFilters
    sort = Sort("id")

    def get_queryset(self) -> QuerySet[Enrolment]:
        found = Enrolment.objects.select_related("flow", "version", "customer").defer(
            "flow__draft", "version__definition", "context", "memory"
        )
        return found.filter(customer__in=self.visible_customers().values("pk")) if self.staff else found
