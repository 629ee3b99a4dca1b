"""Products, purchases and refunds."""

from typing import Any

from django.contrib import admin
from django.forms import Form
from django.http import HttpRequest
from django.utils import timezone
from simple_history.admin import SimpleHistoryAdmin

from crm.admin.base import SECURE_URLS, page_link
from crm.events import log
from crm.models import Product, Purchase, PurchaseItem, Refund


class PurchaseItemInline(admin.TabularInline[PurchaseItem, Purchase]):
    model = PurchaseItem
    extra = 0
    autocomplete_fields = ("product",)


class RefundInline(admin.TabularInline[Refund, Purchase]):
    model = Refund
    extra = 0
    fields = ("reference", "amount_minor", "currency", "reason", "refunded_at")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Purchase)
class PurchaseAdmin(SimpleHistoryAdmin):
    list_display = ("reference", "source", "customer", "status", "total", "placed_at", "promised_at", page_link)
    list_filter = ("status", "source", "payment_method")
    list_select_related = ("customer",)
    search_fields = ("reference", "customer__search_text")
    autocomplete_fields = ("customer",)
    date_hierarchy = "placed_at"
    readonly_fields = ("public_id", "refunded_minor", "late_since", "status")
    inlines = (PurchaseItemInline, RefundInline)

    def save_model(self, request: HttpRequest, obj: Purchase, form: Form, change: bool) -> None:
        # The order's facts name its lines, which Django saves after it: see save_related.
        obj.facts_deferred = True
        obj.status = obj.status_from_dates()
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        purchase: Purchase = form.instance
        log.record_many(purchase.facts(list(purchase.items.select_related("purchase"))), now=timezone.now())

    def view_on_site(self, obj: Purchase) -> str:
        return obj.get_absolute_url()


@admin.register(PurchaseItem)
class PurchaseItemAdmin(admin.ModelAdmin[PurchaseItem]):
    list_display = ("purchase", "sku", "name", "quantity", "price")
    list_select_related = ("purchase",)
    search_fields = ("sku", "name", "purchase__reference")
    autocomplete_fields = ("purchase", "product")


@admin.register(Refund)
class RefundAdmin(admin.ModelAdmin[Refund]):
    list_display = ("reference", "source", "customer", "purchase", "amount", "refunded_at")
    list_filter = ("source",)
    list_select_related = ("customer", "purchase")
    search_fields = ("reference", "purchase__reference", "customer__search_text")
    autocomplete_fields = ("customer", "purchase")
    date_hierarchy = "refunded_at"


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin[Product]):
    formfield_overrides = SECURE_URLS
    list_display = ("sku", "name", "category", "brand", "time_of_use", "repurchase_after")
    list_filter = ("category",)
    search_fields = ("sku", "name")
