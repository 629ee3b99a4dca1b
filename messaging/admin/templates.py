"""Templates and their versions. A published version is history: changing a text makes the next one."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from crm.admin.base import ReadOnlyAdmin, ReadOnlyInline
from messaging.models import Template, TemplatePartial, TemplateVariant, TemplateVersion


class VersionInline(ReadOnlyInline):
    model = TemplateVersion
    fields = ("number", "published_at", "author", "created_at")
    show_change_link = True


@admin.register(Template)
class TemplateAdmin(admin.ModelAdmin[Template]):
    list_display = ("slug", "channel", "name", "created_at")
    list_filter = ("channel",)
    search_fields = ("slug", "name")
    inlines = (VersionInline,)


class VariantInline(admin.StackedInline[TemplateVariant, TemplateVersion]):
    model = TemplateVariant
    extra = 0

    def has_change_permission(self, request: HttpRequest, obj: TemplateVersion | None = None) -> bool:
        return obj is None or obj.published_at is None

    def has_add_permission(self, request: HttpRequest, obj: TemplateVersion | None = None) -> bool:
        return self.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: TemplateVersion | None = None) -> bool:
        return self.has_change_permission(request, obj)


@admin.register(TemplateVersion)
class TemplateVersionAdmin(admin.ModelAdmin[TemplateVersion]):
    list_display = ("template", "number", "published_at", "author")
    list_filter = ("template__channel", ("published_at", admin.EmptyFieldListFilter))
    list_select_related = ("template", "author")
    search_fields = ("template__slug",)
    autocomplete_fields = ("template", "author")
    inlines = (VariantInline,)

    def has_delete_permission(self, request: HttpRequest, obj: TemplateVersion | None = None) -> bool:
        return obj is None or obj.published_at is None


@admin.register(TemplateVariant)
class TemplateVariantAdmin(ReadOnlyAdmin):
    list_display = ("version", "language", "subject")
    list_filter = ("language",)
    list_select_related = ("version__template",)
    search_fields = ("version__template__slug", "subject", "body")


@admin.register(TemplatePartial)
class TemplatePartialAdmin(ReadOnlyAdmin):
    list_display = ("slug", "language", "updated_at", "author")
    list_filter = ("language",)
    list_select_related = ("author",)
    search_fields = ("slug", "text")
