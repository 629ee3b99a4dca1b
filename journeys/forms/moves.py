"""Moving a customer to another stage by hand."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.forms.base import DateInput
from journeys.models import Stage


class MoveForm(forms.Form):
    stage = forms.ModelChoiceField[Stage](
        queryset=Stage.objects.filter(journey__is_active=True).select_related("journey")
    )
    note = forms.CharField(label=_("Why?"), max_length=500, required=False)
    hold_until = forms.DateField(label=_("Hold there until"), required=False, widget=DateInput())
