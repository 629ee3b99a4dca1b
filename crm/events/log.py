"""Write facts and hand them to the receivers of `events_recorded`. The only writer of Event."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import QuerySet

from crm.events.signals import events_recorded
from crm.events.types import EventDraft
from crm.lib import bulk, configuration
from crm.models import Customer, Event, FailedReaction

logger = logging.getLogger("waymark.events")

_gathered: ContextVar[list[Event] | None] = ContextVar("gathered", default=None)

RETRY_DELAYS = (timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(days=1))


def record_many(drafts: Iterable[EventDraft], *, now: datetime) -> list[Event]:
    """
    Store facts once and let the other apps react to them, in this transaction.

    Args:
        drafts: in the order they are to be seen. A (source, dedupe_key) the log already has is the same fact.
        now: when we learnt of them.

    Returns:
        The events that are new; nothing reacts to the others.
    """
    rows = [
        bulk.new_row(
            Event,
            customer_id=draft.customer_id,
            name=draft.name,
            occurred_at=draft.occurred_at,
            received_at=now,
            source=draft.source,
            dedupe_key=draft.dedupe_key,
            properties=dict(draft.properties),
            object_type=draft.object_type,
            object_id=draft.object_id,
        )
        for draft in drafts
    ]
    return _store(rows, now) if rows else []


@transaction.atomic(savepoint=False)
def _store(rows: Sequence[Event], now: datetime) -> list[Event]:
    events = bulk.insert_new(Event, rows, unique=("source", "dedupe_key"))
    if events:
        _note_signs_of_life(events)
        waiting = _gathered.get()
        if waiting is None:
            dispatch(events, now=now)
        else:
            waiting += events
    return events


@contextmanager
def gathered(*, now: datetime) -> Iterator[None]:
    """
    One transaction whose facts are reacted to once, together, at its end: for work that records in many small calls.

    What a savepoint inside took back is reacted to by nobody; when the block raises, nothing has happened.
    """
    if _gathered.get() is not None:
        yield
        return
    with transaction.atomic():
        token = _gathered.set([])
        try:
            yield
            events = _gathered.get() or []
        finally:
            _gathered.reset(token)
        standing = set(Event.objects.filter(pk__in=[event.pk for event in events]).values_list("pk", flat=True))
        events = [event for event in events if event.pk in standing]
        if events:
            dispatch(events, now=now)


def record(draft: EventDraft, *, now: datetime) -> Event | None:
    """Store one fact; None when the log already has it."""
    return next(iter(record_many([draft], now=now)), None)


def replace_words(events: QuerySet[Event], words: Mapping[str, str]) -> None:
    """
    Put other words in place of `words`, wherever one of them is all that a property of `events` says: what somebody
    took back is not to live on in facts. Nobody is told; everything else of a fact stays for ever.
    """
    for event in events:
        properties = {name: words.get(value, value) if isinstance(value, str) else value
                      for name, value in event.properties.items()}  # fmt: skip
        if properties != event.properties:
            Event.objects.filter(pk=event.pk).update(properties=properties)


def dispatch(events: Sequence[Event], *, now: datetime) -> None:
    """
    Hand `events` to every receiver, each in its own savepoint.

    A receiver that raises on the batch is tried event by event, so that one poison event holds nobody else; what still
    raises becomes a FailedReaction. The facts stand whatever happens.
    """
    with configuration.for_batch():
        for uid in list(events_recorded.receivers):
            error = _react(uid, events, now)
            if not error:
                continue
            for event in events:
                if len(events) > 1:
                    error = _react(uid, [event], now)
                if error:
                    _set_aside(uid, event, error, now)


def retry_reactions(*, now: datetime, limit: int) -> int:
    """Try up to `limit` failed reactions again, oldest first; return how many now succeeded."""
    succeeded = 0
    with transaction.atomic():
        due = FailedReaction.objects.due(now).select_related("event").order_by("retry_at", "pk")
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True, of=("self",))
        for failed in due[:limit]:
            # A receiver that is no longer there owes nothing.
            known = failed.receiver in events_recorded.receivers
            error = _react(failed.receiver, [failed.event], now) if known else ""
            if error:
                failed.error = error[:2000]
                failed.retry_at = now + RETRY_DELAYS[min(failed.attempts, len(RETRY_DELAYS) - 1)]
            else:
                failed.resolved_at = now
                succeeded += 1
            failed.attempts += 1
            failed.save(update_fields=["attempts", "error", "retry_at", "resolved_at"])
    return succeeded


def _react(uid: str, events: Sequence[Event], now: datetime) -> str:
    """Call one receiver in its own savepoint, if it cares; return "" or the error it raised."""
    try:
        heard = events_recorded.heard_by(uid, events)
        if heard:
            with transaction.atomic():
                events_recorded.receivers[uid](sender=Event, events=heard, now=now)
    except Exception as error:
        logger.exception("receiver %s failed on %s events, first %s", uid, len(events), events[0].pk)
        return f"{type(error).__name__}: {error}"
    return ""


def _set_aside(uid: str, event: Event, error: str, now: datetime) -> None:
    failed = FailedReaction(
        event_id=event.pk, receiver=uid, error=error[:2000], failed_at=now, retry_at=now + RETRY_DELAYS[0]
    )
    bulk.insert_new(FailedReaction, [failed], unique=("event_id", "receiver"))


def _note_signs_of_life(events: Sequence[Event]) -> None:
    """Move `Customer.last_seen_at` forward, never back, for what customers did themselves."""
    latest: dict[int, datetime] = {}
    for event in events:
        if event.shows_life:
            latest[event.customer_id] = max(event.occurred_at, latest.get(event.customer_id, event.occurred_at))
    rows = [{"id": pk, "last_seen_at": at} for pk, at in sorted(latest.items())]
    bulk.update_rows(Customer, rows, fields=["last_seen_at"], forward="last_seen_at")
