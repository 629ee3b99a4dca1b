"""Webhook endpoints."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.events import types


class EndpointForm(forms.Form):
    url = forms.CharField(
        label=_("Address"), max_length=500, widget=forms.URLInput(attrs={"placeholder": "https://"}),
        help_text=_("Where we send a POST. It must be on the public internet."),
    )  # fmt: skip
    description = forms.CharField(
        label=_("What it is for"), max_length=200, required=False, help_text=_("“Warehouse”, “Data lake” …")
    )
    events = forms.CharField(
        label=_("Told of"), max_length=5000, widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text=_("Names of events, one on a line: Order Completed."),
    )  # fmt: skip

    @property
    def known(self) -> list[tuple[str, str]]:
        """(name, what it is called) of every event there is: to choose from."""
        return [(kind.name, str(kind.label)) for kind in types.known()]

    def said(self) -> dict[str, Any]:
        """The fields as crm.services.hooks takes them."""
        return {**self.cleaned_data, "events": self.cleaned_data["events"].splitlines()}
