"""Domain signals of crm. Few on purpose: apps above react to these and to nothing else."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from django.dispatch import Signal

if TYPE_CHECKING:
    from crm.models import Event

Reaction = Callable[..., Any]
Names = Callable[[], Collection[str]]


class FactSignal:
    """
    Like a Django signal, with two differences that the log needs: receivers are named, and the sender calls them
    one by one (crm.events.log.dispatch), so that each has its own savepoint and its own retries.

    Connect with Django's decorator: `@receiver(events_recorded, dispatch_uid="journeys.advance")`. With
    `only=function`, which returns names of events, the receiver is called for these alone.
    """

    def __init__(self) -> None:
        self.receivers: dict[str, Reaction] = {}
        self._only: dict[str, Names] = {}

    def connect(self, receiver: Reaction, *, dispatch_uid: str, only: Names | None = None) -> None:
        """Add `receiver`; the same uid again replaces it, as a reloaded module would."""
        self.disconnect(dispatch_uid=dispatch_uid)
        self.receivers[dispatch_uid] = receiver
        if only:
            self._only[dispatch_uid] = only

    def disconnect(self, *, dispatch_uid: str) -> None:
        self.receivers.pop(dispatch_uid, None)
        self._only.pop(dispatch_uid, None)

    def heard_by(self, dispatch_uid: str, events: Sequence[Event]) -> list[Event]:
        """Those of `events` that the receiver cares for."""
        only = self._only.get(dispatch_uid)
        if only is None:
            return list(events)
        names = only()
        return [event for event in events if event.name in names]


# Sent by crm.events.log for every batch of new facts, in their transaction. kwargs: events (list of Event, new ones
# only, in the order given), now (aware datetime). Receivers touch only the database and are idempotent; one that
# raises is tried again event by event, then through FailedReaction rows.
events_recorded = FactSignal()

# Sent by crm.services.merges after every relation of crm has moved. kwargs: survivor, loser (Customer), now.
customers_merged = Signal()
