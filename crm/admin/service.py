"""Tickets, reviews, touchpoints, notes and tasks."""

from django.contrib import admin
from simple_history.admin import SimpleHistoryAdmin

from crm.admin.base import SECURE_URLS, ReadOnlyAdmin, page_link
from crm.models import Note, Review, Task, Ticket, TicketAttachment, TicketMessage, Touchpoint, TouchpointVisit


class TicketMessageInline(admin.StackedInline[TicketMessage, Ticket]):
    model = TicketMessage
    extra = 0
    fields = ("author", "staff", "channel", "body", "created_at")
    autocomplete_fields = ("staff",)


@admin.register(Ticket)
class TicketAdmin(SimpleHistoryAdmin):
    list_display = ("number", "subject", "customer", "kind", "status", "priority", "assignee", "opened_at", page_link)
    list_filter = ("status", "kind", "priority", "is_complaint", "channel", "assignee")
    list_select_related = ("customer", "assignee")
    search_fields = ("subject", "customer__search_text")
    autocomplete_fields = ("customer", "assignee", "purchase", "product")
    date_hierarchy = "opened_at"
    inlines = (TicketMessageInline,)


@admin.register(TicketMessage)
class TicketMessageAdmin(ReadOnlyAdmin):
    list_display = ("ticket", "author", "staff", "channel", "created_at")
    list_filter = ("author", "channel")
    list_select_related = ("ticket", "staff")
    search_fields = ("body", "ticket__subject")


@admin.register(TicketAttachment)
class TicketAttachmentAdmin(ReadOnlyAdmin):
    list_display = ("name", "message", "content_type", "size", "refusal", page_link)
    list_filter = ("refusal", "content_type")
    list_select_related = ("message",)
    search_fields = ("name",)
    exclude = ("file",)  # handed out by its own page only


@admin.register(Review)
class ReviewAdmin(SimpleHistoryAdmin):
    formfield_overrides = SECURE_URLS
    list_display = ("rating", "customer", "product", "site", "status", "verified", "reviewed_at")
    list_filter = ("status", "rating", "site", "verified")
    list_select_related = ("customer", "product")
    search_fields = ("title", "body", "customer__search_text")
    autocomplete_fields = ("customer", "purchase", "product", "replied_by")
    date_hierarchy = "reviewed_at"


@admin.register(Touchpoint)
class TouchpointAdmin(admin.ModelAdmin[Touchpoint]):
    formfield_overrides = SECURE_URLS
    list_display = ("name", "kind", "code", "place", "campaign", "starts_on", "ends_on")
    list_filter = ("kind",)
    search_fields = ("name", "code", "campaign")


@admin.register(TouchpointVisit)
class TouchpointVisitAdmin(ReadOnlyAdmin):
    list_display = ("touchpoint", "customer", "visited_at", "is_bot")
    list_filter = ("is_bot", "touchpoint")
    list_select_related = ("touchpoint", "customer")
    date_hierarchy = "visited_at"


@admin.register(Note)
class NoteAdmin(admin.ModelAdmin[Note]):
    list_display = ("customer", "kind", "author", "created_at")
    list_filter = ("kind", "author")
    list_select_related = ("customer", "author")
    search_fields = ("body", "customer__search_text")
    autocomplete_fields = ("customer", "author")


@admin.register(Task)
class TaskAdmin(admin.ModelAdmin[Task]):
    list_display = ("title", "customer", "assignee", "due_at", "done_at", "cause")
    list_filter = ("assignee", ("done_at", admin.EmptyFieldListFilter))
    list_select_related = ("customer", "assignee")
    search_fields = ("title", "customer__search_text")
    autocomplete_fields = ("customer", "assignee")
