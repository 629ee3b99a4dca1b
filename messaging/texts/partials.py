"""
Pieces that texts share, put in where `{% render "footer" %}` stands.

They are put in before the text is read as Liquid, so that all its limits and its list of variables hold over the whole,
and what leaves is one plain text. A piece sees the same variables as the text around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from messaging.texts.liquid import MAX_SOURCE, InvalidTemplate

MAX_DEPTH = 3
MAX_PIECES = 100  # in one text, those in pieces counted
_RENDER = re.compile(r"""\{%\s*render\s+(["'])([a-z0-9]+(?:[-_][a-z0-9]+)*)\1\s*%\}""")


def names_in(source: str) -> list[str]:
    """The pieces that `source` itself asks for, each once, in their order."""
    return list(dict.fromkeys(found[2] for found in _RENDER.finditer(source)))


def without(source: str) -> str:
    """`source` less what asks for pieces, line for line: what can be read on its own."""
    return _RENDER.sub(lambda found: "\n" * found[0].count("\n"), source)


def put_in(source: str, piece: Callable[[str], str], *, most: int = MAX_SOURCE) -> str:
    """
    `source` with its pieces.

    Args:
        piece: the text of a piece by its name; a LookupError, which says why, when there is none.
        most: characters of the whole.

    Raises:
        InvalidTemplate: a piece is unknown, pieces stand in pieces more than three deep (as those do that contain
            themselves), there are too many, or the whole grows too long.
    """
    parts: list[str] = []
    room = most
    for number, part in enumerate(_parts(source, piece, 0)):
        room -= len(part)
        if room < 0:
            raise InvalidTemplate("too_large", f"longer than {most} characters with the pieces in it")
        if number > 2 * MAX_PIECES:
            raise InvalidTemplate("too_large", f"more than {MAX_PIECES} pieces")
        parts.append(part)
    return "".join(parts)


def _parts(source: str, piece: Callable[[str], str], depth: int) -> Iterator[str]:
    """Text and pieces in turn: each piece is between two texts, be they empty."""
    end = 0
    for found in _RENDER.finditer(source):
        yield source[end : found.start()]
        end = found.end()
        name, line = found[2], source.count("\n", 0, found.start()) + 1
        if depth == MAX_DEPTH:
            raise InvalidTemplate("not_offered", f"more than {MAX_DEPTH} pieces in one another, at “{name}”")
        try:
            text = piece(name)
        except LookupError as error:
            raise InvalidTemplate("unknown_partial", str(error), line if depth == 0 else 0) from error
        yield from _parts(text, piece, depth + 1)
    yield source[end:]
