"""
How much may go to a provider now: kill switches, pauses it asked for, its circuit breaker, its rate.

One row per channel (ProviderState) holds what all workers must agree on. The rules on it are plain functions of the
row; `reserve` and `note` are the short transactions around them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from messaging.channels.base import AccountRefused, Failure, NeverSent, RateLimited, Uncertain
from messaging.models import ChannelSettings, Message, MessagingSettings, ProviderState, Restoration

Breaker = ProviderState.Breaker

WINDOW = timedelta(seconds=60)
FEWEST_CALLS = 10
PROBE_EVERY = timedelta(seconds=30)
REFUSALS = 3
TROUBLES = (RateLimited, NeverSent, Uncertain)  # of the provider, rather than of one message
WORTHWHILE = 0.5  # of a second's messages, at least one
PAUSE = timedelta(seconds=30)  # when a provider says "slow down" and not for how long


def open_channels(*, due_by: datetime | None = None) -> list[ChannelSettings]:
    """
    The channels that may send at all now; with `due_by`, only those with work by then. None while all is stopped, or
    held since the database was restored.
    """
    if not MessagingSettings.current().sending_on:
        return []
    channels = ChannelSettings.objects.filter(~Exists(Restoration.objects.open()), is_on=True).select_related("flow")
    if due_by is not None:
        due = Message.objects.in_line().filter(channel=OuterRef("channel"), due_at__lte=due_by)
        channels = channels.filter(Exists(due))
    return list(channels)


_MAY_GO_ON = """
SELECT 1 FROM messaging_channelsettings, messaging_messagingsettings
WHERE messaging_channelsettings.id = %s AND is_on AND sending_on
  AND NOT EXISTS (SELECT 1 FROM messaging_providerstate
    WHERE channel_id = messaging_channelsettings.id AND (paused_until > %s OR breaker NOT IN ('closed', %s)))
  AND NOT EXISTS (SELECT 1 FROM messaging_restoration WHERE ended_at IS NULL)
"""


def may_go_on(channel: ChannelSettings, now: datetime) -> bool:
    """
    Asked between the calls of a batch: a kill switch takes effect within seconds, and so does what another worker has
    been told, to slow down or by an outage. Whoever makes the probe of an open circuit may.
    """
    state = getattr(channel, "flow", None)
    ours = Breaker.OPEN if state is not None and state.breaker == Breaker.OPEN else Breaker.CLOSED
    with connection.cursor() as cursor:
        cursor.execute(_MAY_GO_ON, [channel.pk, connection.ops.adapt_datetimefield_value(now), ours])
        return cursor.fetchone() is not None


def reserve(channel: ChannelSettings, wanted: int, now: datetime) -> int:
    """How many of `wanted` messages may be sent now. They are counted as sent; give back the rest with `refund`."""
    state = getattr(channel, "flow", None)
    if not channel.max_per_second and (state is None or state.breaker == Breaker.CLOSED) and not _paused(state, now):
        return wanted
    with _locked(channel) as state:
        return _grant(state, channel.max_per_second, wanted, now)


def refund(channel: ChannelSettings, unused: int) -> None:
    """Give back what was reserved and not sent."""
    if unused and channel.max_per_second:
        with _locked(channel) as state:
            state.tokens = min(state.tokens + unused, channel.max_per_second)


def seconds_to_room(channel: ChannelSettings, now: datetime) -> float | None:
    """How long until a worthwhile part of the bucket is full; None when it is not for its rate that nothing may go."""
    state = getattr(channel, "flow", None)
    if state is None or not channel.max_per_second or state.tokens >= 1:
        return None
    if state.breaker != Breaker.CLOSED or _paused(state, now):
        return None
    return max(1 / channel.max_per_second, WORTHWHILE)


@dataclass(frozen=True, slots=True)
class Calls:
    """What came of some calls, as far as the provider's health is concerned."""

    made: int
    failures: tuple[Failure, ...]

    @classmethod
    def of(cls, outcomes: Collection[object]) -> Calls:
        return cls(len(outcomes), tuple(outcome for outcome in outcomes if isinstance(outcome, TROUBLES)))


def note(channel: ChannelSettings, calls: Calls, now: datetime) -> bool:
    """Let the breaker know; may the batch go on? Nothing is written while all is well."""
    state = getattr(channel, "flow", None)
    is_well = state is None or (state.breaker == Breaker.CLOSED and not state.failures)
    if is_well and not calls.failures:
        return True
    with _locked(channel) as state:
        _take_note(state, calls, now)
    return state.breaker == Breaker.CLOSED and not _paused(state, now)


def close_circuit(channel: ChannelSettings) -> None:
    """A person has mended it (new credentials): send again."""
    with _locked(channel) as state:
        _reset(state)
        state.paused_until = None


@contextmanager
def _locked(channel: ChannelSettings) -> Iterator[ProviderState]:
    """The channel's state, ours alone until saved; made on first use."""
    with transaction.atomic():
        ProviderState.objects.get_or_create(channel=channel)
        state = ProviderState.objects.select_for_update().get(channel=channel)
        yield state
        state.save()
    channel.flow = state


# --- The rules ------------------------------------------------------------------------------------


def _paused(state: ProviderState | None, now: datetime) -> bool:
    return state is not None and state.paused_until is not None and state.paused_until > now


def _grant(state: ProviderState, rate: int, wanted: int, now: datetime) -> int:
    if state.breaker == Breaker.TRIPPED or _paused(state, now):
        return 0
    if state.breaker == Breaker.OPEN:
        if state.probe_at is not None and state.probe_at > now:
            return 0
        state.probe_at = now + PROBE_EVERY
        return min(wanted, 1)
    if not rate:
        return wanted
    # A bucket of one second's worth, filled as time goes by.
    passed = (now - state.filled_at).total_seconds() if state.filled_at else 1.0
    state.tokens = min(rate, state.tokens + max(passed, 0.0) * rate)
    # A worker whose clock is behind does not turn it back for the others: the same second would be filled in twice.
    state.filled_at = max(state.filled_at or now, now)
    granted = min(wanted, floor(state.tokens))
    state.tokens -= granted
    return granted


def _take_note(state: ProviderState, calls: Calls, now: datetime) -> None:
    """Open at half of ten or more calls in a minute failing, or three refusals of our credentials; close on success."""
    if state.window_started_at is None or now - state.window_started_at > WINDOW:
        state.window_started_at, state.calls, state.failures = now, 0, 0
    refused = sum(isinstance(failure, AccountRefused) for failure in calls.failures)
    limited = [failure for failure in calls.failures if isinstance(failure, RateLimited)]
    troubles = len(calls.failures) - len(limited)
    state.calls += calls.made
    state.failures += troubles
    state.refusals = state.refusals + refused if refused else 0
    if limited:
        state.paused_until = now + max(failure.retry_after or PAUSE for failure in limited)
    if calls.failures:
        last = calls.failures[-1]
        state.last_error = f"{last.reason}: {last.detail}"[:500]
    if state.refusals >= REFUSALS:
        state.breaker, state.probe_at = Breaker.TRIPPED, None
    elif state.breaker == Breaker.OPEN and calls.made and not troubles:
        _reset(state)
    elif state.calls >= FEWEST_CALLS and state.failures * 2 >= state.calls:
        state.breaker, state.probe_at = Breaker.OPEN, now + PROBE_EVERY


def _reset(state: ProviderState) -> None:
    state.breaker, state.probe_at, state.window_started_at = Breaker.CLOSED, None, None
    state.calls = state.failures = state.refusals = 0
