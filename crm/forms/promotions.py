"""Promotions, their codes, and a code redeemed at the counter."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.core.validators import validate_slug
from django.utils.translation import gettext_lazy as _

from crm.forms.base import DateTimeInput
from crm.forms.purchases import MOMENTS
from crm.lib.money import Money
from crm.models import Promotion


def _moment(label: Any, **more: Any) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label, required=False, widget=DateTimeInput(), input_formats=MOMENTS, **more
    )  # fmt: skip


def _number(label: Any, most: int = 1_000_000, **more: Any) -> forms.IntegerField:
    widget = forms.NumberInput(attrs={"inputmode": "numeric"})
    return forms.IntegerField(label=label, required=False, min_value=1, max_value=most, widget=widget, **more)


class PromotionForm(forms.Form):
    name = forms.CharField(
        label=_("Name"), max_length=100, help_text=_("Customers may read it: templates show it as coupon.promotion.")
    )
    slug = forms.CharField(
        label=_("Slug"), max_length=64, required=False, validators=[validate_slug],
        help_text=_("How flows and programs speak of it; made from the name when left empty. It cannot change later."),
    )  # fmt: skip
    kind = forms.ChoiceField(label=_("What it gives"), choices=Promotion.Kind.choices)
    percent = _number(_("Percent off"), most=100)
    amount = forms.DecimalField(
        label=_("Amount off"), required=False, min_value=Decimal("0.001"), max_digits=13, decimal_places=3,
        widget=forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"}),
    )  # fmt: skip
    terms = forms.CharField(
        label=_("Terms"), max_length=500, required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("What else holds, or what it gives when it is something else."),
    )  # fmt: skip
    starts_at = _moment(_("From"))
    ends_at = _moment(_("Until"))
    coupon_days = _number(_("Days a code is good for"), most=3660, help_text=_("Never beyond the promotion's end."))
    limit = _number(_("Redeemed at most"), help_text=_("In all. Empty: as often as there are codes."))
    limit_per_customer = _number(_("By one customer at most"), initial=1, help_text=_("Empty: no limit."))
    is_active = forms.BooleanField(label=_("Codes can be redeemed"), required=False, initial=True)
    audience = forms.CharField(
        label=_("Whom it is for"), required=False, strip=True, max_length=50_000,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
    )  # fmt: skip

    @staticmethod
    def initial_of(promotion: Promotion) -> dict[str, Any]:
        """What the form shows of a promotion; the audience apart."""
        names = [name for name in PromotionForm.base_fields if name not in ("amount", "audience", "slug")]
        amount = promotion.amount.amount if promotion.amount else None
        return {name: getattr(promotion, name) for name in names} | {"amount": amount}

    def said(self, currency: str, audience: Any) -> Mapping[str, Any]:
        """The fields as crm.services.promotions takes them."""
        fields = {name: value for name, value in self.cleaned_data.items() if name not in ("slug", "audience")}
        amount = fields["amount"]
        return fields | {"amount": Money.of(amount, currency) if amount else None, "audience": audience}


class CodesForm(forms.Form):
    count = forms.IntegerField(
        label=_("How many"), min_value=1, max_value=1000, initial=100,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )  # fmt: skip


class RedeemForm(forms.Form):
    """A code at the counter. Whose it is must be said only for a code that was given to nobody."""

    code = forms.CharField(
        label=_("Code"), max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )  # fmt: skip
    who = forms.CharField(
        label=_("Customer's phone or email"), max_length=254, required=False,
        help_text=_("Not needed when the code was given to one customer."),
    )  # fmt: skip
    order = forms.CharField(
        label=_("Order number"), max_length=100, required=False, help_text=_("An order recorded here by hand.")
    )
