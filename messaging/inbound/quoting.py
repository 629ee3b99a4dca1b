"""
Which words of a letter are new? A pure function of its text.

Mail programs put the letter that is answered below the answer (or above it), each in its own manner. What is found to
be old is folded away, never thrown away; where somebody wrote between quoted lines, nothing is folded: those quotes
are what the answers belong to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_WROTE = r"(?:wrote|écrit|schrieb|escribió|(?:ได้)?เขียน(?:ข้อความ)?(?:ไว้)?(?:ว่า)?)"
_MAILBOX = r"<[^<>\s]+@[^<>\s]+>"
# A line that says who wrote what follows, in one to three lines: Gmail, Apple Mail, Yahoo, Thunderbird, in English and
# Thai. "2026-11-19 10:15 Ploy <ploy@example.com>:" is Gmail's, too.
_ATTRIBUTION = re.compile(
    rf"^\W*(?:(?:(?:on|le|am|el)\b|เมื่อ|ใน\s*วัน|วันที่).{{6,300}}{_WROTE}\s*:"
    rf"|\d.{{6,300}}{_MAILBOX}.{{0,20}}{_WROTE}\s*:"
    rf"|\d{{4}}[-/]\d{{1,2}}[-/]\d{{1,2}}\b.{{0,200}}{_MAILBOX}\s*:)\s*$",
    re.IGNORECASE | re.DOTALL,
)
# What makes it one: a date, a time or an address; "On Monday my friend wrote:" is somebody's own sentence …
_EVIDENCE = re.compile(r"\d|@")
# … unless what they wrote follows, and is marked as quoted.
_BARE_ATTRIBUTION = re.compile(rf"^.{{1,200}}{_WROTE}\s*:\s*$", re.IGNORECASE)
# "Ploy wrote on 19/11/2026 10:15:", on a line of its own.
_WROTE_ON = re.compile(rf"^\w.{{0,120}}\b{_WROTE}\s+(?:on|am|เมื่อ)\s.{{0,40}}\d[:.]\d\d.{{0,20}}:\s*$", re.IGNORECASE)
_LONGEST_ATTRIBUTION = 600
_LINES_OF_ATTRIBUTION = 3
# "-----Original Message-----", "________________________________", "Begin forwarded message:"
_DIVIDER = re.compile(
    r"^\s*(?:-{3,}\s*(?:original message|forwarded message|ข้อความต้นฉบับ|ข้อความเดิม|ข้อความที่ส่งต่อ)\s*-{3,}"
    r"|_{20,}|begin forwarded message:)\s*$",
    re.IGNORECASE,
)
# Outlook's header of the letter below, without a divider: at least three of its lines together.
_HEADER = re.compile(
    r"^\W*(?:from|sent|date|to|cc|subject|จาก|ส่ง|ส่งเมื่อ|วันที่|วันที่ส่ง|ถึง|ไปยัง|สำเนา"
    r"|เรื่อง|ชื่อเรื่อง|หัวเรื่อง)\s*:\s?\S",
    re.IGNORECASE,
)
_FIRST_OF_HEADER = re.compile(r"^\W*(?:from|จาก)\s*:", re.IGNORECASE)
_LINES_OF_HEADER = 3
# RFC 3676 §4.3: two hyphens and a space alone on a line; many programs lose the space.
_SIGNATURE = re.compile(r"^-- ?$")


@dataclass(frozen=True, slots=True)
class Words:
    """A letter in two parts: what is new, and what is folded; together they are the whole."""

    new: str
    quoted: str = ""


def fold(text: str) -> Words:
    """The new words of a letter, and the quoted ones with the signature; a letter of only old words is shown whole."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n").split("\n")
    start = _start_of_old(lines)
    if start is None:
        return _without_signature(lines)
    if not _joined(lines[:start]):
        return _below(lines, start)
    body = _joined(_body_of(lines[:start]))
    if not body:
        return Words(_joined(lines))
    return Words(body, _joined([*_signature_of(lines[:start]), *lines[start:]]))


def _start_of_old(lines: list[str]) -> int | None:
    """The line at which old words begin, if nothing new stands between or below them."""
    only_quotes = _only_quotes_from(lines)
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    for index, line in enumerate(lines):
        if _DIVIDER.match(line) or _is_header(lines, index):
            return index
        length = _attribution(lines, index)
        if length:
            below = next((line for line in lines[index + length :] if line.strip()), "")
            if not _is_quoted(below):
                return index  # some programs do not mark what they quote
            return index if only_quotes[index + length] or index == first else None
        if _is_quoted(line) and (only_quotes[index] or index == first):
            return index
    return None


def _only_quotes_from(lines: list[str]) -> list[bool]:
    """For each line: is there nothing but quoted ones from here on, up to a signature?"""
    found = [True] * (len(lines) + 1)
    for index in range(len(lines) - 1, -1, -1):
        line = lines[index]
        stops = _SIGNATURE.match(line) is not None
        found[index] = stops or (found[index + 1] and (not line.strip() or _is_quoted(line)))
    return found


def _below(lines: list[str], start: int) -> Words:
    """A letter that begins with what it answers: the new words are below, if there are any."""
    end = start + (_attribution(lines, start) or 0)
    while end < len(lines) and (not lines[end].strip() or _is_quoted(lines[end])):
        end += 1
    answer = lines[end:]
    if not _joined(answer) or any(_is_quoted(line) for line in answer) or _DIVIDER.match(lines[start]):
        return Words(_joined(lines))
    body = _without_signature(answer)
    return Words(body.new, _joined([*lines[:end], *([body.quoted] if body.quoted else [])]))


def _without_signature(lines: list[str]) -> Words:
    body = _body_of(lines)
    return Words(_joined(body), _joined(_signature_of(lines))) if _joined(body) else Words(_joined(lines))


def _body_of(lines: list[str]) -> list[str]:
    return lines[: _signature_at(lines)]


def _signature_of(lines: list[str]) -> list[str]:
    return lines[_signature_at(lines) :]


def _signature_at(lines: list[str]) -> int:
    return next((index for index, line in enumerate(lines) if _SIGNATURE.match(line)), len(lines))


def _attribution(lines: list[str], index: int) -> int:
    """How many lines from here say "On … wrote:"; 0 when they do not. Programs break the line where it is long."""
    if not lines[index].strip():
        return 0
    for length in range(1, _LINES_OF_ATTRIBUTION + 1):
        said = " ".join(line.strip() for line in lines[index : index + length])
        if len(said) > _LONGEST_ATTRIBUTION:
            break
        if _ATTRIBUTION.match(said) and _EVIDENCE.search(said):
            return length
    if _WROTE_ON.match(lines[index]):
        return 1
    below = next((line for line in lines[index + 1 : index + 3] if line.strip()), "")
    return 1 if _is_quoted(below) and not _is_quoted(lines[index]) and _BARE_ATTRIBUTION.match(lines[index]) else 0


def _is_header(lines: list[str], index: int) -> bool:
    """ "From: … Sent: … To: …", as Outlook writes above the letter below."""
    if not _FIRST_OF_HEADER.match(lines[index]):
        return False
    head = _filled(lines[index : index + 2 * _LINES_OF_HEADER])[:_LINES_OF_HEADER]
    return len(head) == _LINES_OF_HEADER and all(_HEADER.match(line) for line in head)


def _is_quoted(line: str) -> bool:
    return line.lstrip().startswith(">")


def _filled(lines: list[str]) -> list[str]:
    return [line for line in lines if line.strip()]


def _joined(lines: list[str]) -> str:
    return "\n".join(lines).strip()
