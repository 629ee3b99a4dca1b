"""Domain signals of crm. Few on purpose: apps above react to these and to nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.dispatch import Signal

Reaction = Callable[..., Any]


class FactSignal:
    """
    Like a Django signal, with two differences that the log needs: receivers are named, and the sender calls them
    one by one (crm.events.log.dispatch), so that each has its own savepoint and its own retries.

    Connect with Django's decorator: `@receiver(events_recorded, dispatch_uid="journeys.advance")`.
    """

    def __init__(self) -> None:
        self.receivers: dict[str, Reaction] = {}

    def connect(self, receiver: Reaction, *, dispatch_uid: str) -> None:
        """Add `receiver`; the same uid again replaces it, as a reloaded module would."""
        self.receivers[dispatch_uid] = receiver

    def disconnect(self, *, dispatch_uid: str) -> None:
        self.receivers.pop(dispatch_uid, None)


# Sent by crm.events.log for every batch of new facts, in their transaction. kwargs: events (list of Event, new ones
# only, in the order given), now (aware datetime). Receivers touch only the database and are idempotent; one that
# raises is tried again event by event, then through FailedReaction rows.
events_recorded = FactSignal()

# Sent by crm.services.merges after every relation of crm has moved. kwargs: survivor, loser (Customer), now.
customers_merged = Signal()
