"""What staff say about an order: a date reached, money given back."""

from decimal import Decimal

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.forms.base import DateTimeInput


class StatusForm(forms.Form):
    """When the order reached a status; empty means now."""

    at = forms.DateTimeField(
        label=_("When"), required=False, widget=DateTimeInput(), help_text=_("Leave it empty for now."),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
    )  # fmt: skip


class RefundForm(forms.Form):
    amount = forms.DecimalField(
        label=_("Amount"), min_value=Decimal("0.001"), max_digits=15, decimal_places=3,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )  # fmt: skip
    reason = forms.CharField(label=_("Reason"), max_length=200, required=False)
