"""Two versions of a template, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from messaging.models import TemplateVariant, TemplateVersion

PARTS = ("subject", "body", "mjml", "html")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a text; `change` is "" where both have it, "gone" or "new"."""

    change: str
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One part ("subject", "body", "mjml", "html") of one language that is not the same in both versions."""

    language: str
    part: str
    lines: list[Line]


def differences(old: TemplateVersion, new: TemplateVersion) -> list[Difference]:
    """What `new` says otherwise than `old`, by language and part; two queries."""
    before = {row.language: row for row in old.variants.all()}
    after = {row.language: row for row in new.variants.all()}
    found = []
    for language in sorted(before.keys() | after.keys()):
        for part in PARTS:
            was, now = _text(before.get(language), part), _text(after.get(language), part)
            if was != now:
                found.append(Difference(language, part, list(_lines(was.splitlines(), now.splitlines()))))
    return found


def _text(row: TemplateVariant | None, part: str) -> str:
    return str(getattr(row, part)) if row else ""


def _lines(was: list[str], now: list[str]) -> Iterator[Line]:
    for what, i, j, k, m in SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
        if what == "equal":
            yield from (Line("", line) for line in was[i:j])
        else:
            yield from (Line("gone", line) for line in was[i:j])
            yield from (Line("new", line) for line in now[k:m])
