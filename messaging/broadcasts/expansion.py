"""From the list of recipients to messages on the ledger: batch by batch, each person once, whatever is killed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crm.lib import bulk
from messaging.broadcasts import audience
from messaging.models import Broadcast, BroadcastRecipient, BroadcastVariant, Message
from messaging.outbox.queue import MessageRequest, queue_messages

BATCH = 1_000
MINUTE = timedelta(minutes=1)

State = BroadcastRecipient.State


@dataclass(frozen=True, slots=True)
class _Turn:
    pk: int
    customer_id: int
    variant: int


def queue_batch(broadcast: Broadcast, *, now: datetime, limit: int = BATCH) -> int:
    """
    Queue messages for the next people whose turn has come, in the caller's transaction, which has locked `broadcast`;
    return how many rows of the list were worked off. A fixed number of queries.

    Who has left the audience meanwhile, or is nobody any more, gets none. With a limit a minute, messages are spread
    evenly behind `next_slot_at`, and never more than a minute's worth of them waits on the ledger.

    Raises:
        crm.rules.InvalidRule: the rule of a live audience cannot be read any more.
    """
    turns = _next_turns(broadcast, now, _room(broadcast, limit))
    if not turns:
        return 0
    staying = _staying(broadcast, turns, now)
    meant = [turn for turn in turns if turn.customer_id in staying]
    texts = {variant.number: variant for variant in broadcast.variants.all()}
    slots = _slots(broadcast, len(meant), now)
    messages = queue_messages(
        [
            request_for(broadcast, texts[turn.variant], turn.customer_id, at)
            for turn, at in zip(meant, slots, strict=True)
        ],
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


def key_of(broadcast: Broadcast, customer_id: int) -> str:
    """The dedupe key of the one message that a customer gets of a broadcast."""
    return f"broadcast:{broadcast.public_id}:{customer_id}"


def _room(broadcast: Broadcast, limit: int) -> int:
    """How many messages may be queued now."""
    if not broadcast.per_minute:
        return limit
    waiting = Message.objects.queued().filter(recipient__broadcast=broadcast)[: broadcast.per_minute].count()
    return max(min(limit, broadcast.per_minute - waiting), 0)


def _next_turns(broadcast: Broadcast, now: datetime, limit: int) -> list[_Turn]:
    rows = broadcast.recipients.filter(state=State.WAITING, due_at__lte=now)
    if broadcast.winner is None:
        rows = rows.filter(variant__isnull=False)
    found = rows.order_by("due_at", "pk").values_list("pk", "customer_id", "variant")[:limit]
    return [_Turn(pk, customer, variant or broadcast.winner or 1) for pk, customer, variant in found]


def _staying(broadcast: Broadcast, turns: Sequence[_Turn], now: datetime) -> set[int]:
    """Those who are still in a live audience; of a frozen one everybody, since who is erased is left to the policy."""
    ids = [turn.customer_id for turn in turns]
    if not broadcast.is_live:
        return set(ids)
    return set(audience.people(broadcast, now=now, among=ids).values_list("pk", flat=True))


def _slots(broadcast: Broadcast, number: int, now: datetime) -> list[datetime]:
    """When each message may go out; the next batch follows on."""
    if not broadcast.per_minute:
        return [now] * number
    apart = MINUTE / broadcast.per_minute
    first = max(broadcast.next_slot_at or now, now)
    broadcast.next_slot_at = first + number * apart
    return [first + place * apart for place in range(number)]


def request_for(broadcast: Broadcast, text: BroadcastVariant, customer_id: int, at: datetime) -> MessageRequest:
    """What is to be said to one person, whose turn is at `at`."""
    return MessageRequest(
        customer_id=customer_id,
        channel=broadcast.channel,
        fallback=broadcast.fallback,
        topic=broadcast.topic.slug,
        template=text.template,
        subject=text.subject,
        body=text.body,
        dedupe_key=key_of(broadcast, customer_id),
        cause={
            "kind": "broadcast",
            "broadcast": str(broadcast.public_id),
            "name": broadcast.name,
            "variant": text.number,
        },
        not_before=at,
        expires_at=at + timedelta(hours=broadcast.expires_after),
    )
