"""How providers fare: their calls, what became of what they took, and how long both take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, DurationField, ExpressionWrapper, F, Max, Min
from django.db.models.functions import TruncHour

from crm.lib.medians import MedianLow
from messaging.models import Attempt, ChannelSettings, Message, ProviderState

ACCEPTED = "accepted"
CUT_OFF = ""  # a call without an outcome: its worker died, or it is on the wire this very moment
State = Message.State
Way = tuple[str, str]  # channel, provider


@dataclass(frozen=True, slots=True)
class Outcome:
    """Calls that ended in one way; `reason` is a code of messaging.channels.reasons, or CUT_OFF."""

    reason: str
    calls: int


@dataclass(slots=True)
class Health:
    """
    One provider on one channel, over the time asked for.

    Attributes:
        row: how the channel is set up now, when this is still its provider.
        outcomes: of the calls that were not accepted, the most frequent first.
        typical_ms, longest_ms: what an answered call took; half of them were quicker than the first.
        states: messages whose last call was in that time, by what is known of them now.
        typical_delivery: from sent to delivered; half of them were quicker.
        waiting, oldest: messages in line on this channel now, and since when the first of them is due.
    """

    channel: str
    provider: str
    row: ChannelSettings | None = None
    calls: int = 0
    accepted: int = 0
    outcomes: list[Outcome] = field(default_factory=list)
    typical_ms: int | None = None
    longest_ms: int | None = None
    states: Counter[str] = field(default_factory=Counter)
    typical_delivery: timedelta | None = None
    waiting: int = 0
    oldest: datetime | None = None

    @property
    def flow(self) -> ProviderState | None:
        return getattr(self.row, "flow", None)

    @property
    def taken(self) -> int:
        """Messages that the provider has, whatever became of them."""
        return self.states[State.SENT] + self.states[State.DELIVERED] + self.states[State.FAILED]

    @property
    def unclear(self) -> int:
        return self.states[State.UNKNOWN] + self.states[State.UNKNOWN_FINAL]


def healths(*, since: datetime, now: datetime) -> list[Health]:
    """Every way in use now, and those that were used since; five queries."""
    found: dict[Way, Health] = {}
    for row in ChannelSettings.objects.select_related("flow"):
        found[row.channel, row.provider] = Health(row.channel, row.provider, row)
    for way, of_way in _calls(since).items():
        health = found.setdefault(way, Health(*way))
        health.accepted = of_way.pop(ACCEPTED, 0)
        by_number = sorted(of_way.items(), key=lambda item: (-item[1], item[0]))
        health.outcomes = [Outcome(reason, calls) for reason, calls in by_number]
        health.calls = health.accepted + of_way.total()
    for channel, provider, typical, longest in _answer_times(since):
        found[channel, provider].typical_ms, found[channel, provider].longest_ms = typical, longest
    for channel, provider, state, number, typical in _messages(since):
        health = found.setdefault((channel, provider), Health(channel, provider))
        health.states[state] += number
        if state == State.DELIVERED:
            health.typical_delivery = typical
    for channel, waiting, oldest in _waiting(now):
        for health in found.values():
            if health.row and health.channel == channel:
                health.waiting, health.oldest = waiting, oldest
    return sorted(found.values(), key=lambda health: (health.row is None, health.channel, health.provider))


def hourly(channel: str, provider: str, *, since: datetime, zone: ZoneInfo) -> dict[datetime, Counter[str]]:
    """Calls of each hour (its beginning, in `zone`) by how they ended, "accepted" among them; one query."""
    rows = (
        Attempt.objects.filter(started_at__gte=since, provider=provider, message__channel=channel)
        .annotate(hour=TruncHour("started_at", tzinfo=zone))
        .values_list("hour", "outcome")
        .annotate(n=Count("pk"))
        .order_by()
    )
    by_hour: dict[datetime, Counter[str]] = {}
    for hour, outcome, number in rows:
        by_hour.setdefault(hour, Counter())[outcome] += number
    return by_hour


def _calls(since: datetime) -> Mapping[Way, Counter[str]]:
    rows = Attempt.objects.filter(started_at__gte=since).values_list("message__channel", "provider", "outcome")
    found: dict[Way, Counter[str]] = {}
    for channel, provider, outcome, number in rows.annotate(n=Count("pk")).order_by():
        found.setdefault((channel, provider), Counter())[outcome] += number
    return found


def _answer_times(since: datetime) -> Iterable[Any]:
    rows = Attempt.objects.filter(started_at__gte=since, milliseconds__isnull=False)
    times = rows.values_list("message__channel", "provider").annotate(
        typical=MedianLow("milliseconds"), longest=Max("milliseconds")
    )
    return times.order_by()


def _messages(since: datetime) -> Iterator[Any]:
    # A message's last call is no older than the oldest of these attempts, nor is its number smaller: rows are found by
    # their primary key, and millions of older ones are not looked at.
    first = Attempt.objects.filter(started_at__gte=since).aggregate(pk=Min("message"))["pk"]
    if first is None:
        return iter(())
    took = ExpressionWrapper(F("delivered_at") - F("sent_at"), output_field=DurationField())
    rows = Message.objects.filter(pk__gte=first, wire_at__gte=since).values_list("channel", "provider", "state")
    return iter(rows.annotate(n=Count("pk"), typical=MedianLow(took)).order_by())


def _waiting(now: datetime) -> Iterable[Any]:
    due = Message.objects.in_line().filter(due_at__lte=now)
    return due.values_list("channel").annotate(n=Count("pk"), oldest=Min("due_at")).order_by()
