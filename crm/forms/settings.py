"""The shop, its people, and the programs that connect to it."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import date
from ipaddress import ip_network

from django import forms
from django.conf import settings
from django.core.validators import validate_slug
from django.http import QueryDict
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from crm.access.keys import OUR_SOURCES, SCOPES
from crm.forms.base import DateInput
from crm.forms.customers import zone_choices
from crm.models import Shop, Source, User
from crm.services import programs

# What a browser sends as Origin: a scheme, a host, perhaps a port.
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")


class ShopForm(forms.ModelForm[Shop]):
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=lambda: zone_choices()[1:])
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)

    class Meta:
        model = Shop
        fields = (
            "name",
            "time_zone",
            "country",
            "currency",
            "language",
            "sales_see",
            "publish_reviews",
            "control_group",
        )
        help_texts = {
            "country": _("Two letters, as in TH: how phone numbers without a country are read."),
            "currency": _("Three letters, as in THB: for costs and for new orders."),
        }

    def clean_country(self) -> str:
        return _code(self.cleaned_data["country"], 2)

    def clean_currency(self) -> str:
        return _code(self.cleaned_data["currency"], 3)


class ProfileForm(forms.ModelForm[User]):
    language = forms.ChoiceField(
        label=_("Language"), choices=[("", _("as the browser")), *settings.LANGUAGES], required=False
    )

    class Meta:
        model = User
        fields = ("first_name", "last_name", "email", "language", "theme", "shortcuts")


class StaffForm(forms.ModelForm[User]):
    """A colleague's name and role; the password is theirs to choose on the first sign-in."""

    class Meta:
        model = User
        fields = ("first_name", "last_name", "email", "role", "is_active")
        labels = {"is_active": _("May sign in")}
        help_texts = {"is_active": _("Taken off, they are out at once; what they wrote stays.")}


class NewStaffForm(forms.ModelForm[User]):
    password = forms.CharField(
        label=_("First password"), min_length=10, max_length=128, strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 10 characters. They can change it in their profile."),
    )  # fmt: skip

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name", "email", "role")


class SourceForm(forms.ModelForm[Source]):
    """A storefront that reports through a Segment library: the one door that storefronts have."""

    allowed_origins = forms.CharField(
        label=_("Allowed origins"), required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Web addresses whose pages may report from the browser, one a line; https://shop.example."),
    )  # fmt: skip

    class Meta:
        model = Source
        fields = ("name", "slug", "mode", "allowed_origins")
        labels = {"slug": _("Short name"), "mode": _("Answers")}
        help_texts = {"slug": _("Short name in addresses and records; it cannot change later.")}

    def clean_slug(self) -> str:
        return _not_ours(self.cleaned_data["slug"], programs.RESERVED)

    def clean_allowed_origins(self) -> list[str]:
        origins = [line.rstrip("/") for line in lines(self.cleaned_data["allowed_origins"])]
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise forms.ValidationError(
                    _("“%(value)s” is no origin: https:// and the name of a site, no path."), params={"value": origin}
                )
        return origins


class SourceEditForm(SourceForm):
    """What can change of a source."""

    def __init__(self, data: QueryDict | None = None, *, instance: Source) -> None:
        super().__init__(data, instance=instance)
        self.initial["allowed_origins"] = "\n".join(instance.allowed_origins)

    class Meta(SourceForm.Meta):
        fields = ("name", "mode", "allowed_origins")  # type: ignore[assignment]


class ApiKeyForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=100, help_text=_("Which program will use it."))
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"), widget=forms.CheckboxSelectMultiple,
        choices=lambda: [
            (scope.name, format_html("{} <code>{}</code>", scope.label, scope.name)) for scope in SCOPES.values()
        ],
    )  # fmt: skip
    source = forms.CharField(
        label=_("Writes records as source"), max_length=64, initial="api", validators=[validate_slug]
    )
    allowed_ips = forms.CharField(
        label=_("Allowed addresses"), required=False, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("IP addresses or networks, one a line; empty allows all."),
    )  # fmt: skip
    expires_on = forms.DateField(label=_("Valid until"), required=False, widget=DateInput())

    def clean_source(self) -> str:
        return _not_ours(self.cleaned_data["source"], OUR_SOURCES)

    def clean_allowed_ips(self) -> list[str]:
        addresses = lines(self.cleaned_data["allowed_ips"])
        for address in addresses:
            try:
                ip_network(address, strict=False)
            except ValueError as error:
                raise forms.ValidationError(
                    _("“%(value)s” is neither an IP address nor a network."), params={"value": address}
                ) from error
        return addresses

    def clean_expires_on(self) -> date | None:
        until: date | None = self.cleaned_data["expires_on"]
        if until and until < timezone.localdate():
            raise forms.ValidationError(_("This day is over."))
        return until


def lines(text: str) -> list[str]:
    """The lines of a text field, without blanks."""
    return [line for part in text.splitlines() if (line := part.strip())]


def _not_ours(slug: str, ours: Collection[str]) -> str:
    if slug in ours:
        raise forms.ValidationError(_("This name is one of our own; choose another."))
    return slug


def _code(text: str, length: int) -> str:
    if not re.fullmatch(f"[A-Za-z]{{{length}}}", text):
        raise forms.ValidationError(_("Exactly %(n)s letters."), params={"n": length})
    return text.upper()
