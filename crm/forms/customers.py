"""Customers: the whole record at first, one field at a time afterwards."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import available_timezones

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from crm.forms.base import DateInput
from crm.selectors.staff import colleagues

_LANGUAGES = [("", _("not known")), *settings.LANGUAGES]


def zone_choices() -> list[tuple[str, object]]:
    """Every IANA zone a person could live in."""
    names = sorted(name for name in available_timezones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return [("", _("as the shop")), *((name, name.replace("_", " ")) for name in names)]


class CustomerForm(forms.Form):
    """Somebody new."""

    name = forms.CharField(label=_("Name"), max_length=200, required=False)
    phone = forms.CharField(
        label=_("Phone"), max_length=40, required=False, widget=forms.TextInput(attrs={"type": "tel"})
    )
    email = forms.EmailField(label=_("Email"), max_length=254, required=False)
    line_id = forms.CharField(label=_("LINE id"), max_length=64, required=False)
    language = forms.ChoiceField(label=_("Language"), choices=_LANGUAGES, required=False)
    tags = forms.CharField(
        label=_("Tags"), max_length=500, required=False, help_text=_("Separate several with commas.")
    )

    def clean_tags(self) -> list[str]:
        return [name for part in self.cleaned_data["tags"].split(",") if (name := part.strip())]


class TagForm(forms.Form):
    """One more tag."""

    name = forms.CharField(label=_("Add a tag"), max_length=64)


FIELD_LABELS = {
    "name": _("Name"),
    "phone": _("Phone"),
    "email": _("Email"),
    "line_id": _("LINE id"),
    "language": _("Language"),
    "time_zone": _("Time zone"),
    "birthday": _("Birthday"),
    "owner": _("Owner"),
}


def field_form(name: str) -> type[forms.Form]:
    """
    A form of the one field `name` of a customer.

    Raises:
        KeyError: no field of that name is edited by hand.
    """
    field = _FIELDS[name]()
    field.label, field.required = FIELD_LABELS[name], False
    return type("FieldForm", (forms.Form,), {name: field})


_FIELDS: dict[str, Callable[[], forms.Field]] = {
    "name": lambda: forms.CharField(max_length=200),
    "phone": lambda: forms.CharField(max_length=40, widget=forms.TextInput(attrs={"type": "tel"})),
    "email": lambda: forms.EmailField(max_length=254),
    "line_id": lambda: forms.CharField(max_length=64),
    "language": lambda: forms.ChoiceField(choices=_LANGUAGES),
    "time_zone": lambda: forms.ChoiceField(choices=zone_choices),
    "birthday": lambda: forms.DateField(widget=DateInput()),
    "owner": lambda: forms.ModelChoiceField(queryset=colleagues(), empty_label=_("nobody"), to_field_name="username"),
}
