"""Who followed the links of a message."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from messaging.models import Message


@dataclass(slots=True)
class Followed:
    """
    One link of a message.

    `people` and `machines` count the calls of each; `signs` is by what machines gave themselves away; `first_at` is
    when a person first followed it.
    """

    url: str
    is_way_out: bool
    people: int = 0
    machines: int = 0
    first_at: datetime | None = None
    _signs: set[str] = field(default_factory=set)

    @property
    def signs(self) -> str:
        return ", ".join(sorted(self._signs))

    def count(self, at: datetime, bot_because: str) -> None:
        if bot_because:
            self.machines += 1
            self._signs.add(bot_because)
            return
        self.people += 1
        self.first_at = min(self.first_at or at, at)


def links_of(message: Message) -> list[Followed]:
    """The short links of `message` in the order of their making, with their calls; two queries."""
    found = []
    for link in message.links.order_by("pk").prefetch_related("clicks"):
        followed = Followed(link.url, link.is_way_out)
        for click in link.clicks.all():
            followed.count(click.at, click.bot_because)
        found.append(followed)
    return found
