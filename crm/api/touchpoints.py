"""Touchpoints: the places where people first meet the shop, and their short links."""

from __future__ import annotations

import django_filters
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api.base import Noun
from crm.api.fields import MONEY_OR_NULL, Given, MoneyField, Shape, checked, named_faults
from crm.lib.money import Money
from crm.lib.paging import Sort
from crm.models import Touchpoint, TouchpointVisit
from crm.services import touchpoints


class TouchpointFilters(django_filters.FilterSet):  # type: ignore[misc] # ships no types
    kind = django_filters.ChoiceFilter(choices=Touchpoint.Kind.choices)
    campaign = django_filters.CharFilter()
    search = django_filters.CharFilter(field_name="name", lookup_expr="icontains", label="part of the name")

    class Meta:
        model = Touchpoint
        fields: list[str] = []


class TouchpointShape(Shape):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()
    code = serializers.CharField()
    short_url = serializers.CharField(help_text="what to print or post")
    kind = serializers.ChoiceField(choices=Touchpoint.Kind.choices)
    place = serializers.CharField()
    campaign = serializers.CharField(help_text="utm_campaign")
    url = serializers.CharField(help_text="where the short link leads")
    cost = serializers.SerializerMethodField()
    starts_on = serializers.DateField(allow_null=True)
    ends_on = serializers.DateField(allow_null=True)
    visits = serializers.IntegerField(source="visit_count", help_text="robots left out")
    created_at = serializers.DateTimeField()

    @extend_schema_field(MONEY_OR_NULL)
    def get_cost(self, touchpoint: Touchpoint) -> dict[str, str] | None:
        return None if touchpoint.cost_minor is None else Money(touchpoint.cost_minor, touchpoint.currency).as_json()


class TouchpointGiven(Given):
    name = serializers.CharField(max_length=100)
    url = serializers.URLField(max_length=500)
    code = serializers.SlugField(required=False, max_length=32, help_text="of the short link; made up unless given")
    kind = serializers.ChoiceField(choices=Touchpoint.Kind.choices, required=False)
    place = serializers.CharField(required=False, allow_blank=True, max_length=100)
    campaign = serializers.CharField(required=False, allow_blank=True, max_length=100)
    cost = MoneyField(required=False, allow_null=True)
    starts_on = serializers.DateField(required=False, allow_null=True)
    ends_on = serializers.DateField(required=False, allow_null=True)


@extend_schema_view(list=extend_schema(summary="List touchpoints"), retrieve=extend_schema(summary="Get a touchpoint"))
class TouchpointView(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun):
    scope = "touchpoints"
    queryset = Touchpoint.objects.none()
    serializer_class = TouchpointShape
    filterset_class = TouchpointFilters
    sort = Sort("id")

    def get_queryset(self) -> QuerySet[Touchpoint]:
        people = TouchpointVisit.objects.filter(touchpoint=OuterRef("pk"), is_bot=False).order_by().values("touchpoint")
        # A subquery counts for the rows of the page alone; a join would count for all of them first.
        return Touchpoint.objects.annotate(
            visit_count=Coalesce(Subquery(people.annotate(n=Count("pk")).values("n")), 0)
        )

    @extend_schema(summary="Add a touchpoint", request=TouchpointGiven, responses={201: TouchpointShape})
    def create(self, request: Request) -> Response:
        given = checked(TouchpointGiven(data=request.data))
        cost: Money | None = given.pop("cost", None)
        if cost is not None:
            given |= {"cost_minor": cost.minor, "currency": cost.currency}
        with named_faults():
            touchpoint = touchpoints.create_touchpoint(**given)
        return self.answer(self.get_queryset().get(pk=touchpoint.pk), 201)
