"""Short links and who followed them: to be read."""

from __future__ import annotations

from django.contrib import admin

from crm.admin.base import ReadOnlyAdmin
from messaging.models import Click, ShortLink


@admin.register(ShortLink)
class ShortLinkAdmin(ReadOnlyAdmin):
    list_display = ("token", "message", "url", "is_way_out", "created_at")
    list_select_related = ("message",)
    search_fields = ("=token",)


@admin.register(Click)
class ClickAdmin(ReadOnlyAdmin):
    list_display = ("link", "at", "ip", "user_agent", "bot_because")
    list_select_related = ("link",)
    search_fields = ("=link__token",)
    date_hierarchy = "at"
