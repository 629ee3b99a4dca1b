"""Secrets at rest: sealed with a key that is not in the database (CREDENTIALS_KEY)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


class CannotUnseal(Exception):
    """The text was sealed with another key, or is damaged."""


def seal(secrets: Mapping[str, Any]) -> str:
    """Encrypt JSON data; authenticated (Fernet: AES-128-CBC and HMAC-SHA256). Nothing seals to ""."""
    return _fernet(settings.CREDENTIALS_KEY).encrypt(orjson.dumps(secrets)).decode() if secrets else ""


def unseal(sealed: str) -> dict[str, Any]:
    """
    Read back what `seal` returned.

    Raises:
        CannotUnseal: CREDENTIALS_KEY is not the one it was sealed with.
    """
    if not sealed:
        return {}
    try:
        plain = _fernet(settings.CREDENTIALS_KEY).decrypt(sealed.encode())
    except InvalidToken as error:
        raise CannotUnseal("sealed with another CREDENTIALS_KEY; enter the credentials again") from error
    return dict(orjson.loads(plain))


@cache
def _fernet(key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest()))
