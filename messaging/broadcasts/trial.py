"""A trial: some get a variant by lot, and the rest the best of them. The winner is found once."""

from __future__ import annotations

from datetime import datetime, timedelta

from messaging.models import Broadcast, BroadcastRecipient
from messaging.selectors import broadcasts as results

WinnerBy = Broadcast.WinnerBy


def go_on(broadcast: Broadcast, *, now: datetime) -> int:
    """
    Note that everybody of the trial has had their turn, and find the winner when its time has come; 1 when something
    changed. The caller has locked `broadcast`, so that two workers find one winner.
    """
    if not broadcast.awaits_winner or broadcast.gathered_at is None:
        return 0
    if broadcast.tested_at is None:
        if _of_the_trial(broadcast):
            return 0
        broadcast.tested_at = max(broadcast.next_slot_at or now, now)
        return 1
    at = decided_at(broadcast)
    if at is None or now < at:
        return 0
    standing = results.compare(results.tallies(broadcast), broadcast.winner_by)
    # Without any difference one is as good as the other.
    broadcast.winner, broadcast.winner_decided_at = standing.leader or 1, now
    return 1


def decided_at(broadcast: Broadcast) -> datetime | None:
    """When the winner is found; None before everybody of the trial had their turn, and where a person decides."""
    if broadcast.tested_at is None or broadcast.winner_by == WinnerBy.PERSON:
        return None
    return broadcast.tested_at + timedelta(hours=broadcast.winner_after)


def _of_the_trial(broadcast: Broadcast) -> bool:
    waiting = broadcast.recipients.filter(state=BroadcastRecipient.State.WAITING, variant__isnull=False)
    return waiting.exists()
