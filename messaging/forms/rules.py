"""The shop's rules of sending."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import phonenumbers
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from crm.forms.settings import lines
from messaging.inbound.keywords import plain
from messaging.models import MessagingSettings, QuietHours
from messaging.texts import liquid

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
