"""How long what is kept."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from messaging.models import MessagingSettings


class KeepForm(forms.ModelForm[MessagingSettings]):
    """Days, each of its own kind."""

    class Meta:
        model = MessagingSettings
        fields = ("keep_texts_days", "keep_attempts_days", "keep_calls_days", "keep_links_days", "keep_networks_days")
        labels = {
            "keep_texts_days": _("Texts of messages and tickets (days)"),
            "keep_attempts_days": _("Attempts to send (days)"),
            "keep_calls_days": _("What providers told us, as it came (days)"),
            "keep_links_days": _("Short links (days)"),
            "keep_networks_days": _("Networks of those who followed a link (days)"),
        }
        help_texts = {
            "keep_texts_days": _(
                "Sent, received, and on tickets that are solved, with their files. Then the words go; that they were "
                "said stays, by whom and when, and of what was sent a fingerprint that proves it."
            ),
            "keep_attempts_days": _("Each call to a provider, and how it ended."),
            "keep_calls_days": _("What it meant for messages and people stays."),
            "keep_links_days": _("Then a page says that their time is over. Links for opting out go on working."),
            "keep_networks_days": _("That a link was followed, and when, stays."),
        }
