"""Promotions, and the codes that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import django_filters
from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api.base import Noun
from crm.api.fields import MONEY_OR_NULL, Given, MomentField, MoneyField, Shape, at_most, checked, fault, faults
from crm.api.segments import path_of
from crm.lib.paging import Sort
from crm.models import Coupon, Promotion
from crm.services import coupons, promotions

MOST_CODES = 1000  # by one call


class PromotionFilters(django_filters.FilterSet):  # type: ignore[misc] # ships no types
    search = django_filters.CharFilter(field_name="name", lookup_expr="icontains", label="part of the name")
    active = django_filters.BooleanFilter(field_name="is_active")

    class Meta:
        model = Promotion
        fields: list[str] = []


class PromotionShape(Shape):
    id = serializers.UUIDField(source="public_id")
    slug = serializers.SlugField(help_text="how flows speak of it")
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=Promotion.Kind.choices)
    percent = serializers.IntegerField(allow_null=True)
    amount = serializers.SerializerMethodField()
    terms = serializers.CharField()
    starts_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True)
    coupon_days = serializers.IntegerField(allow_null=True, help_text="how long a code is good after it was given")
    limit = serializers.IntegerField(allow_null=True, help_text="redeemed at most so often in all")
    limit_per_customer = serializers.IntegerField(allow_null=True)
    audience = serializers.JSONField(help_text="in the rule grammar: docs/rules.md")
    is_active = serializers.BooleanField()
    issued = serializers.IntegerField(source="issued_count", help_text="codes there are")
    redeemed = serializers.IntegerField(source="redeemed_count")
    created_at = serializers.DateTimeField()

    @extend_schema_field(MONEY_OR_NULL)
    def get_amount(self, promotion: Promotion) -> dict[str, str] | None:
        return promotion.amount.as_json() if promotion.amount else None


class _Terms(Given):
    """What may be said of a promotion at first and later."""

    kind = serializers.ChoiceField(choices=Promotion.Kind.choices, required=False)
    percent = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=100)
    amount = MoneyField(required=False, allow_null=True)
    terms = serializers.CharField(required=False, allow_blank=True, max_length=500)
    starts_at = MomentField(future=True, required=False, allow_null=True)
    ends_at = MomentField(future=True, required=False, allow_null=True)
    coupon_days = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=3660)
    limit = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=2_000_000_000)
    limit_per_customer = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=1_000_000)
    audience = serializers.JSONField(required=False)
    is_active = serializers.BooleanField(required=False)


class PromotionGiven(_Terms):
    name = serializers.CharField(max_length=100)
    slug = serializers.SlugField(required=False, max_length=64, help_text="made from the name unless given")


class PromotionChangeGiven(_Terms):
    name = serializers.CharField(required=False, max_length=100)


class CodesAskedGiven(Given):
    count = serializers.IntegerField(min_value=1, max_value=MOST_CODES)


class CodesShape(serializers.Serializer[Any]):
    codes = serializers.ListField(child=serializers.CharField(), validators=[at_most(MOST_CODES)])


@extend_schema_view(list=extend_schema(summary="List promotions"), retrieve=extend_schema(summary="Get a promotion"))
class PromotionView(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun):
    scope = "promotions"
    queryset = Promotion.objects.none()
    serializer_class = PromotionShape
    filterset_class = PromotionFilters
    sort = Sort("id")

    def get_queryset(self) -> QuerySet[Promotion]:
        codes = Coupon.objects.filter(promotion=OuterRef("pk")).order_by().values("promotion")
        # A subquery counts for the rows of the page alone; a join would count for all of them first.
        return Promotion.objects.annotate(issued_count=Coalesce(Subquery(codes.annotate(n=Count("pk")).values("n")), 0))

    @extend_schema(summary="Add a promotion", request=PromotionGiven, responses={201: PromotionShape})
    def create(self, request: Request) -> Response:
        given = checked(PromotionGiven(data=request.data, context=self.get_serializer_context()))
        slug = given.pop("slug", "")
        try:
            made = promotions.create_promotion(fields=given, slug=slug, actor=self.staff, now=self.now)
        except promotions.InvalidPromotion as error:
            raise _named(error) from error
        return self.answer(self.get_queryset().get(pk=made.pk), 201)

    @extend_schema(
        summary="Change a promotion", request=PromotionChangeGiven, responses={200: PromotionShape},
        description="Codes that were given keep their own expiry.",
    )  # fmt: skip
    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given: Mapping[str, Any] = checked(
            PromotionChangeGiven(data=request.data, context=self.get_serializer_context())
        )
        try:
            promotions.edit_promotion(self.get_object(), given)
        except promotions.InvalidPromotion as error:
            raise _named(error) from error
        return self.answer(self.get_object())

    @extend_schema(
        summary="Make codes", request=CodesAskedGiven, responses={201: CodesShape},
        description="Single-use codes that are nobody's until somebody redeems them.",
    )  # fmt: skip
    @transaction.atomic
    def make_codes(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        promotion = self.get_object()
        given = checked(CodesAskedGiven(data=request.data))
        made = coupons.create_codes(promotion, given["count"], now=self.now)
        return Response({"codes": [coupon.code for coupon in made]}, status=201)


def _named(error: promotions.InvalidPromotion) -> ValidationError:
    if error.faults:
        return faults((["audience", *path_of(one)], one.message, "invalid_rule") for one in error.faults)
    return fault([error.field], error.message, "invalid")
