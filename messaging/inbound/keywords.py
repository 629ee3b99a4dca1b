"""
Is this text an opt-out? A pure function of the text and the shop's words.

A text that is one of the words (whatever its case, spaces and punctuation) or has one of the phrases in it means what
it says. One that only has a word somewhere in it ("STOPPED by yesterday", "a day off" in Thai) may mean anything: it is
filed like any other message, and a person looks at it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from messaging.models import InboundMessage

Reading = InboundMessage.Reading
# Longer texts are letters, not commands.
LONGEST_COMMAND = 160
_NOT = re.compile(r"\b(dont|do not|never) stop\b")  # "don't stop sending offers"
_EDGES = re.compile(r"[^\w\u0E00-\u0E7F]+")


@dataclass(frozen=True, slots=True)
class Words:
    """The shop's words, made comparable once."""

    stop: frozenset[str]
    stop_phrases: tuple[str, ...]
    start: frozenset[str]
    help: frozenset[str]

    @classmethod
    def of(
        cls, *, stop: Iterable[str], stop_phrases: Iterable[str], start: Iterable[str], help_: Iterable[str]
    ) -> Words:
        return cls(
            frozenset(map(plain, stop)), tuple(map(plain, stop_phrases)), frozenset(map(plain, start)),
            frozenset(map(plain, help_)),
        )  # fmt: skip


def read(text: str, words: Words) -> Reading:
    """What the sender wants."""
    said = plain(text)
    if said in words.stop or (said and words.stop.issuperset(said.split())):
        return Reading.STOP
    if said in words.start:
        return Reading.START
    if said in words.help:
        return Reading.HELP
    if len(said) > LONGEST_COMMAND:
        return Reading.MESSAGE
    if any(_contains(said, phrase) for phrase in words.stop_phrases):
        return Reading.UNCLEAR if _NOT.search(said) else Reading.STOP
    return Reading.UNCLEAR if any(_begins_a_word(said, word) for word in _telling(words.stop)) else Reading.MESSAGE


def read_letter(subject: str, text: str, words: Words) -> Reading:
    """
    What the sender of a letter wants: as `read`, and a subject is a command when it stands alone.

    Mail programs unsubscribe with a letter of that subject (RFC 2369), and some put words of their own below it. A
    subject such as "Cancel" above a text may be about an order: a person looks at it.
    """
    if not text.strip():
        return read(subject, words)
    reading = read(text, words)
    if reading in (Reading.MESSAGE, Reading.UNCLEAR):
        said = plain(subject)
        if said in words.stop:
            return Reading.STOP if said.startswith(("stop", "unsubscribe")) else Reading.UNCLEAR
    return reading


def plain(text: str) -> str:
    """Lower case, one form of every letter, no punctuation, single spaces: " StOp. " → "stop"."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("'", "")
    return _EDGES.sub(" ", folded).strip()


def _contains(said: str, phrase: str) -> bool:
    """Whole words where a language has spaces between them; Thai does not."""
    return f" {phrase} " in f" {said} " or (_is_thai(phrase) and phrase in said)


def _begins_a_word(said: str, word: str) -> bool:
    return f" {word}" in f" {said}" or (_is_thai(word) and word in said)


def _telling(stop_words: Iterable[str]) -> Sequence[str]:
    """Words that say "stop" even inside a sentence; "end" or "cancel" there are about something else."""
    return [word for word in stop_words if word.startswith(("stop", "unsubscribe")) or _is_thai(word)]


def _is_thai(text: str) -> bool:
    return any("\u0e00" <= char <= "\u0e7f" for char in text)
