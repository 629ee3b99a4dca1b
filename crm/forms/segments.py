"""Segments."""

from __future__ import annotations

from django import forms
from django.core.validators import validate_slug
from django.utils.translation import gettext_lazy as _


class SegmentForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100)
    slug = forms.CharField(
        label=_("Slug"), max_length=64, required=False, validators=[validate_slug],
        help_text=_("How rules and programs speak of it; made from the name when left empty. It cannot change later."),
    )  # fmt: skip
    description = forms.CharField(
        label=_("Description"), max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    rule = forms.CharField(
        label=_("Who is in it"), required=False, strip=True, max_length=50_000,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
    )  # fmt: skip
