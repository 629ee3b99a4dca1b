"""The shop's rules of sending."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import phonenumbers
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http.request import split_domain_port, validate_host
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from crm.forms.settings import lines
from messaging.inbound.keywords import plain
from messaging.models import MessagingSettings, QuietHours
from messaging.texts import liquid
from messaging.texts.urls import host_of, is_domain, is_on

MOST = 100


class LimitsForm(forms.Form):
    """How much marketing one customer gets."""

    per_day = forms.IntegerField(
        label=_("Marketing messages a day"),
        min_value=1,
        max_value=MOST,
        required=False,
        help_text=_("Empty: no limit."),
    )
    per_week = forms.IntegerField(
        label=_("Marketing messages a week"), min_value=1, max_value=MOST, required=False,
        help_text=_("Over all channels, by the customer's own calendar, from Monday. Service messages do not count."),
    )  # fmt: skip
    pause_on_complaint = forms.BooleanField(label=_("No promotions while a complaint is open"), required=False)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        day, week = cleaned.get("per_day"), cleaned.get("per_week")
        if day and week and week < day:
            self.add_error("per_week", _("Less than a day's messages makes no sense."))
        return cleaned


class TimeInput(forms.TimeInput):
    input_type = "time"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%H:%M")


class QuietHoursForm(forms.ModelForm[QuietHours]):
    """When a channel is silent."""

    class Meta:
        model = QuietHours
        fields = ("channel", "country", "starts", "ends", "marketing_only")
        widgets = {"starts": TimeInput(), "ends": TimeInput()}
        labels = {
            "channel": _("Channel"), "country": _("Country"), "starts": _("Silent from"), "ends": _("until"),
            "marketing_only": _("Only marketing; service messages go at any hour"),
        }  # fmt: skip
        help_texts = {
            "country": _("Two letters, as in TH. Empty: every country without hours of its own."),
            "ends": _("By the customer's own clock; over midnight when it is earlier than the beginning."),
        }

    def clean_country(self) -> str:
        country: str = self.cleaned_data["country"].upper()
        if country and country not in phonenumbers.SUPPORTED_REGIONS:
            raise ValidationError(_("There is no such country."))
        return country


class LinksForm(forms.Form):
    """Short links of the shop's own domain, and the domains that links in an SMS may be on."""

    link_domain = forms.CharField(
        label=_("Short links begin with"), max_length=100, required=False,
        widget=forms.URLInput(attrs={"placeholder": "https://go.shop.example"}),
        help_text=_(
            "A domain of your own that leads to this installation. Links in SMS and LINE messages are then short, and "
            "you see who follows them. Empty: links stay as they are."
        ),
    )  # fmt: skip
    shorten_email = forms.BooleanField(
        label=_("In emails too"), required=False,
        help_text=_("Links that unsubscribe stay as they are."),
    )  # fmt: skip
    registered_domains = forms.CharField(
        label=_("Registered domains"), required=False,
        widget=forms.Textarea(attrs={"rows": 4, "placeholder": "shop.example"}),
        help_text=_(
            "One a line, as registered with your SMS provider; what is below a domain is on it. An SMS with a link to "
            "any other is refused. Empty: any domain will do."
        ),
    )  # fmt: skip

    def clean_link_domain(self) -> str:
        address: str = self.cleaned_data["link_domain"].strip().rstrip("/").lower()
        if not address:
            return ""
        if not re.fullmatch(r"https?://[^/?#@\\\s]+", address):
            raise ValidationError(_("Scheme and domain only, as in https://go.shop.example."))
        host, _port = split_domain_port(address.partition("://")[2])
        if not host or not validate_host(host, settings.ALLOWED_HOSTS):
            raise ValidationError(_("This installation does not answer to that domain: add it to ALLOWED_HOSTS first."))
        return address

    def clean_registered_domains(self) -> list[str]:
        domains = [line.lower() for line in lines(self.cleaned_data["registered_domains"])]
        if wrong := next((domain for domain in domains if not is_domain(domain)), ""):
            raise ValidationError(_t("“%(text)s” is no domain such as shop.example.") % {"text": wrong[:60]})
        return list(dict.fromkeys(domains))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        address, domains = cleaned.get("link_domain"), cleaned.get("registered_domains")
        if address and domains and not is_on(host_of(address), domains):
            self.add_error("link_domain", _("This domain is not among those that are registered."))
        return cleaned


class WordsForm(forms.Form):
    """Words that opt out, opt in and ask for help, one a line; and what they are answered with."""

    LISTS = ("stop_words", "stop_phrases", "start_words", "help_words")

    stop_words = forms.CharField(label=_("Words that opt out"), widget=forms.Textarea(attrs={"rows": 6}))
    stop_phrases = forms.CharField(
        label=_("Phrases that opt out wherever they stand"), required=False, widget=forms.Textarea(attrs={"rows": 6})
    )
    start_words = forms.CharField(
        label=_("Words that opt in again"), required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    help_words = forms.CharField(
        label=_("Words that ask for help"), required=False, widget=forms.Textarea(attrs={"rows": 4})
    )

    def __init__(self, *args: Any, current: MessagingSettings, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.LISTS:
            self.initial[name] = "\n".join(getattr(current, name))
        for word, label in _ANSWERS.items():
            for language, language_name in settings.LANGUAGES:
                self.fields[f"{word}_{language}"] = forms.CharField(
                    label=f"{label} ({_t(str(language_name))})", required=False, max_length=600,
                    widget=forms.Textarea(attrs={"rows": 2}), validators=[_is_liquid],
                    initial=current.replies.get(word, {}).get(language, ""),
                )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        for name in self.LISTS:
            cleaned[name] = lines(cleaned.get(name, ""))
        taken = {plain(word) for word in cleaned["stop_words"]}
        for name in ("start_words", "help_words"):
            said = {plain(word): word for word in cleaned[name]}
            if both := said.keys() & taken:
                self.add_error(name, _t("“%(word)s” has a meaning already.") % {"word": said[min(both)]})
            taken |= said.keys()
        return cleaned

    @property
    def replies(self) -> Mapping[str, Mapping[str, str]]:
        """The answers as they are stored."""
        return {
            word: {language: self.cleaned_data[f"{word}_{language}"] for language, _name in settings.LANGUAGES}
            for word in _ANSWERS
        }


_ANSWERS = {
    "stop": _("Answer to an opt-out"),
    "start": _("Answer to an opt-in"),
    "help": _("Answer to a cry for help"),
}


def _is_liquid(text: str) -> None:
    try:
        liquid.parse(text)
    except liquid.InvalidTemplate as error:
        raise ValidationError(str(error)) from error
