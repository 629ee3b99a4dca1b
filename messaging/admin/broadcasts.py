"""Broadcasts: made and sent on their own pages, read here."""

from django.contrib import admin

from crm.admin.base import ReadOnlyAdmin, ReadOnlyInline, page_link
from messaging.models import Broadcast, BroadcastRecipient, BroadcastVariant


class VariantInline(ReadOnlyInline):
    model = BroadcastVariant
    fields = ("number", "weight", "template", "subject", "body")


@admin.register(Broadcast)
class BroadcastAdmin(ReadOnlyAdmin):
    list_display = ("name", "state", "channel", "topic", "starts_at", "started_at", "ended_at", page_link)
    list_filter = ("state", "channel", "timing")
    list_select_related = ("topic",)
    search_fields = ("name",)
    ordering = ("-id",)
    inlines = (VariantInline,)


@admin.register(BroadcastVariant)
class BroadcastVariantAdmin(ReadOnlyAdmin):
    list_display = ("broadcast", "number", "weight", "template", "subject")
    list_select_related = ("broadcast",)
    search_fields = ("broadcast__name", "template", "subject")


@admin.register(BroadcastRecipient)
class BroadcastRecipientAdmin(ReadOnlyAdmin):
    list_display = ("broadcast", "customer", "variant", "due_at", "state", "message")
    list_filter = ("state",)
    list_select_related = ("broadcast", "customer", "message")
    search_fields = ("broadcast__name", "customer__search_text")
    show_full_result_count = False
