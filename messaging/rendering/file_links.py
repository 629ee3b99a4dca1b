"""Signed addresses of files that staff sent: whoever has one may fetch the file, for as long as it is good."""

from __future__ import annotations

import base64
import uuid
from datetime import datetime, timedelta
from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.core.signing import b62_decode, b62_encode
from django.urls import reverse

from messaging.rendering.links import BadLink

AGE = timedelta(days=30)
_SEP = "."


def file_url(attachment: uuid.UUID, *, at: datetime) -> str:
    """
    The address of an attachment, by its public id, good for 30 days from `at`: the same on every try of a message.

    Short, since texts carry it.
    """
    name = base64.urlsafe_b64encode(attachment.bytes).decode().rstrip("=")
    token = _signer().sign(f"{name}{_SEP}{b62_encode(int(at.timestamp()))}")
    return f"{settings.SITE_URL}{reverse('messaging_public:file', args=[token])}"


def read_file(token: str, *, now: datetime) -> uuid.UUID:
    """
    The attachment's public id.

    Raises:
        BadLink: not signed by us, damaged, or more than 30 days old.
    """
    try:
        name, _, since = _signer().unsign(token).rpartition(_SEP)
        if now.timestamp() - b62_decode(since) > AGE.total_seconds():
            raise BadLink
        return uuid.UUID(bytes=base64.urlsafe_b64decode(f"{name}=="))
    except (signing.BadSignature, ValueError) as error:
        raise BadLink from error


def is_public() -> bool:
    """Whether SITE_URL is an address that somebody outside can fetch from, and LINE does: by https, of the internet."""
    parts = urlsplit(settings.SITE_URL)
    host = parts.hostname or ""
    try:
        is_outside = ip_address(host).is_global
    except ValueError:
        is_outside = "." in host and not host.endswith((".local", ".localhost", ".internal"))
    return parts.scheme == "https" and is_outside


def _signer() -> signing.Signer:
    return signing.Signer(salt="messaging.file", sep=_SEP)
