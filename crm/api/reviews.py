"""Reviews: submit, moderate, answer."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm.api.base import Noun
from crm.api.fields import CustomerField, Given, MomentField, PurchaseField, Shape, checked, named_faults
from crm.api.filters import CustomerFilter
from crm.api.lookups import customer_behind, product_behind, purchase_behind
from crm.lib.paging import Sort
from crm.models import Review
from crm.services import reviews


class ReviewFilters(django_filters.FilterSet):  # type: ignore[misc] # ships no types
    customer = CustomerFilter()
    status = django_filters.ChoiceFilter(choices=Review.Status.choices)
    site = django_filters.ChoiceFilter(choices=Review.Site.choices)
    product = django_filters.CharFilter(field_name="product__sku", label="SKU")
    rating = django_filters.NumberFilter(min_value=1, max_value=5)

    class Meta:
        model = Review
        fields: list[str] = []


class ReviewShape(Shape):
    id = serializers.UUIDField(source="public_id")
    source = serializers.CharField()  # type: ignore[assignment] # a field of that name
    reference = serializers.CharField()
    customer = serializers.UUIDField(source="customer.public_id")
    product = serializers.CharField(source="product.sku", default=None, help_text="SKU")
    purchase = serializers.CharField(source="purchase.reference", default=None, help_text="order number")
    site = serializers.ChoiceField(choices=Review.Site.choices)
    url = serializers.CharField()
    rating = serializers.IntegerField(allow_null=True)
    title = serializers.CharField()
    body = serializers.CharField()
    status = serializers.ChoiceField(choices=Review.Status.choices)
    verified = serializers.BooleanField(help_text="An order proves it.")
    reviewed_at = serializers.DateTimeField()
    published_at = serializers.DateTimeField(allow_null=True)
    reply = serializers.CharField()
    replied_at = serializers.DateTimeField(allow_null=True)


class ReviewGiven(Given):
    customer = CustomerField()
    reference = serializers.CharField(max_length=150, help_text="your number of it: the same again is the same review")
    rating = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=5)
    title = serializers.CharField(required=False, allow_blank=True, max_length=200)
    body = serializers.CharField(required=False, allow_blank=True, max_length=50_000)
    site = serializers.ChoiceField(choices=Review.Site.choices, required=False)
    url = serializers.URLField(required=False, allow_blank=True, max_length=500)
    product = serializers.CharField(required=False, max_length=100, help_text="SKU")
    purchase = PurchaseField(required=False)
    reviewed_at = MomentField(required=False, help_text="now unless given")


class DecisionGiven(Given):
    decision = serializers.ChoiceField(choices=["publish", "reject"])


class ReplyGiven(Given):
    text = serializers.CharField(max_length=50_000)


@extend_schema_view(list=extend_schema(summary="List reviews"), retrieve=extend_schema(summary="Get a review"))
class ReviewView(mixins.ListModelMixin, mixins.RetrieveModelMixin, Noun):
    scope = "reviews"
    queryset = Review.objects.none()
    serializer_class = ReviewShape
    filterset_class = ReviewFilters
    sort = Sort("id")

    def get_queryset(self) -> QuerySet[Review]:
        found = Review.objects.visible_to(self.staff) if self.staff else Review.objects.all()
        return found.select_related("customer", "product", "purchase")

    @extend_schema(
        summary="Submit a review", request=ReviewGiven, responses={200: ReviewShape, 201: ReviewShape},
        description="Verified when the customer bought what it is about; the shop decides whether that publishes it.",
    )  # fmt: skip
    @transaction.atomic
    def create(self, request: Request) -> Response:
        given = checked(ReviewGiven(data=request.data, context=self.get_serializer_context()))
        customer = customer_behind(given.pop("customer"), self)
        given["purchase"] = purchase_behind(given.get("purchase"), customer)
        given["product"] = product_behind(given.get("product"))
        with named_faults():
            submitted = reviews.submit_review(customer=customer, source=self.source, now=self.now, **given)
        return self.answer(submitted.review, 201 if submitted.created else 200)

    @extend_schema(summary="Publish or reject a review", request=DecisionGiven, responses=ReviewShape)
    @transaction.atomic
    def moderate(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        review = self.get_locked()
        given = checked(DecisionGiven(data=request.data))
        decide = reviews.publish_review if given["decision"] == "publish" else reviews.reject_review
        return self.answer(decide(review, now=self.now))

    @extend_schema(summary="Answer a review in the shop's name", request=ReplyGiven, responses=ReviewShape)
    @transaction.atomic
    def reply(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        review = self.get_locked()
        given = checked(ReplyGiven(data=request.data))
        with named_faults():
            return self.answer(reviews.reply_to_review(review, given["text"], actor=self.staff, now=self.now))
