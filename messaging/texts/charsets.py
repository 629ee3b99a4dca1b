"""Bytes of strangers as text, whatever they say that they are."""

from __future__ import annotations

import codecs
from contextlib import suppress

# Names that Thai mail programs give to Thai Windows, and Python does not know.
_THAI_WINDOWS = frozenset({"windows_874", "x_windows_874", "dos_874", "ms874", "x_ms874"})


def _find(name: str) -> codecs.CodecInfo | None:
    return codecs.lookup("cp874") if name.replace("-", "_") in _THAI_WINDOWS else None


# The library's own reader of mail headers looks charsets up by name, too.
codecs.register(_find)


def decode(raw: bytes, declared: str = "") -> str:
    """
    `raw` as text; never fails.

    What is valid UTF-8 beyond ASCII is UTF-8, since nothing else happens to be so; else it is what it was declared to
    be, when that can be; else Thai Windows, in which undeclared Thai is; else whatever can be read of it.
    """
    if not raw.isascii():
        with suppress(UnicodeDecodeError):
            return raw.decode()
    for name in (declared, "cp874"):
        # A name that is unknown, holds a NUL, or is of a codec for something other than text.
        with suppress(LookupError, ValueError):
            return raw.decode(name or "ascii")
    return raw.decode(errors="replace")
