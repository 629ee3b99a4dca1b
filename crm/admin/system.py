"""The log and its reactions, staff, the shop, and how programs get in."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from crm.admin.base import ReadOnlyAdmin
from crm.models import (
    ApiKey,
    ConfigurationStamp,
    Event,
    FailedReaction,
    Heartbeat,
    IdempotencyRecord,
    RejectedEvent,
    ReplayRun,
    Shop,
    Source,
    User,
)


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("occurred_at", "name", "customer", "source", "received_at")
    list_filter = ("source",)
    list_select_related = ("customer",)
    search_fields = ("=name", "=dedupe_key", "customer__search_text")
    show_full_result_count = False


@admin.register(FailedReaction)
class FailedReactionAdmin(ReadOnlyAdmin):
    list_display = ("event", "receiver", "attempts", "error", "retry_at", "resolved_at")
    list_filter = ("receiver", ("resolved_at", admin.EmptyFieldListFilter))
    list_select_related = ("event",)


@admin.register(RejectedEvent)
class RejectedEventAdmin(ReadOnlyAdmin):
    list_display = ("received_at", "source", "code", "message", "resolved_at")
    list_filter = ("source", "code")
    date_hierarchy = "received_at"


@admin.register(User)
class StaffAdmin(UserAdmin[User]):
    list_display = ("username", "first_name", "last_name", "role", "is_active", "last_login")
    list_filter = ("role", "is_active", "is_superuser")
    fieldsets = (
        *(UserAdmin.fieldsets or ()),
        (_("Waymark"), {"fields": ("role", "language", "theme", "shortcuts")}),
    )
    add_fieldsets = (*UserAdmin.add_fieldsets, (_("Waymark"), {"fields": ("role",)}))


@admin.register(Shop)
class ShopAdmin(admin.ModelAdmin[Shop]):
    list_display = ("name", "time_zone", "country", "currency", "language")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return not Shop.objects.exists()

    def has_delete_permission(self, request: HttpRequest, obj: Shop | None = None) -> bool:
        return False


@admin.register(Source)
class SourceAdmin(admin.ModelAdmin[Source]):
    list_display = ("name", "slug", "kind", "mode", "is_active", "last_event_at")
    list_filter = ("kind", "is_active")
    search_fields = ("name", "slug")
    readonly_fields = ("write_key", "last_event_at")


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    # Keys are made where their secret can be shown once: in Settings, or with manage.py create_api_key.
    list_display = ("name", "prefix", "scopes", "source", "expires_at", "last_used_at", "revoked_at")
    fields = ("name", "prefix", "scopes", "source", "allowed_ips", "expires_at", "revoked_at", "last_used_at")


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin):
    list_display = ("owner", "key", "status", "created_at")
    fields = ("owner", "key", "request_hash", "status", "created_at")


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnlyAdmin):
    list_display = ("name", "beat_at")


@admin.register(ConfigurationStamp)
class ConfigurationStampAdmin(ReadOnlyAdmin):
    list_display = ("kind", "stamp")


@admin.register(ReplayRun)
class ReplayRunAdmin(ReadOnlyAdmin):
    list_display = ("label", "position", "clock", "started_at", "finished_at")
