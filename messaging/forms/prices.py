"""The price table."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import phonenumbers
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from crm.models import Channel
from messaging.models import Price
from messaging.selectors.prices import MICROS


class PriceForm(forms.ModelForm[Price]):
    """The price of one unit, written as an amount of the shop's currency."""

    amount = forms.DecimalField(
        label=_("Price"), min_value=Decimal(0), max_digits=12, decimal_places=6,
        help_text=_("Of one segment for SMS, else of one message; before tax or with it, as you wish to count."),
    )  # fmt: skip

    class Meta:
        model = Price
        fields = ("channel", "country")
        labels = {"channel": _("Channel"), "country": _("Country")}
        help_texts = {"country": _("For SMS: two letters, as in TH. Empty: every country without its own price.")}

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].label = f"{self.fields['amount'].label} ({currency})"
        if self.instance.pk:
            self.initial["amount"] = (Decimal(self.instance.micros) / MICROS).normalize()

    def clean_country(self) -> str:
        country: str = self.cleaned_data["country"].upper()
        if country and country not in phonenumbers.SUPPORTED_REGIONS:
            raise ValidationError(_("There is no such country."))
        return country

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("country") and cleaned.get("channel") != Channel.SMS:
            self.add_error("country", _("Only SMS has a price of its own for a country."))
        return cleaned

    def save(self, commit: bool = True) -> Price:
        self.instance.micros = int(self.cleaned_data["amount"] * MICROS)
        return super().save(commit)
