"""Customers, their ids, consents and merges."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from simple_history.admin import SimpleHistoryAdmin

from crm.admin.base import ReadOnlyAdmin, ReadOnlyInline, page_link
from crm.models import Company, Consent, ConsentEvent, Customer, CustomerMerge, Identity, Tag, Topic


class IdentityInline(admin.TabularInline[Identity, Customer]):
    model = Identity
    extra = 0


class ConsentInline(ReadOnlyInline):
    model = Consent


@admin.register(Customer)
class CustomerAdmin(SimpleHistoryAdmin):
    list_display = ("display_name", "email", "phone", "owner", "source", "created_at", "last_seen_at", page_link)
    list_filter = ("is_visitor", "source", "language", "owner")
    list_select_related = ("owner",)
    search_fields = ("search_text", "identities__value")
    autocomplete_fields = ("owner", "company", "tags")
    date_hierarchy = "created_at"
    readonly_fields = ("public_id", "merged_into", "erased_at", "last_seen_at")
    inlines = (IdentityInline, ConsentInline)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        found: QuerySet[Customer] = super().get_queryset(request)
        return found.filter(merged_into=None)

    def view_on_site(self, obj: Customer) -> str:
        return obj.get_absolute_url()


@admin.register(Identity)
class IdentityAdmin(admin.ModelAdmin[Identity]):
    list_display = ("kind", "source", "value", "customer", "created_at")
    list_filter = ("kind", "source")
    search_fields = ("value",)
    autocomplete_fields = ("customer",)
    list_select_related = ("customer",)


@admin.register(Company)
class CompanyAdmin(admin.ModelAdmin[Company]):
    list_display = ("name", "external_id", "created_at")
    search_fields = ("name", "external_id")


@admin.register(Tag)
class TagAdmin(admin.ModelAdmin[Tag]):
    search_fields = ("name",)


@admin.register(CustomerMerge)
class CustomerMergeAdmin(ReadOnlyAdmin):
    list_display = ("survivor", "loser", "reason", "actor", "merged_at")
    list_select_related = ("survivor", "loser", "actor")
    search_fields = ("survivor__search_text", "loser__search_text")


@admin.register(Topic)
class TopicAdmin(admin.ModelAdmin[Topic]):
    list_display = ("slug", "name", "is_marketing")
    search_fields = ("slug", "name")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Evidence of consent speaks of topics for ever.
        return False


@admin.register(ConsentEvent)
class ConsentEventAdmin(ReadOnlyAdmin):
    list_display = ("customer", "channel", "topic", "state", "via", "actor", "occurred_at")
    list_filter = ("channel", "topic", "state", "via")
    list_select_related = ("customer", "topic", "actor")
    search_fields = ("customer__search_text",)
    date_hierarchy = "occurred_at"


@admin.register(Consent)
class ConsentAdmin(ReadOnlyAdmin):
    list_display = ("customer", "channel", "topic", "state", "since")
    list_filter = ("channel", "topic", "state")
    list_select_related = ("customer", "topic")
    search_fields = ("customer__search_text",)
