"""How files go along: attached to letters, shown in LINE, and as an address in the text everywhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

# LINE shows these kinds, and fetches a preview of at most so many bytes; we have no smaller picture to offer than the
# picture itself. A call takes five messages, of which the text is one.
_SHOWN_BY_LINE = frozenset({"image/jpeg", "image/png"})
_LARGEST_SHOWN = 1_000_000
MOST_SHOWN = 4
# A line of base64 is 76 characters and CRLF for 57 bytes; each part has headers of its own, and so has the letter.
_LINE, _LINE_ENCODED, _HEADERS = 57, 78, 600


def letter_size(sizes: Sequence[int], *texts: str) -> int:
    """How many bytes a letter has with files of these sizes and these texts as they are sent, rather more than less."""
    parts = [*sizes, *(len(text.encode()) for text in texts)]
    return _HEADERS * (len(parts) + 2) + sum(-(-size // _LINE) * _LINE_ENCODED for size in parts)


def shown(channel: str, files: Sequence[tuple[str, int]]) -> Iterator[bool]:
    """For each of `files` (type, bytes): does it go as a picture of its own?"""
    room = MOST_SHOWN if channel == "line" else 0
    for content_type, size in files:
        fits = room > 0 and content_type in _SHOWN_BY_LINE and size <= _LARGEST_SHOWN
        room -= fits
        yield fits
