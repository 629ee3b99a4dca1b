"""
How fast a broadcast comes to the ledger: by its own limit a minute, and never so fast that it stands in others' way.

The line of a channel is sent in the order in which it falls due. Were a broadcast to a hundred thousand people put
there at once, one to a hundred people would wait for all of them. So broadcasts add to a line by turns, a batch each,
and only while it is short; who waits for room is on the list of recipients meanwhile.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from messaging.models import Broadcast, ChannelSettings, Message

MINUTE = timedelta(minutes=1)
# Messages due in one line of a channel with which it takes no more of broadcasts: some seconds' worth. With a limit a
# second, a minute's worth is enough.
LINE = 5_000


class Lines:
    """Which lines have room, as of one moment; each is asked about once, so that all broadcasts get the same answer."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._limits: dict[str, int] | None = None
        self._full: dict[tuple[str, int], bool] = {}

    def are_full(self, broadcast: Broadcast) -> bool:
        """Whether one of the lines that its messages may stand in takes no more."""
        lane = Message.Lane.MARKETING if broadcast.topic.is_marketing else Message.Lane.SERVICE
        return any(self._is_full(channel, lane) for channel in broadcast.channels)

    def _is_full(self, channel: str, lane: int) -> bool:
        if (channel, lane) not in self._full:
            most = self._most(channel)
            due = Message.objects.queued().filter(channel=channel, lane=lane, due_at__lte=self._now)
            self._full[channel, lane] = due[:most].count() == most
        return self._full[channel, lane]

    def _most(self, channel: str) -> int:
        if self._limits is None:
            self._limits = dict(ChannelSettings.objects.values_list("channel", "max_per_second"))
        a_second = self._limits.get(channel, 0)
        return min(LINE, a_second * int(MINUTE.total_seconds())) if a_second else LINE


def room(broadcast: Broadcast, limit: int) -> int:
    """How many of `limit` messages its own limit a minute lets onto the ledger: never more than a minute's worth."""
    if not broadcast.per_minute:
        return limit
    waiting = Message.objects.queued().filter(recipient__broadcast=broadcast)[: broadcast.per_minute].count()
    return max(min(limit, broadcast.per_minute - waiting), 0)


def slots(broadcast: Broadcast, number: int, now: datetime) -> list[datetime]:
    """When each of the next `number` messages may go out; those after them follow on."""
    if not broadcast.per_minute:
        return [now] * number
    apart = MINUTE / broadcast.per_minute
    first = max(broadcast.next_slot_at or now, now)
    broadcast.next_slot_at = first + number * apart
    return [first + place * apart for place in range(number)]
