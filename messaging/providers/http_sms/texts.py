"""The texts of a request in Liquid, and what they may say of the message. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import phonenumbers
from django.utils.translation import gettext as _

from messaging.channels.base import Parcel
from messaging.texts import liquid, sms

# What tells a message from all others. A program that uses our API knows it, and the address, by other names: as there.
KEYS = frozenset({"key", "id"})
# The host is nobody's to choose but the administrator's: no variable stands before the path.
_URL = re.compile(r"https?://[^\s/?#{}@\\]+([/?][^#]*)?")
_VARIABLE = re.compile(r"\{\{|\{%")
_PORT = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(:[0-9]{1,5})?")
_ENCODED = re.compile(r"\{\{[^}]*\|\s*url_encode\b")


def local_number(e164: str) -> str:
    """A number as it is dialled at home: "+66812345678" → "0812345678". What is no number stays as it is."""
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return e164
    return re.sub(r"\D", "", phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL))


def id_of(key: str) -> str:
    """A message's id as the API writes it. What is no key stays as it is."""
    try:
        return str(UUID(hex=key))
    except ValueError:
        return key


def key_of(text: str) -> str:
    """Our key in what a gateway says, in whichever way its request named the message."""
    try:
        return UUID(hex=text).hex
    except ValueError:
        return text


# What a text may say, as `message.<name>`.
VARIABLES: Mapping[str, Callable[[Parcel], Any]] = {
    "id": lambda parcel: id_of(parcel.key),
    "key": lambda parcel: parcel.key,
    "to": lambda parcel: parcel.to,
    "address": lambda parcel: parcel.to,
    "to_digits": lambda parcel: parcel.to.removeprefix("+"),
    "to_local": lambda parcel: local_number(parcel.to),
    "body": lambda parcel: parcel.body,
    "sender": lambda parcel: parcel.sender,
    "segments": lambda parcel: sms.measure(parcel.body).segments,
    "encoding": lambda parcel: sms.encoding_of(parcel.body),
    "is_unicode": lambda parcel: sms.encoding_of(parcel.body) == "UCS-2",
    "receipts_url": lambda parcel: parcel.receipts_url,
}


def is_known(segments: Sequence[Any]) -> bool:
    """May a text name this path, e.g. ["message", "to"]?"""
    match segments:
        case ["message", str(name)]:
            return name in VARIABLES
    return False


def parse(text: str) -> liquid.Template:
    """
    Raises:
        messaging.texts.liquid.InvalidTemplate: it is no Liquid, or names what is not offered.
    """
    return liquid.parse(text, is_known=is_known)


def has_variables(text: str) -> bool:
    """Whether there is anything to fill in."""
    return _VARIABLE.search(text) is not None


def names_in(template: liquid.Template) -> set[str]:
    """The variables that a text names, without "message."."""
    return {str(path[1]) for path in template.paths}


def check_text(text: str) -> tuple[str, set[str]]:
    """What is wrong with a text ("" for nothing), and the variables that it names."""
    try:
        return "", names_in(parse(text))
    except liquid.InvalidTemplate as error:
        fault = str(error)
        if error.code == "unknown_variable":
            known = ", ".join(f"message.{name}" for name in VARIABLES)
            fault = _("%(fault)s; there are %(known)s") % {"fault": fault, "known": known}
        return _("line %(line)s: %(fault)s") % {"line": error.line, "fault": fault} if error.line > 1 else fault, set()


def check_url(text: str) -> str:
    """
    Return `text` when it is an address to call; its path and query may name variables.

    Raises:
        ValueError: it is none.
    """
    if not _URL.fullmatch(text) or any(character in text for character in "\r\n\t\x00"):
        raise ValueError(_("is not an address such as https://gateway.example/send"))
    host = re.split(r"[/?#]", text.split("://", 1)[1], maxsplit=1)[0]
    found = _PORT.fullmatch(host)
    if found is None or (found[2] and int(found[2][1:]) > 65_535):
        raise ValueError(_("has no host that could be called"))
    if _ENCODED.search(text):
        raise ValueError(_("needs no url_encode: what variables bring into an address is encoded anyhow"))
    return text
