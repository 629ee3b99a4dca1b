"""Touchpoints."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.core.validators import validate_slug
from django.utils.translation import gettext_lazy as _

from crm.forms.base import DateInput
from crm.models import Touchpoint


class TouchpointForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("What colleagues call it: “Flyer, spring fair”.")
    )
    kind = forms.ChoiceField(label=_("Kind"), choices=Touchpoint.Kind.choices)
    url = forms.URLField(
        label=_("Landing page"), max_length=500, assume_scheme="https",
        help_text=_("Where visitors go; our short link leads there and counts them."),
    )  # fmt: skip
    place = forms.CharField(label=_("Place"), max_length=100, required=False)
    campaign = forms.CharField(
        label=_("Campaign"), max_length=100, required=False, help_text=_("Sent on as utm_campaign.")
    )
    code = forms.CharField(
        label=_("Short code"), max_length=32, required=False, validators=[validate_slug],
        help_text=_("Letters, digits and dashes; made up when left empty."),
    )  # fmt: skip
    cost = forms.DecimalField(
        label=_("Cost"), required=False, min_value=Decimal(0), max_digits=12, decimal_places=2,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )  # fmt: skip
    starts_on = forms.DateField(label=_("From"), required=False, widget=DateInput())
    ends_on = forms.DateField(label=_("Until"), required=False, widget=DateInput())

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        starts, ends = cleaned.get("starts_on"), cleaned.get("ends_on")
        if starts and ends and ends < starts:
            self.add_error("ends_on", _("This is before the beginning."))
        return cleaned
