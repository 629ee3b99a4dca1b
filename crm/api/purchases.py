"""Purchases: orders as the storefront knows them, their status and their refunds."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api.base import Noun
from crm.api.errors import Problem
from crm.api.fields import CustomerField, Given, MomentField, MoneyField, Shape, checked, named_faults
from crm.api.filters import CustomerFilter, MomentFilter
from crm.api.lookups import customer_behind
from crm.lib.money import Money
from crm.lib.paging import Sort
from crm.models import Customer, Purchase, Refund
from crm.services import coupons, purchases, refunds

Status = Purchase.Status
STEPS = [choice for choice in Status.choices if choice[0] != Status.PLACED]


class PurchaseFilters(django_filters.FilterSet):  # type: ignore[misc] # ships no types
    customer = CustomerFilter()
    source = django_filters.CharFilter()
    reference = django_filters.CharFilter()
    search = django_filters.CharFilter(
        field_name="reference", lookup_expr="icontains", label="part of the order number"
    )
    status = django_filters.ChoiceFilter(choices=Status.choices)
    placed_after = MomentFilter(field_name="placed_at", lookup_expr="gt")
    placed_before = MomentFilter(field_name="placed_at", lookup_expr="lt")

    class Meta:
        model = Purchase
        fields: list[str] = []


class ItemShape(Shape):
    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()
    price = MoneyField()


class RefundShape(Shape):
    reference = serializers.CharField()
    amount = MoneyField()
    reason = serializers.CharField()
    refunded_at = serializers.DateTimeField()


class PurchaseShape(Shape):
    id = serializers.UUIDField(source="public_id")
    source = serializers.CharField()  # type: ignore[assignment] # a field of that name
    reference = serializers.CharField()
    customer = serializers.UUIDField(source="customer.public_id")
    status = serializers.ChoiceField(choices=Status.choices)
    total = MoneyField()
    refunded = MoneyField()
    items = ItemShape(many=True)
    refunds = RefundShape(many=True)
    payment_method = serializers.CharField()
    coupon = serializers.CharField()
    placed_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    shipped_at = serializers.DateTimeField(allow_null=True)
    promised_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    completed_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)
    late = serializers.SerializerMethodField(help_text="The promise is broken.")

    def get_late(self, purchase: Purchase) -> bool:
        return purchase.is_late(self.context["view"].now)


class RedemptionShape(serializers.Serializer[Any]):
    redeemed = serializers.BooleanField(help_text="by this order, now or when it was reported before")
    reason = serializers.CharField(help_text="the code that redeeming was refused with; empty when it was redeemed")
    detail = serializers.CharField(help_text="the same in words")


class RecordedShape(PurchaseShape):
    """`redemption`, in the context, is what became of the coupon."""

    redemption = serializers.SerializerMethodField(help_text="what became of `coupon`; null when none was said")

    @extend_schema_field(RedemptionShape(allow_null=True))
    def get_redemption(self, purchase: Purchase) -> dict[str, Any] | None:
        redemption: dict[str, Any] | None = self.context["redemption"]
        return redemption


class ItemGiven(Given):
    sku = serializers.CharField(max_length=100, allow_blank=True, required=False, default="")
    name = serializers.CharField(max_length=250, allow_blank=True, required=False, default="")
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000, default=1)
    price = MoneyField()
    category = serializers.CharField(max_length=100, allow_blank=True, required=False, default="")


class PurchaseGiven(Given):
    customer = CustomerField()
    placed_at = MomentField()
    status = serializers.ChoiceField(choices=Status.choices, required=False)
    total = MoneyField()
    items = ItemGiven(many=True, required=False, max_length=1000)  # type: ignore[call-arg] # the list's
    promised_at = MomentField(required=False, allow_null=True, future=True)
    paid_at = MomentField(required=False, allow_null=True)
    shipped_at = MomentField(required=False, allow_null=True)
    delivered_at = MomentField(required=False, allow_null=True)
    completed_at = MomentField(required=False, allow_null=True)
    cancelled_at = MomentField(required=False, allow_null=True)
    payment_method = serializers.CharField(required=False, allow_blank=True, max_length=64)
    coupon = serializers.CharField(required=False, allow_blank=True, max_length=64)
    discount = MoneyField(required=False)


class StatusGiven(Given):
    status = serializers.ChoiceField(choices=STEPS)
    at = MomentField(required=False, help_text="now unless given")


class RefundGiven(Given):
    amount = MoneyField(required=False, help_text="what is left of the order unless given")
    reference = serializers.CharField(
        required=False, max_length=100, help_text="your number of this refund: the same again is the same refund"
    )
    reason = serializers.CharField(required=False, allow_blank=True, max_length=200)
    refunded_at = MomentField(required=False, help_text="now unless given")


@extend_schema_view(
    list=extend_schema(summary="List purchases"),
    retrieve=extend_schema(summary="Get a purchase by the shop's order number"),
)
class PurchaseView(mixins.ListModelMixin, Noun):
    scope = "purchases"
    queryset = Purchase.objects.none()
    serializer_class = PurchaseShape
    filterset_class = PurchaseFilters
    sort = Sort("placed_at")

    def get_queryset(self) -> QuerySet[Purchase]:
        found = Purchase.objects.visible_to(self.staff) if self.staff else Purchase.objects.all()
        return found.select_related("customer").prefetch_related("items__purchase", "refunds")

    def get_object(self) -> Purchase:
        return self._get(self.get_queryset())

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.answer(self.get_object())

    @extend_schema(
        summary="Record an order, or update it",
        description="The same source and reference again updates, never duplicates. What is left out stays as it is. "
        "A `coupon` of ours is redeemed, once; the order stands whatever becomes of it: see `redemption`.",
        request=PurchaseGiven, responses={200: RecordedShape, 201: RecordedShape},
    )  # fmt: skip
    @transaction.atomic
    def record(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = checked(PurchaseGiven(data=request.data, context=self.get_serializer_context()))
        customer = customer_behind(given.pop("customer"), self, source=kwargs["source"])
        items = [purchases.ItemIn(**item) for item in given.pop("items", ())]
        refunded = given.get("status") == Status.REFUNDED
        redemption = self._redeem(given["coupon"], customer, given["placed_at"]) if given.get("coupon") else None
        order = purchases.PurchaseIn(
            customer_id=customer.pk, source=kwargs["source"], reference=kwargs["reference"], items=items, **given
        )
        with named_faults():
            try:
                recorded = purchases.record_purchase(order, now=self.now)
            except purchases.ReferenceTaken as error:
                raise Problem("reference_taken", str(error)) from error
            if refunded:
                refunds.refund_the_rest(recorded.purchase, refunded_at=self.now, now=self.now)
        context = {**self.get_serializer_context(), "redemption": redemption}
        return Response(RecordedShape(self.get_object(), context=context).data, 201 if recorded.created else 200)

    def _redeem(self, code: str, customer: Customer, placed_at: datetime) -> dict[str, Any]:
        """What became of an order's coupon. Shops have codes of their own too: not to know one is no fault."""
        try:
            coupons.redeem_for_order(
                code, customer=customer, purchase=(self.kwargs["source"], self.kwargs["reference"]),
                placed_at=placed_at, now=self.now, through=self.source, actor=self.staff,
            )  # fmt: skip
        except coupons.Refused as error:
            return {"redeemed": False, "reason": error.code, "detail": error.words}
        return {"redeemed": True, "reason": "", "detail": ""}

    @extend_schema(
        summary="Say that an order was paid, shipped, delivered, completed, cancelled or refunded",
        request=StatusGiven, responses=PurchaseShape,
    )  # fmt: skip
    @transaction.atomic
    def set_status(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        purchase = self._get_locked()
        given = checked(StatusGiven(data=request.data, context=self.get_serializer_context()))
        at = given.get("at") or self.now
        with named_faults():
            if given["status"] == Status.REFUNDED:
                refunds.refund_the_rest(purchase, refunded_at=at, now=self.now)
            else:
                purchases.set_status(purchase, given["status"], at=at, now=self.now)
        return self.answer(self.get_object())

    @extend_schema(
        summary="Record money given back", request=RefundGiven, responses={200: PurchaseShape, 201: PurchaseShape},
        description="Answers with the purchase; 200 when a refund of this reference was known.",
    )  # fmt: skip
    @transaction.atomic
    def refund(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        purchase = self._get_locked()
        given = checked(RefundGiven(data=request.data, context=self.get_serializer_context()))
        reference = given.get("reference") or refunds.next_reference(purchase)
        known = Refund.objects.filter(source=purchase.source, reference=reference).first()
        if known and known.purchase_id != purchase.pk:
            raise Problem("reference_taken", _("This refund number belongs to another order."), at="/reference")
        left = Money(purchase.total_minor - purchase.refunded_minor, purchase.currency)
        with named_faults():
            purchases.record_refund(
                customer=purchase.customer, purchase=purchase, source=purchase.source, reference=reference,
                amount=given.get("amount", left), reason=given.get("reason", ""),
                refunded_at=given.get("refunded_at") or self.now, now=self.now,
            )  # fmt: skip
        return self.answer(self.get_object(), 200 if known else 201)

    def _get(self, found: QuerySet[Purchase]) -> Purchase:
        purchase = found.filter(source=self.kwargs["source"], reference=self.kwargs["reference"]).first()
        if purchase is None:
            raise NotFound(_("There is no such order."))
        return purchase

    def _get_locked(self) -> Purchase:
        """Two programs that report "paid" and "shipped" at once take turns, or one would undo the other."""
        return self._get(self.get_queryset().select_for_update(of=("self",)))
