"""What our forms share: refusals by services shown beside the field, and fields browsers help with."""

from __future__ import annotations

from typing import Any, Protocol

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext


class Refusal(Protocol):
    """What services raise for a bad value: which field, and why."""

    field: str
    message: str


def refuse(form: forms.BaseForm, error: Refusal) -> None:
    """Show beside its field why a service refused; over the form when the form has no such field."""
    field = error.field if error.field in form.fields else None
    form.add_error(field, capfirst(gettext(error.message)))


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        # Browsers send and want ISO dates whatever the page's language.
        super().__init__(attrs, format="%Y-%m-%d")


class DateTimeInput(forms.DateTimeInput):
    input_type = "datetime-local"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%dT%H:%M")
