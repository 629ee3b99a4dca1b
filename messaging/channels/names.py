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

_MORE: Mapping[str, Promise] = {
    "anymail": _(
        "It may also have track_opens and track_clicks, true or false: whether the service is to tell who opened a "
        "letter and followed a link. Without them its own setting holds."
    ),
    "line": _("It may also have api_url and data_url, where LINE is reached through a proxy of your own."),
    "twilio": _(
        "It may also have messaging_service_sid, api_key with api_secret, and api_url for an account of another region."
    ),
}


def name_of(provider: str) -> str:
    """In a word or two; of an extension's own provider its short name."""
    return str(_NAMES.get(provider, provider))


def choice_of(provider: str) -> str:
    """As somebody who chooses among them reads it."""
    return str(_AT_LENGTH.get(provider, name_of(provider)))


def more_settings(provider: str) -> str:
    """What the provider's settings may have beside those of its example; "" for nothing worth a word."""
    return str(_MORE.get(provider, ""))
