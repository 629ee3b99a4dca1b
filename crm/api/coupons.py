"""Coupons: listed, checked, and redeemed exactly once."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api.base import Noun
from crm.api.errors import Problem
from crm.api.fields import CustomerField, Given, PurchaseField, Shape, checked
from crm.api.lookups import customer_behind
from crm.api.problems import PROBLEMS
from crm.lib.paging import Sort
from crm.models import Coupon
from crm.models.coupon import STATES, as_code
from crm.services import coupons


class CouponFilters(django_filters.FilterSet):  # type: ignore[misc] # ships no types
    promotion = django_filters.CharFilter(field_name="promotion__slug", label="slug of the promotion")
    customer = django_filters.UUIDFilter(field_name="customer__public_id")
    code = django_filters.CharFilter()
    state = django_filters.ChoiceFilter(choices=list(STATES.items()), method="in_state")

    class Meta:
        model = Coupon
        fields: list[str] = []

    def in_state(self, rows: Any, name: str, value: str) -> Any:
        return rows.in_state(value, self.request.parser_context["view"].now)


class CouponShape(Shape):
    id = serializers.UUIDField(source="public_id")
    code = serializers.CharField()
    promotion = serializers.SlugField(source="promotion.slug")
    name = serializers.CharField(source="promotion.name")
    value = serializers.CharField(source="promotion.value", help_text="what it gives, in words")
    terms = serializers.CharField(source="promotion.terms")
    customer = serializers.UUIDField(
        source="customer.public_id", allow_null=True, default=None, help_text="null while it is nobody's"
    )
    state = serializers.SerializerMethodField()
    issued_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    redeemed_at = serializers.DateTimeField(allow_null=True)
    purchase = serializers.SerializerMethodField()

    @extend_schema_field({"type": "string", "enum": list(STATES)})
    def get_state(self, coupon: Coupon) -> str:
        return coupon.state(self.context["view"].now)

    @extend_schema_field(
        {"type": "object", "nullable": True,
         "properties": {"source": {"type": "string"}, "reference": {"type": "string"}}}
    )  # fmt: skip
    def get_purchase(self, coupon: Coupon) -> dict[str, str] | None:
        if not coupon.purchase_reference:
            return None
        return {"source": coupon.purchase_source, "reference": coupon.purchase_reference}


class CouponAskedGiven(Given):
    code = serializers.CharField(max_length=64)
    customer = CustomerField(required=False)


class RedemptionGiven(Given):
    code = serializers.CharField(max_length=64)
    customer = CustomerField()
    purchase = PurchaseField(required=False)


class VerdictShape(serializers.Serializer[Any]):
    valid = serializers.BooleanField()
    reason = serializers.CharField(help_text="the code that redeeming would be refused with; empty when it is valid")
    detail = serializers.CharField(help_text="the same in words")
    coupon = CouponShape(allow_null=True)


@extend_schema_view(list=extend_schema(summary="List coupons"), retrieve=extend_schema(summary="Get a coupon"))
class CouponView(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun):
    scope = "promotions"
    scopes = {"validate": ("coupons:redeem",), "redeem": ("coupons:redeem",), "void": ("coupons:void",)}
    queryset = Coupon.objects.none()
    serializer_class = CouponShape
    filterset_class = CouponFilters
    sort = Sort("id")

    def get_queryset(self) -> QuerySet[Coupon]:
        found = Coupon.objects.select_related("promotion", "customer")
        if self.staff:
            found = found.filter(Q(customer=None) | Q(customer__in=self.visible_customers().values("pk")))
        return found

    @extend_schema(
        summary="Ask whether a code could be redeemed", request=CouponAskedGiven, responses={200: VerdictShape},
        description="Writes nothing. Without a customer, limits for one customer and the audience are not asked.",
    )  # fmt: skip
    def validate(self, request: Request) -> Response:
        given = checked(CouponAskedGiven(data=request.data, context=self.get_serializer_context()))
        customer = customer_behind(given["customer"], self) if "customer" in given else None
        try:
            coupon = coupons.check(given["code"], customer=customer, now=self.now)
        except coupons.Refused as error:
            return Response(
                {"valid": False, "reason": error.code, "detail": str(PROBLEMS[error.code][1]), "coupon": None}
            )
        return Response({"valid": True, "reason": "", "detail": "", "coupon": self.get_serializer(coupon).data})

    @extend_schema(
        summary="Redeem a code", request=RedemptionGiven, responses={201: CouponShape},
        description="Exactly once, however many try. Else 409: already_redeemed, coupon_exhausted, expired and others.",
    )  # fmt: skip
    def redeem(self, request: Request) -> Response:
        given = checked(RedemptionGiven(data=request.data, context=self.get_serializer_context()))
        customer = customer_behind(given["customer"], self)
        order = given.get("purchase")
        try:
            coupon = coupons.redeem(
                given["code"], customer=customer, now=self.now, through=self.source, actor=self.staff,
                purchase=(order["source"], order["reference"]) if order else None,
            )  # fmt: skip
        except coupons.Refused as error:
            raise Problem(error.code, PROBLEMS[error.code][1]) from error
        return self.answer(self.get_queryset().get(pk=coupon.pk), 201)

    @extend_schema(
        summary="Make a code void", request=None, responses={200: CouponShape},
        description="Nobody can redeem it from then on. 409 when it has been redeemed, or is void already.",
    )  # fmt: skip
    def void(self, request: Request, code: str) -> Response:
        coupon = self.get_queryset().filter(code=as_code(code)).first()
        if coupon is None:
            raise Problem("unknown_coupon", PROBLEMS["unknown_coupon"][1])
        try:
            coupons.void(coupon, actor=self.staff, now=self.now)
        except coupons.Refused as error:
            raise Problem(error.code, PROBLEMS[error.code][1]) from error
        return self.answer(coupon)
