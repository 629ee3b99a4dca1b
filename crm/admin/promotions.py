"""Promotions and coupons."""

from django.contrib import admin
from simple_history.admin import SimpleHistoryAdmin

from crm.admin.base import ReadOnlyAdmin, page_link
from crm.models import Coupon, Promotion


@admin.register(Promotion)
class PromotionAdmin(SimpleHistoryAdmin):
    """To look at: its terms and its audience are edited on its page, which checks them."""

    list_display = ("name", "slug", "kind", "starts_at", "ends_at", "limit", "redeemed_count", "is_active", page_link)
    list_filter = ("is_active", "kind")
    search_fields = ("name", "slug")
    date_hierarchy = "created_at"

    def get_readonly_fields(self, request: object, obj: object = None) -> list[str]:
        return [field.name for field in Promotion._meta.fields if field.name not in ("id", "name", "is_active")]

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        return False


@admin.register(Coupon)
class CouponAdmin(ReadOnlyAdmin):
    list_display = ("code", "promotion", "customer", "issued_at", "expires_at", "redeemed_at", "voided_at")
    list_filter = ("promotion", ("redeemed_at", admin.EmptyFieldListFilter), ("voided_at", admin.EmptyFieldListFilter))
    list_select_related = ("promotion", "customer")
    search_fields = ("=code", "=purchase_reference", "customer__search_text")
    date_hierarchy = "issued_at"
    show_full_result_count = False
