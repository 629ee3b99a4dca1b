"""Segments and their members."""

from django.contrib import admin
from simple_history.admin import SimpleHistoryAdmin

from crm.admin.base import ReadOnlyAdmin, page_link
from crm.models import Segment, SegmentChange, SegmentMember


@admin.register(Segment)
class SegmentAdmin(SimpleHistoryAdmin):
    """To look at: a rule is edited and a segment deleted on its page, which checks who speaks of it."""

    list_display = ("name", "slug", "member_count", "changed_at", "refresh_asked_at", page_link)
    search_fields = ("name", "slug")
    readonly_fields = ("slug", "rule", "member_count", "changed_at", "refresh_asked_at", "created_at", "created_by")

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        return False


@admin.register(SegmentMember)
class SegmentMemberAdmin(ReadOnlyAdmin):
    list_display = ("segment", "customer", "since")
    list_filter = ("segment",)
    list_select_related = ("segment", "customer")


@admin.register(SegmentChange)
class SegmentChangeAdmin(ReadOnlyAdmin):
    list_display = ("segment", "changed_at", "entered", "left", "member_count")
    list_filter = ("segment",)
    list_select_related = ("segment",)
    date_hierarchy = "changed_at"
