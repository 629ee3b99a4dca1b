"""Products: what is sold, as far as the shop has told us."""

from __future__ import annotations

import django_filters
from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import mixins, serializers

from crm.api.base import Noun
from crm.api.fields import MONEY_OR_NULL, Shape
from crm.lib.money import Money
from crm.lib.paging import Sort
from crm.models import Product


class ProductFilters(django_filters.FilterSet):  # type: ignore[misc] # ships no types
    sku = django_filters.CharFilter()
    category = django_filters.CharFilter()
    search = django_filters.CharFilter(method="search_for", label="part of the name or SKU")

    class Meta:
        model = Product
        fields: list[str] = []

    def search_for(self, found: QuerySet[Product], name: str, value: str) -> QuerySet[Product]:
        return found.filter(Q(name__icontains=value) | Q(sku__icontains=value))


class ProductShape(Shape):
    sku = serializers.CharField()
    name = serializers.CharField()
    category = serializers.CharField()
    brand = serializers.CharField()
    url = serializers.CharField()
    price = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    @extend_schema_field(MONEY_OR_NULL)
    def get_price(self, product: Product) -> dict[str, str] | None:
        if product.price_minor is None or not product.currency:
            return None
        return Money(product.price_minor, product.currency).as_json()


@extend_schema_view(list=extend_schema(summary="List products"))
class ProductView(mixins.ListModelMixin, Noun):
    scope = "products"
    queryset = Product.objects.order_by("pk")
    serializer_class = ProductShape
    filterset_class = ProductFilters
    sort = Sort("id")
