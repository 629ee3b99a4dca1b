"""What staff say about an order: what was sold by hand, a date reached, money given back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from crm.forms.base import DateInput, DateTimeInput
from crm.lib.money import Money

MOMENTS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
LINES = 5


class PurchaseForm(forms.Form):
    """An order that no storefront reported: by phone, in a chat, over the counter."""

    reference = forms.CharField(
        label=_("Order number"), max_length=100, required=False, help_text=_("Made up when left empty.")
    )
    placed_at = forms.DateTimeField(
        label=_("Ordered"), required=False, widget=DateTimeInput(), input_formats=MOMENTS,
        help_text=_("Leave it empty for now."),
    )  # fmt: skip
    state = forms.ChoiceField(
        label=_("How far has it come?"),
        choices=[("placed", _("ordered")), ("paid", _("paid")), ("taken", _("paid and taken along"))],
    )
    promised_at = forms.DateField(label=_("Promised for"), required=False, widget=DateInput())
    payment_method = forms.CharField(label=_("Payment"), max_length=64, required=False)
    total = forms.DecimalField(
        label=_("Total"), required=False, min_value=Decimal(0), max_digits=13, decimal_places=2,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
        help_text=_("What the customer pays. Left empty, it is the sum of the lines."),
    )  # fmt: skip

    def clean_placed_at(self) -> datetime | None:
        at: datetime | None = self.cleaned_data["placed_at"]
        if at and at > timezone.now():
            raise forms.ValidationError(_("This is still to come."))
        return at

    def clean_promised_at(self) -> datetime | None:
        """The end of that day, by the shop's clock."""
        on: date | None = self.cleaned_data["promised_at"]
        return timezone.make_aware(datetime.combine(on, time(23, 59, 59))) if on else None


class LineForm(forms.Form):
    """One thing that was sold."""

    product = forms.CharField(
        label=_("Product"), max_length=250, required=False, widget=forms.TextInput(attrs={"list": "products"})
    )
    quantity = forms.IntegerField(
        label=_("Quantity"), min_value=1, max_value=1_000_000, required=False, initial=1,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )  # fmt: skip
    price = forms.DecimalField(
        label=_("Each"), min_value=Decimal(0), max_digits=13, decimal_places=2, required=False,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("price") is not None and not said.get("product"):
            self.add_error("product", _("What was sold?"))
        return said


def line_forms(data: QueryDict | None) -> Sequence[LineForm]:
    """The lines of an order as forms; those left empty say nothing."""
    return [LineForm(data, prefix=f"line-{number}") for number in range(LINES)]


class StatusForm(forms.Form):
    """When the order reached a status; empty means now."""

    at = forms.DateTimeField(
        label=_("When"), required=False, widget=DateTimeInput(), help_text=_("Leave it empty for now."),
        input_formats=MOMENTS,
    )  # fmt: skip


class RefundForm(forms.Form):
    """Money given back, of what is `left` of the order."""

    amount = forms.DecimalField(
        label=_("Amount"), min_value=Decimal("0.001"), max_digits=15, decimal_places=3,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )  # fmt: skip
    reason = forms.CharField(label=_("Reason"), max_length=200, required=False)

    def __init__(self, data: QueryDict | None = None, *, left: Money) -> None:
        super().__init__(data, prefix="refund", initial={"amount": left.amount})
        self.left = left

    def clean_amount(self) -> Decimal:
        amount: Decimal = self.cleaned_data["amount"]
        if amount > self.left.amount:
            raise forms.ValidationError(_("Only %(left)s of the order is left."), params={"left": self.left})
        return amount
