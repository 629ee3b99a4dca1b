"""
Letters whose headers are of a length that people write.

The library's parsers of structured headers take the square of their length: a megabyte of Content-Type keeps a worker
busy for hours. So what they are given is cut, for every letter that django-anymail makes.
"""

from __future__ import annotations

from email.policy import EmailPolicy
from typing import Any

from anymail.inbound import AnymailInboundMessage

from messaging.texts import charsets

LONGEST = 8_000  # characters of a header
LONGEST_OF_PART = 2_000  # of those that describe a part, of which a letter may have thousands
MOST_PARTS = 5_000
_TAIL = frozenset({"references"})  # its newest stand last


class Bounded(EmailPolicy):
    """Reads and stores headers up to a length, and those in no charset at all in the one that they must be in."""

    def header_fetch_parse(self, name: str, value: str) -> Any:
        return super().header_fetch_parse(name, _cut(name, _text(value)))

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        # A line break would be an error; services unfold headers, or not.
        return super().header_store_parse(name, _cut(name, " ".join(str(value).splitlines())))


def has_too_many_parts(body: bytes) -> bool:
    """Whether a letter in this call may have more parts than anybody would look at; lines of dashes count."""
    return body.count(b"\n--") + body.count(b"\\n--") > MOST_PARTS


def _cut(name: str, value: str) -> str:
    name = name.lower()
    if name.startswith("content-"):
        return value[:LONGEST_OF_PART]
    return value[-LONGEST:] if name in _TAIL else value[:LONGEST]


def _text(value: str) -> str:
    """A header as it stands in a letter; bytes that are not ASCII are in it as halves of surrogate pairs."""
    return value if value.isascii() else charsets.decode(value.encode("utf-8", "surrogateescape"))


_POLICY = Bounded()
# Each letter and part reads its own headers by its policy, whichever parser or webhook view made it.
AnymailInboundMessage.policy = property(lambda self: _POLICY, lambda self, policy: None)
