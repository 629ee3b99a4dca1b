"""What providers are called on the pages."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_NAMES: Mapping[str, str | Promise] = {
    "sandbox": _("Sandbox phone"),
    "http_sms": _("SMS gateway"),
    "smtp": _("Mail server"),
    "twilio": "Twilio",
    "line": "LINE",
    "anymail": _("Email service"),
}
_AT_LENGTH: Mapping[str, str | Promise] = {
    "sandbox": _("Sandbox phone: nothing leaves this installation"),
    "http_sms": _("SMS gateway: any that takes messages over HTTP"),
    "smtp": _("Mail server: the one in the installation's own settings"),
    "line": _("LINE: an official account"),
    "anymail": _("Email service: Mailgun, SendGrid, Postmark, Brevo, Mailjet or SparkPost"),
}


def name_of(provider: str) -> str:
    """In a word or two; of an extension's own provider its short name."""
    return str(_NAMES.get(provider, provider))


def choice_of(provider: str) -> str:
    """As somebody who chooses among them reads it."""
    return str(_AT_LENGTH.get(provider, name_of(provider)))
