"""Signed links for the people we write to. The signature is 256 bits and holds through SECRET_KEY_FALLBACKS."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.urls import reverse

# Opting out must go on working for as long as anybody keeps the message; changing settings need not.
PREFERENCES_AGE = timedelta(days=180)


class BadLink(Exception):
    """Not signed by us, damaged, or too old."""


def unsubscribe_url(message_id: uuid.UUID) -> str:
    """The one-click address of one message (RFC 8058)."""
    token = _opt_out().sign(message_id.hex)
    return _absolute("unsubscribe", token)


def preferences_url(customer_id: uuid.UUID) -> str:
    """The preference centre of one customer; good for half a year."""
    token = _settings().sign(customer_id.hex)
    return _absolute("preferences", token)


def hook_url(token: str) -> str:
    """The address of a channel's one door, for providers that call one address with everything they have to tell."""
    return f"{settings.SITE_URL}{reverse('messaging_public:hook', args=[token])}"


def receipts_url(token: str) -> str:
    """Where a channel's provider reports what became of messages."""
    return _door(token, "receipts")


def inbound_url(token: str) -> str:
    """Where a channel's provider hands over what people write."""
    return _door(token, "inbound")


def read_unsubscribe(token: str) -> uuid.UUID:
    """
    The message's public id.

    Raises:
        BadLink
    """
    try:
        return uuid.UUID(hex=_opt_out().unsign(token))
    except (signing.BadSignature, ValueError) as error:
        raise BadLink from error


def read_preferences(token: str) -> uuid.UUID:
    """
    The customer's public id.

    Raises:
        BadLink
    """
    try:
        return uuid.UUID(hex=_settings().unsign(token, max_age=PREFERENCES_AGE))
    except (signing.BadSignature, ValueError) as error:
        raise BadLink from error


def _door(token: str, what: str) -> str:
    return f"{settings.SITE_URL}{reverse('messaging_public:door', args=[token, what])}"


def is_way_out(url: str) -> bool:
    """Whether `url` is one of our own pages for opting out."""
    return url.startswith((f"{settings.SITE_URL}/u/", f"{settings.SITE_URL}/preferences/"))


def _opt_out() -> signing.Signer:
    return signing.Signer(salt="messaging.unsubscribe", sep=".")


def _settings() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt="messaging.preferences", sep=".")


def _absolute(name: str, token: str) -> str:
    return f"{settings.SITE_URL}{reverse(f'messaging_public:{name}', args=[token])}"
