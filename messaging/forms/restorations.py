"""What a person says about a database that was restored."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.forms.base import DateTimeInput

_FORMATS = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


class ReconcileForm(forms.Form):
    """Which time is missing; what is left empty stays as it was found."""

    since = forms.DateTimeField(
        label=_("The backup was made at"), required=False, widget=DateTimeInput(), input_formats=_FORMATS,
        help_text=_("When in doubt rather too early. Empty: the last that the ledger knows of itself."),
    )  # fmt: skip
    until = forms.DateTimeField(
        label=_("The last worker on the lost database stopped at"), required=False, widget=DateTimeInput(),
        input_formats=_FORMATS, help_text=_("When in doubt rather too late. Empty: when it was noticed."),
    )  # fmt: skip


class FalseAlarmForm(forms.Form):
    why = forms.CharField(
        label=_("Why is nothing missing?"), max_length=500,
        help_text=_("Such as: moved to another server with all workers stopped. It is kept with your name."),
    )  # fmt: skip
