"""What providers told us, as it came, and whom we turned away: to read, never to change."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from crm.admin.base import ReadOnlyAdmin
from messaging.models import FileToFetch, ProviderCall, RefusedCalls

SHOWN = 20_000  # bytes of a body


@admin.register(ProviderCall)
class ProviderCallAdmin(ReadOnlyAdmin):
    list_display = ("received_at", "channel", "provider", "what", "processed_at", "attempts", "fault")
    list_filter = ("channel", "provider", "what", ("processed_at", admin.EmptyFieldListFilter))
    date_hierarchy = "received_at"
    search_fields = ("fault",)
    ordering = ("-id",)
    show_full_result_count = False
    fields = (
        "received_at", "channel", "provider", "what", "method", "query", "headers", "text", "told", "processed_at",
        "retry_at", "attempts", "fault",
    )  # fmt: skip

    @admin.display(description=_("body"))
    def text(self, call: ProviderCall) -> str:
        return bytes(call.body[:SHOWN]).decode(errors="replace")


@admin.register(RefusedCalls)
class RefusedCallsAdmin(ReadOnlyAdmin):
    list_display = ("channel", "code", "count", "last_at", "last_from")
    list_filter = ("channel", "code")
    search_fields = ("=last_from",)


@admin.register(FileToFetch)
class FileToFetchAdmin(ReadOnlyAdmin):
    list_display = ("attachment", "channel", "provider", "announced_at", "due_at", "attempts", "fault")
    list_filter = ("channel", "provider")
    search_fields = ("reference", "fault")
    ordering = ("due_at",)
