"""
Addresses that answers come back to: "reply+<token>@<domain>", where the token carries the ticket.

128 bits of signature beside the ticket's number, in letters that survive a mail server which does not tell capitals
from small ones, and short enough for the 64 characters that a local part may have (RFC 5321 §4.5.3.1.1).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re

from django.conf import settings

_SALT = b"messaging.reply-address:"
_NUMBER = 6  # bytes
_SIGNATURE = 16  # bytes: 128 bits
_TOKEN = re.compile(r"^reply\+([a-z2-7]{36})@", re.IGNORECASE)


def reply_address(ticket_id: int, domain: str) -> str:
    """Where an answer about this ticket is to go."""
    number = ticket_id.to_bytes(_NUMBER, "big")
    token = base64.b32encode(number + _sign(number, settings.SECRET_KEY)).decode().rstrip("=").lower()
    return f"reply+{token}@{domain}"


def read_ticket(address: str) -> int | None:
    """The ticket's primary key; None when it is no address of that kind, or not signed by us."""
    match = _TOKEN.match(address.strip())
    if match is None:
        return None
    token = match[1].upper()
    try:
        raw = base64.b32decode(token + "=" * (-len(token) % 8))
    except binascii.Error:
        return None
    number, signature = raw[:_NUMBER], raw[_NUMBER:]
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    if not any(hmac.compare_digest(signature, _sign(number, key)) for key in keys):
        return None
    return int.from_bytes(number, "big")


def _sign(number: bytes, key: str) -> bytes:
    return hmac.new(key.encode(), _SALT + number, hashlib.sha256).digest()[:_SIGNATURE]
