"""The list of recipients, and their messages on the ledger: batch by batch, each person once, whatever is killed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from crm.lib import bulk
from crm.lib.among import among
from messaging.broadcasts import audience, pace
from messaging.broadcasts.audience import Place
from messaging.models import Broadcast, BroadcastRecipient, BroadcastVariant
from messaging.outbox import restores
from messaging.outbox.queue import MessageRequest, queue_messages
from messaging.outbox.restores import Lost

BATCH = 1_000
# One of so many customers at most.
FEW = 10

State = BroadcastRecipient.State


def enlist(broadcast: Broadcast, places: Sequence[Place], *, with_messages: bool, now: datetime) -> None:
    """
    Write people down on the list, in the caller's transaction, which has locked `broadcast`: to wait for their turn,
    or `with_messages` those whose turn has come with their message.
    """
    due = [place for place in places if place.due_at <= now and _number(broadcast, place.variant)]
    if not with_messages or not due or not _enlist_with_messages(broadcast, due, now):
        due = []
    done = {place.customer_id for place in due}
    waiting = [
        bulk.new_row(
            BroadcastRecipient, broadcast_id=broadcast.pk, customer_id=place.customer_id, variant=place.variant,
            due_at=place.due_at,
        )
        for place in places
        if place.customer_id not in done
    ]  # fmt: skip
    new = bulk.insert_new(BroadcastRecipient, waiting, unique=("customer_id", "broadcast_id"))
    broadcast.people += len(due) + len(new)


def goes_at_once(broadcast: Broadcast) -> bool:
    """
    Whether messages are queued while the audience is looked through, rather than after: not with a limit a minute, nor
    where it has to stop before anybody is written to once it turns out too large. Who is added later waits, too.
    """
    return not broadcast.per_minute and broadcast.most_people is None and broadcast.gathered_at is None


def needs_a_start(broadcast: Broadcast, *, now: datetime, limit: int) -> bool:
    """
    Whether people are to be looked for while there is no room for their messages: where they are few among many
    customers, finding them takes longer than sending to them. No further ahead than a batch.
    """
    are_few = broadcast.people * FEW < max(broadcast.looked_at, 1)
    return are_few and len(_next_turns(broadcast, now, limit)) < limit


# The database has all there is to write down already.
_ENLIST = """
INSERT INTO messaging_broadcastrecipient (broadcast_id, customer_id, variant, due_at, state, message_id)
SELECT %s, customer_id, CAST(cause ->> 'variant' AS integer), planned_at, 'queued', id
FROM messaging_message WHERE {} ON CONFLICT DO NOTHING
"""


def _enlist_with_messages(broadcast: Broadcast, places: Sequence[Place], now: datetime) -> bool:
    """
    False, and nothing is written, when somebody is on the list already, since two records became one meanwhile: they
    may not get a second message.
    """
    requests = _requests(
        broadcast, [(place.customer_id, _number(broadcast, place.variant), place.due_at, now) for place in places]
    )
    with transaction.atomic():
        messages = queue_messages(requests, now=now)
        are_these, ids = among("id", [message.pk for message in messages])
        with connection.cursor() as cursor:
            cursor.execute(_ENLIST.format(are_these), [broadcast.pk, ids])
            are_new = bool(cursor.rowcount == len(places))
        transaction.set_rollback(not are_new)
    return are_new


@dataclass(frozen=True, slots=True)
class _Turn:
    pk: int
    customer_id: int
    variant: int
    due_at: datetime


def queue_batch(broadcast: Broadcast, *, now: datetime, limit: int = BATCH) -> int:
    """
    Queue messages for the next people on the list whose turn has come, in the caller's transaction, which has locked
    `broadcast`; return how many rows of the list were worked off. A fixed number of queries.

    Who has left the audience meanwhile, or is nobody any more, gets none. With a limit a minute, messages are spread
    evenly behind `next_slot_at`, and never more than a minute's worth of them waits on the ledger.

    Raises:
        crm.rules.InvalidRule: the rule of a live audience cannot be read any more.
    """
    turns = _next_turns(broadcast, now, pace.room(broadcast, limit))
    if not turns:
        return 0
    staying = _staying(broadcast, turns, now)
    meant = [turn for turn in turns if turn.customer_id in staying]
    slots = pace.slots(broadcast, len(meant), now)
    messages = queue_messages(
        _requests(
            broadcast,
            [(turn.customer_id, turn.variant, turn.due_at, at) for turn, at in zip(meant, slots, strict=True)],
        ),
        now=now,
    )
    rows: list[dict[str, Any]] = [
        {"id": turn.pk, "state": State.QUEUED, "message_id": message.pk, "variant": turn.variant}
        for turn, message in zip(meant, messages, strict=True)
    ]
    rows += [
        {"id": turn.pk, "state": State.LEFT, "message_id": None, "variant": turn.variant}
        for turn in turns
        if turn.customer_id not in staying
    ]
    bulk.update_rows(BroadcastRecipient, rows, fields=("state", "message_id", "variant"))
    return len(turns)


def key_of(broadcast: Broadcast) -> str:
    """With what the dedupe keys of its messages begin; the customer's number follows, so each gets one."""
    return f"broadcast:{broadcast.public_id}"


