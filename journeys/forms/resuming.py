"""How a flow goes on after a pause."""

from __future__ import annotations

from datetime import timedelta

from django import forms
from django.utils.translation import gettext_lazy as _

from crm.lib.durations import parse_duration
from journeys.forms.fields import SpanField


class ResumeForm(forms.Form):
    skip_older_than = SpanField(
        label=_("Leave out what has been due for longer than"), required=False,
        help_text=_("Whoever that is leaves the flow. Empty leaves out nobody."),
    )  # fmt: skip
    per_minute = forms.IntegerField(
        label=_("Let so many go on each minute"), required=False, min_value=1, max_value=1_000_000,
        help_text=_("Longest overdue first. Empty lets everybody go on at once."),
    )  # fmt: skip

    def clean_skip_older_than(self) -> timedelta | None:
        said = self.cleaned_data["skip_older_than"]
        return parse_duration(said).rough if said else None
