"""
How a text travels as SMS: its alphabet, and the segments it takes (3GPP TS 23.038 §6.2 and TS 23.040 §9.2.3.24).

A text of GSM-7 characters counts septets: 160 in one segment, 153 in each of several, since the concatenation header
takes six octets. A character of the extension table is an escape and a septet, two units that stay in one segment. Any
other character makes the whole text UCS-2: 70 code units in one segment, 67 in each of several, and a surrogate pair
stays in one segment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Encoding = Literal["GSM-7", "UCS-2"]

# TS 23.038 §6.2.1, in the order of the table; the escape at 0x1B is no character of its own.
BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# TS 23.038 §6.2.1.1: form feed, circumflex, braces, backslash, brackets, tilde, bar and the euro sign.
EXTENSION = frozenset("\f^{}\\[~]|€")

_ROOM: dict[Encoding, tuple[int, int]] = {"GSM-7": (160, 153), "UCS-2": (70, 67)}


@dataclass(frozen=True, slots=True)
class Measure:
    """
    What a text costs.

    Attributes:
        units: septets for GSM-7, 16-bit code units for UCS-2.
        segments: messages the network carries, and bills; 0 for an empty text.
        remaining: units still free before another segment is needed.
    """

    encoding: Encoding
    units: int
    segments: int
    remaining: int

    def as_json(self) -> dict[str, str | int]:
        return {
            "encoding": self.encoding, "units": self.units, "segments": self.segments, "remaining": self.remaining,
        }  # fmt: skip


def encoding_of(text: str) -> Encoding:
    """The alphabet `text` needs."""
    return "GSM-7" if (BASIC | EXTENSION).issuperset(text) else "UCS-2"


def measure(text: str) -> Measure:
    """Count the units and segments of `text`."""
    encoding = encoding_of(text)
    single, several = _ROOM[encoding]
    units = _units(text, encoding)
    if units <= single:
        return Measure(encoding, units, 1 if units else 0, single - units)
    parts = split(text)
    return Measure(encoding, units, len(parts), several - _units(parts[-1], encoding))


def split(text: str) -> list[str]:
    """The text of each segment, as the network carries it."""
    encoding = encoding_of(text)
    single, several = _ROOM[encoding]
    if _units(text, encoding) <= single:
        return [text] if text else []
    parts, start, used = [], 0, 0
    for index, char in enumerate(text):
        width = _units(char, encoding)
        if used + width > several:
            parts.append(text[start:index])
            start, used = index, 0
        used += width
    return [*parts, text[start:]]


def _units(text: str, encoding: Encoding) -> int:
    twice = sum(map(text.count, EXTENSION)) if encoding == "GSM-7" else sum(char > "\uffff" for char in text)
    return len(text) + twice
