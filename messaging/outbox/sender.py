"""Send what is due."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Min

from crm.lib import lifeline
from crm.lib.vault import CannotUnseal
from messaging.channels import registry
from messaging.channels.base import Provider
from messaging.models import ChannelSettings, Message
from messaging.outbox import claims, flow, restores
from messaging.outbox.clock import Clock
from messaging.outbox.delivery import Delivery
from messaging.outbox.facts import Rules
from messaging.outbox.restores import Fence

logger = logging.getLogger("waymark.outbox")

# No new batch is begun after so long, so that a slow provider does not keep the tick from ending.
BUDGET = timedelta(seconds=10)
# Service messages first; None are the suspects, one at a time.
_LANES = (Message.Lane.SERVICE, Message.Lane.MARKETING, None)


def send_due(*, now: datetime, limit: int, runs_on: bool = False) -> Counter[str]:
    """
    Send up to `limit` messages that are due, the open channels taking turns, and return how many are now in each state.

    "held" are those that wait for a reason, such as quiet hours. Several workers may call this at once.

    Args:
        runs_on: `now` is the clock on the wall, as outbox.clock has it.
    """
    clock = Clock(now, runs_on=runs_on)
    counts: Counter[str] = Counter()
    fence = restores.look(now=now)
    if fence is None:
        return counts  # the database was restored: a person decides
    open_ = flow.open_channels(due_by=now)
    channels = list(open_)
    rules: Rules | None = None
    proven: set[str] = set()
    while channels and counts.total() < limit and clock.passed < BUDGET and not lifeline.is_cut():
        share = max((limit - counts.total()) // len(channels), 1)
        for channel in list(channels):
            provider = _provider(channel)
            claim = provider and _claim(channel, provider, share, fence, clock.now())
            if not provider or not claim:
                channels.remove(channel)
                continue
            rules = rules or Rules.current()
            delivery = Delivery(channel, provider, claim, rules, clock=clock, is_proven=channel.channel in proven)
            counts += delivery.run()
            if delivery.is_proven:
                proven.add(channel.channel)
        if not channels and counts:
            channels = _with_room_soon(open_, clock)
    return counts


def next_due_at() -> datetime | None:
    """When the next message that may go out is due; None when nothing waits on an open channel."""
    names = [channel.channel for channel in flow.open_channels()]
    waiting = Message.objects.in_line().filter(channel__in=names)
    found: datetime | None = waiting.aggregate(at=Min("due_at"))["at"]
    return found


def _claim(
    channel: ChannelSettings, provider: Provider, share: int, fence: Fence, now: datetime
) -> claims.Claim | None:
    """A batch of the channel as large as its provider will take now; None when there is nothing to do."""
    granted = flow.reserve(channel, min(share, provider.traits.batch), now)
    if not granted:
        return None
    for lane in _LANES:
        claim = claims.claim(
            channel=channel.channel,
            lane=lane,
            provider=channel.provider,
            now=now,
            limit=1 if lane is None else granted,
            fence=fence,
        )
        if claim.messages:
            flow.refund(channel, granted - len(claim.messages))
            return claim
    flow.refund(channel, granted)
    return None


def _with_room_soon(channels: Sequence[ChannelSettings], clock: Clock) -> list[ChannelSettings]:
    """
    Those of which nothing more may go for the sake of their rate alone, once it lets the next go.

    Whoever has sent something stays for the rest; another worker that finds no room goes on to other work.
    """
    found = [(seconds, channel) for channel in channels if (seconds := flow.seconds_to_room(channel, clock.now()))]
    if not found or not clock.wait(min(seconds for seconds, _ in found)):
        return []
    return [channel for _, channel in found]


def _provider(channel: ChannelSettings) -> Provider | None:
    """The channel's provider; None, and an error in the log, when its settings are of no use. Its messages wait."""
    try:
        return registry.provider(channel.provider, channel.config)
    except (registry.UnknownProvider, CannotUnseal) as error:
        logger.error("channel %s cannot send: %s", channel.channel, error)  # noqa: TRY400 - the message says it all
        return None
