"""Whole numbers that strangers write in addresses and headers."""

from __future__ import annotations

LARGEST = 2**63 - 1  # what a column of either database holds


def whole(text: str, *, most: int = LARGEST) -> int | None:
    """The whole number that `text` is, in digits alone; None when it is none, or more than `most`."""
    # Python refuses to read thousands of digits, by an error of its own.
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(most)):
        return None
    number = int(text)
    return number if number <= most else None
