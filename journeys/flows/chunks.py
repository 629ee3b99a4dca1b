"""Work on many rows goes in pieces of a size that a statement takes well."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
CHUNK = 1_000


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """`items` in lists of `size`, the last one shorter; taken from an iterator only as they are asked for."""
    rest = iter(items)
    while piece := list(islice(rest, size)):
        yield piece
