"""Outgoing webhooks; their secrets are never shown."""

from django.contrib import admin

from crm.admin.base import ReadOnlyAdmin
from crm.models import HookDelivery, HookSecret, WebhookEndpoint


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyAdmin):
    # Endpoints are made and edited where their address is checked: in Settings, Webhooks.
    list_display = ("__str__", "url", "is_active", "disabled_at", "disabled_reason")
    list_filter = ("is_active",)
    search_fields = ("url", "description")
    fields = ("url", "description", "events", "is_active", "disabled_at", "disabled_reason", "created_at", "created_by")


@admin.register(HookDelivery)
class HookDeliveryAdmin(ReadOnlyAdmin):
    list_display = ("queued_at", "event", "url", "state", "reason", "status", "attempts", "due_at", "ended_at")
    list_filter = ("state", "reason", "endpoint")
    list_select_related = ("endpoint",)
    search_fields = ("=dedupe_key", "=event", "customer__search_text")
    date_hierarchy = "queued_at"
    show_full_result_count = False
    exclude = ("lease_token",)


@admin.register(HookSecret)
class HookSecretAdmin(ReadOnlyAdmin):
    list_display = ("__str__",)
    exclude = ("sealed",)
