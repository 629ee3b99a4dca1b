"""What was sent and what came back: to read, never to change."""

from django.contrib import admin

from crm.admin.base import ReadOnlyAdmin, ReadOnlyInline
from messaging.models import (
    Attempt,
    InboundMessage,
    Ledger,
    Message,
    Receipt,
    Restoration,
    SandboxText,
    Sweep,
)


class AttemptInline(ReadOnlyInline):
    model = Attempt
    fields = ("started_at", "provider", "outcome", "detail", "milliseconds")


class ReceiptInline(ReadOnlyInline):
    model = Receipt
    fields = ("occurred_at", "received_at", "news", "detail", "raw")


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    list_display = ("id", "customer", "channel", "topic", "template", "state", "reason", "due_at", "sent_at")
    list_filter = ("state", "reason", "channel", "topic", "provider")
    list_select_related = ("customer", "topic", "template")
    search_fields = ("=address", "=dedupe_key", "=provider_reference", "customer__search_text")
    date_hierarchy = "queued_at"
    ordering = ("-id",)
    show_full_result_count = False
    inlines = (AttemptInline, ReceiptInline)


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ("message", "provider", "started_at", "outcome", "milliseconds", "detail")
    list_filter = ("outcome", "provider")
    list_select_related = ("message",)


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    list_display = ("received_at", "provider", "news", "reference", "message", "detail")
    list_filter = ("provider", "news", ("message", admin.EmptyFieldListFilter))
    list_select_related = ("message",)
    search_fields = ("=reference", "=event_id")


@admin.register(InboundMessage)
class InboundMessageAdmin(ReadOnlyAdmin):
    list_display = ("received_at", "channel", "from_address", "reading", "customer", "ticket", "reviewed_at")
    list_filter = ("channel", "reading", ("reviewed_at", admin.EmptyFieldListFilter))
    list_select_related = ("customer", "ticket")
    search_fields = ("=from_address", "body", "customer__search_text")


@admin.register(SandboxText)
class SandboxTextAdmin(ReadOnlyAdmin):
    list_display = ("at", "address", "channel", "is_from_us", "news", "body")
    list_filter = ("channel", "is_from_us")
    search_fields = ("=address", "body")


@admin.register(Sweep)
class SweepAdmin(ReadOnlyAdmin):
    list_display = ("name", "position")


@admin.register(Ledger)
class LedgerAdmin(ReadOnlyAdmin):
    list_display = ("book", "beat", "beat_at", "is_witnessed", "identity")


@admin.register(Restoration)
class RestorationAdmin(ReadOnlyAdmin):
    list_display = ("noticed_at", "cause", "lost_from", "lost_until", "asked_as", "counts", "verdict", "ended_at")
    list_filter = ("verdict", "cause")