def _number(broadcast: Broadcast, variant: int | None) -> int:
    """The number of the text for whoever has drawn `variant`; 0 while it is not known."""
    return variant or broadcast.winner or 0


def _next_turns(broadcast: Broadcast, now: datetime, limit: int) -> list[_Turn]:
    rows = broadcast.recipients.filter(state=State.WAITING, due_at__lte=now)
    if broadcast.winner is None:
        rows = rows.filter(variant__isnull=False)
    found = rows.order_by("due_at", "pk").values_list("pk", "customer_id", "variant", "due_at")[:limit]
    return [_Turn(pk, customer, _number(broadcast, variant), due_at) for pk, customer, variant, due_at in found]


def _staying(broadcast: Broadcast, turns: Sequence[_Turn], now: datetime) -> set[int]:
    """Those who are still in a live audience; of a frozen one everybody, since who is erased is left to the policy."""
    ids = [turn.customer_id for turn in turns]
    if not broadcast.is_live:
        return set(ids)
    return set(audience.people(broadcast, now=now, among=ids).values_list("pk", flat=True))


def _requests(broadcast: Broadcast, meant: Iterable[tuple[int, int, datetime, datetime]]) -> list[MessageRequest]:
    """For (customer, number of the text, when their turn came, when it may go out)."""
    wordings = {text.number: wording(broadcast, text) for text in broadcast.variants.all()}
    lost = restores.lost()
    return [
        replace(wordings[number](customer_id, at), meant_at=_in_lost_time(broadcast, due_at, lost))
        if lost
        else wordings[number](customer_id, at)
        for customer_id, number, due_at, at in meant
    ]


def _in_lost_time(broadcast: Broadcast, due_at: datetime, among: Iterable[Lost]) -> datetime | None:
    """
    A moment that the database has lost in which somebody whose turn came at `due_at` may have been written to: they
    waited on the list then, or the whole broadcast begins for the second time.
    """
    for lost in among:
        begins_anew = (
            broadcast.starts_at is not None
            and broadcast.started_at is not None
            and broadcast.starts_at <= lost.until < broadcast.started_at
        )
        if due_at <= lost.until or begins_anew:
            return max(lost.since, min(due_at, lost.until))
    return None


def wording(broadcast: Broadcast, text: BroadcastVariant) -> Callable[[int, datetime], MessageRequest]:
    """What is to be said with `text` to a customer whose turn is at a moment; what all have in common is made once."""
    key, valid_for = key_of(broadcast), timedelta(hours=broadcast.expires_after)
    public_id, topic = str(broadcast.public_id), broadcast.topic.slug
    cause = {"kind": "broadcast", "broadcast": public_id, "name": broadcast.name, "variant": text.number}

    def request_for(customer_id: int, at: datetime) -> MessageRequest:
        return MessageRequest(
            customer_id=customer_id,
            channel=broadcast.channel,
            fallback=broadcast.fallback,
            topic=topic,
            template=text.template,
            subject=text.subject,
            body=text.body,
            dedupe_key=f"{key}:{customer_id}",
            cause=cause,
            not_before=at,
            expires_at=at + valid_for,
        )

    return request_for
