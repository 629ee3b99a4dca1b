"""Who a broadcast is for, and when the turn of each comes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from crm.lib.zones import instant, zone
from crm.models import Customer, Shop
from crm.rules import matching, parse_rule
from messaging.broadcasts import lots
from messaging.models import Broadcast

# Customers looked at in one transaction.
LOOKED_AT = 2_000
# How often a live audience is asked for newcomers.
ASKED_EVERY = timedelta(minutes=5)
A_DAY = timedelta(days=1)
# Where a day begins first.
EARLIEST = ZoneInfo("Pacific/Kiritimati")

Timing = Broadcast.Timing


def people(broadcast: Broadcast, *, now: datetime, among: Collection[int] | None = None) -> QuerySet[Customer]:
    """
    Everybody the broadcast would go to at `now`; of these customers when they are given. Not evaluated.

    Raises:
        crm.rules.InvalidRule: the rule cannot be read, or speaks of a segment that is gone.
    """
    return matching(parse_rule(broadcast.rule), now=now, customer_ids=among).filter(erased_at=None)


class Place(NamedTuple):
    """Of somebody on the list: the lot they drew, None when they get the winner of a trial; when their turn comes."""

    customer_id: int
    variant: int | None
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """`looked_at` customers were looked at; `places` are those of the people among them whom it is for."""

    looked_at: int
    places: list[Place]


def look_through(broadcast: Broadcast, *, now: datetime, limit: int) -> Found:
    """
    Look through the next `limit` customers for those the broadcast is for. `broadcast`, whose row the caller has
    locked, remembers how far it came and when it was through.

    A frozen audience is asked as of the start, a live one as of `now`: also again, for newcomers.

    Raises:
        crm.rules.InvalidRule: as `people`.
    """
    seen = list(
        Customer.objects.filter(merged_into=None, erased_at=None, pk__gt=broadcast.cursor)
        .order_by("pk")
        .values_list("pk", flat=True)[:limit]
    )
    asked_at = now if broadcast.is_live else broadcast.started_at or now
    found = people(broadcast, now=asked_at, among=seen) if seen else Customer.objects.none()
    weights = [variant.weight for variant in broadcast.variants.order_by("number")]
    turns = Turns(broadcast, now, starts_at=broadcast.started_at or now)
    places = [
        Place(
            pk, _lot(broadcast, lots.draw(broadcast.public_id, who, weights, test_share=broadcast.test_share)), due_at
        )
        for pk, who, zone_name in found.order_by("pk").values_list("pk", "public_id", "time_zone")
        if (due_at := turns.of(zone_name))
    ]
    broadcast.looked_at += len(seen)
    if len(seen) == limit:
        broadcast.cursor = seen[-1]
    else:
        broadcast.cursor, broadcast.gathered_at = 0, now
    return Found(len(seen), places)


def earliest(broadcast: Broadcast) -> datetime | None:
    """The first instant at which clocks anywhere show the broadcast's local time."""
    wall = _wall(broadcast)
    return instant(wall, EARLIEST) if wall else None


def _lot(broadcast: Broadcast, drawn: int | None) -> int | None:
    """A newcomer after the trial is not part of it."""
    return None if broadcast.tested_at else drawn


class Turns:
    """When people's turn comes, by their time zone, in a broadcast that starts at `starts_at`."""

    def __init__(self, broadcast: Broadcast, now: datetime, *, starts_at: datetime) -> None:
        self._wall = _wall(broadcast)
        self._starts_at = starts_at
        self._is_again = broadcast.gathered_at is not None
        self._now = now
        self._shops_zone = Shop.current().time_zone
        self._known: dict[str, datetime | None] = {}

    def of(self, zone_name: str) -> datetime | None:
        """
        None: a newcomer whose hour is over.

        For whom the hour was over before the broadcast started, it is the same hour of the next day.
        """
        if zone_name not in self._known:
            self._known[zone_name] = self._find(zone_name)
        return self._known[zone_name]

    def _find(self, zone_name: str) -> datetime | None:
        if self._wall is None:
            return self._starts_at
        theirs = zone(zone_name, self._shops_zone)
        at = instant(self._wall, theirs)
        if self._is_again:
            return at if at > self._now else None
        return at if at >= self._starts_at else instant(self._wall + A_DAY, theirs)


def _wall(broadcast: Broadcast) -> datetime | None:
    if broadcast.timing != Timing.LOCAL or broadcast.local_date is None or broadcast.local_time is None:
        return None
    return datetime.combine(broadcast.local_date, broadcast.local_time)


def is_being_gathered(broadcast: Broadcast, now: datetime) -> bool:
    """Whether customers are still to be looked through: for the first time, or again for a live audience."""
    if broadcast.gathered_at is None or broadcast.cursor:
        return True
    return broadcast.is_live and now >= broadcast.gathered_at + ASKED_EVERY
