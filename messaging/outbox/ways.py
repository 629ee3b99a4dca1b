"""By which of several channels somebody is written to. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from messaging.channels.reasons import Reason

# Where there is no address or no text nothing can be; where somebody wished for nothing, the message says so.
_DEAD_ENDS = {Reason.NO_TEMPLATE: 1, Reason.UNREACHABLE: 2}


@dataclass(frozen=True, slots=True)
class Way:
    """One channel; `fault` is why nothing would go out there, None when it is open."""

    channel: str
    address: str
    fault: Reason | None = None

    @property
    def is_dead_end(self) -> bool:
        """Whether no message can wait here for better times."""
        return self.fault in _DEAD_ENDS


def choose(ways: Iterable[Way]) -> Way:
    """
    The first that is open. Else the first that the person's wishes close, since those may change until it is sent; else
    the first without a text, or without an address. Ways behind an open one are not looked at.
    """
    closed: list[Way] = []
    for way in ways:
        if way.fault is None:
            return way
        closed.append(way)
    return min(closed, key=lambda way: _DEAD_ENDS.get(way.fault, 0) if way.fault else 0)
