"""How and when to send."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from crm.admin.base import ReadOnlyAdmin
from crm.lib.vault import CannotUnseal
from messaging.channels import registry
from messaging.models import (
    ChannelSettings,
    FrequencyCap,
    MessagingSettings,
    Price,
    ProviderState,
    QuietHours,
    Suppression,
)
from messaging.models.channel import new_hook_token


class ChannelForm(forms.ModelForm[ChannelSettings]):
    """Credentials go in and never come out: the field is empty, and stays as it is when left so."""

    new_config = forms.JSONField(
        label=_("new configuration"), required=False, help_text=_("JSON; leave empty to keep the present one")
    )

    class Meta:
        model = ChannelSettings
        fields = ("channel", "provider", "sender", "is_on", "max_per_second")

    def clean_new_config(self) -> dict[str, Any] | None:
        config = self.cleaned_data["new_config"]
        if config is not None and not isinstance(config, dict):
            raise forms.ValidationError(_("A JSON object is needed."))
        return config

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if {"provider", "new_config"} <= cleaned.keys() and cleaned["provider"] in registry.names():
            for fault in registry.faults(cleaned["provider"], self._config_to_be()):
                self.add_error("new_config", str(fault))
        return cleaned

    def _config_to_be(self) -> dict[str, Any]:
        if self.cleaned_data["new_config"] is not None or self._is_new_provider:
            return self.cleaned_data["new_config"] or {}
        try:
            return self.instance.config
        except CannotUnseal:
            return {}  # to be entered again

    @property
    def _is_new_provider(self) -> bool:
        return bool(self.cleaned_data["provider"] != self.initial.get("provider"))

    def save(self, commit: bool = True) -> ChannelSettings:
        """As messaging.services.channels.connect_channel: another provider gets doors and settings of its own."""
        self.instance.config = self._config_to_be()
        if self._is_new_provider:
            self.instance.hook_token = new_hook_token()
        return super().save(commit)


@admin.register(ChannelSettings)
class ChannelAdmin(admin.ModelAdmin[ChannelSettings]):
    form = ChannelForm
    list_display = ("channel", "provider", "sender", "is_on", "max_per_second")
    list_filter = ("is_on", "provider")


@admin.register(ProviderState)
class ProviderStateAdmin(ReadOnlyAdmin):
    list_display = ("channel", "breaker", "calls", "failures", "paused_until", "probe_at", "last_error")
    list_select_related = ("channel",)


@admin.register(MessagingSettings)
class MessagingSettingsAdmin(admin.ModelAdmin[MessagingSettings]):
    list_display = ("__str__", "sending_on", "pause_on_complaint")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: MessagingSettings | None = None) -> bool:
        return False


@admin.register(QuietHours)
class QuietHoursAdmin(admin.ModelAdmin[QuietHours]):
    list_display = ("channel", "country", "starts", "ends", "marketing_only")
    list_filter = ("channel",)


@admin.register(FrequencyCap)
class FrequencyCapAdmin(admin.ModelAdmin[FrequencyCap]):
    list_display = ("per", "limit")


@admin.register(Price)
class PriceAdmin(admin.ModelAdmin[Price]):
    list_display = ("channel", "country", "micros")
    list_filter = ("channel",)


@admin.register(Suppression)
class SuppressionAdmin(ReadOnlyAdmin):
    list_display = ("channel", "scope", "cause", "since", "lifted_at", "address_hash")
    list_filter = ("channel", "scope", "cause", ("lifted_at", admin.EmptyFieldListFilter))
    search_fields = ("=address_hash",)
    date_hierarchy = "since"
