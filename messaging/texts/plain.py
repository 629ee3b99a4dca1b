"""
The short way for texts that only name variables, as most do: "Hello {{ customer.first_name }}".

A rendering by the library sets up a scope, a sink and limits, for each message of a thousand; here the pieces of the
text are put together. Whatever is not plain goes the long way: it alone says what filters, gaps and limits mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.output import OutputNode
from liquid.template import BoundTemplate

# Text as it is, or the path of a variable.
Piece = str | tuple[str, ...]
# Names that mean something on what has no such key.
_SPECIAL = frozenset({"size", "first", "last"})


def pieces_of(template: BoundTemplate) -> tuple[Piece, ...] | None:
    """The pieces of a text that only names variables; None of any other."""
    pieces: list[Piece] = []
    for node in template.nodes:
        if isinstance(node, ContentNode):
            pieces.append(node.text)
        elif isinstance(node, OutputNode) and (path := _path(node.expression)):
            pieces.append(path)
        else:
            return None
    return tuple(pieces)


def put_together(pieces: tuple[Piece, ...], context: Mapping[str, Any], *, limit: int) -> str | None:
    """The text with its variables filled in; None when one is missing or no text, or `limit` bytes are passed."""
    found = []
    for piece in pieces:
        value: Any = piece
        if isinstance(piece, tuple):
            value = context
            for part in piece:
                try:
                    value = value[part] if isinstance(value, dict) else None
                except KeyError:
                    return None
        if type(value) is not str:
            return None
        found.append(value)
    text = "".join(found)
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return None
    # The library's sink changes line ends.
    return text if size <= limit and "\r" not in text else None


def _path(expression: object) -> tuple[str, ...] | None:
    if not isinstance(expression, FilteredExpression) or expression.filters or not isinstance(expression.left, Path):
        return None
    parts = tuple(part for part in expression.left.path if isinstance(part, str) and part not in _SPECIAL)
    return parts if len(parts) == len(expression.left.path) else None
