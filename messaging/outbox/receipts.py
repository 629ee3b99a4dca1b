"""
Providers' receipts become states and facts.

They may come twice, in any order, before the call that sent the message has returned, or for messages we do not know.
Every one is kept; a state only ever moves forward.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q

from crm.events import log
from crm.events.types import EventDraft
from crm.lib import bulk
from crm.lib.among import among
from messaging.channels.base import News, ReceiptIn
from messaging.channels.reasons import Reason
from messaging.models import Message, Receipt, ShortLink
from messaging.models.receipt import PATIENCE
from messaging.outbox import announce
from messaging.outbox.addresses import suppress_refused
from messaging.rendering import links
from messaging.rendering.shortening import MAX_URL

State = Message.State

# Forward means a higher number. Delivery is proof and beats whatever was thought before; what never went out on purpose
# is not moved by a receipt that can only be a mistake.
_RANK = {
    State.QUEUED: 0, State.SENDING: 0, State.UNKNOWN: 0, State.UNKNOWN_FINAL: 0, State.DEAD: 0,
    State.SENT: 1, State.FAILED: 2, State.DELIVERED: 3, State.WITHHELD: 4, State.CANCELLED: 4,
}  # fmt: skip
_STATES = {
    News.SENT: State.SENT,
    News.DELIVERED: State.DELIVERED,
    News.UNDELIVERED: State.FAILED,
    News.BLOCKED: State.FAILED,
    News.UNKNOWN_ADDRESS: State.FAILED,
    News.COMPLAINED: State.DELIVERED,
    News.UNSUBSCRIBED: State.DELIVERED,
}
_REASONS = {
    News.UNDELIVERED: Reason.UNDELIVERED,
    News.BLOCKED: Reason.BLOCKED,
    News.UNKNOWN_ADDRESS: Reason.UNKNOWN_ADDRESS,
    News.COMPLAINED: Reason.COMPLAINED,
    News.UNSUBSCRIBED: Reason.BLOCKED,
}
_FIELDS = (
    "state", "reason", "detail", "sent_at", "delivered_at", "ended_at", "unknown_at", "provider_reference",
)  # fmt: skip


@transaction.atomic
def take_receipts(receipts: Sequence[ReceiptIn], *, now: datetime) -> Counter[str]:
    """Keep the receipts and move their messages on, in a fixed number of queries; return how many moved where."""
    if not receipts:
        return Counter()
    by_key, by_reference = _messages(receipts)
    new = _keep([(_message_of(receipt, by_key, by_reference), receipt) for receipt in receipts], now)
    moved, facts = _move_on(new, now)
    _write(moved)
    log.record_many(facts, now=now)
    return Counter(message.state for message in moved)


def take_with_answers(
    answered: Sequence[tuple[Message, Sequence[ReceiptIn]]], *, provider: str, now: datetime
) -> list[EventDraft]:
    """
    Take the receipts that came along with a provider's answers, and those that had come before these told us the
    messages' references. For the sender, which holds the rows; returns what became of them as facts, for the caller to
    record.
    """
    new = _keep([(message, receipt) for message, found in answered for receipt in found], now)
    by_reference = {message.provider_reference: message for message, _ in answered}
    early = _early(provider, by_reference)
    for receipt in early:
        receipt.message = by_reference[receipt.reference]
    bulk.update_rows(Receipt, [{"id": row.pk, "message_id": row.message_id} for row in early], fields=["message_id"])
    moved, facts = _move_on([*new, *early], now)
    _write(moved)
    return facts


def match_early(*, now: datetime) -> Counter[str]:
    """
    Match receipts that came when their references were nobody's with messages that bear these by now; return how many
    moved where.

    The sender matches what was there when it learnt a reference. Some come while it writes that down, and some
    references are learnt otherwise, by asking.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LEARNT, [connection.ops.adapt_datetimefield_value(now - PATIENCE)])
        owners = dict(cursor.fetchall())
    return _match(owners, now) if owners else Counter()


@transaction.atomic
def _match(owners: Mapping[int, int], now: datetime) -> Counter[str]:
    """Give receipts to their messages, both by id."""
    messages = {message.pk: message for message in _locked(Q(pk__in=set(owners.values())))}
    # Looked at behind the lock: another worker may have matched them.
    found = list(Receipt.objects.filter(pk__in=owners, message=None))
    for receipt in found:
        receipt.message = messages[owners[receipt.pk]]
    bulk.update_rows(Receipt, [{"id": row.pk, "message_id": row.message_id} for row in found], fields=["message_id"])
    moved, facts = _move_on(found, now)
    _write(moved)
    log.record_many(facts, now=now)
    return Counter(message.state for message in moved)


def _write(moved: Sequence[Message]) -> None:
    rows = [{"id": message.pk, **{name: getattr(message, name) for name in _FIELDS}} for message in moved]
    bulk.update_rows(Message, rows, fields=_FIELDS)


# The newest: what providers report of messages that are not ours is never matched, and there may be much of it.
_LEARNT = """
SELECT r.id, m.id FROM (
    SELECT id, provider, reference FROM messaging_receipt
    WHERE message_id IS NULL AND reference <> '' AND received_at >= %s ORDER BY id DESC LIMIT 1000) r
JOIN messaging_message m ON m.provider_reference = r.reference AND m.provider = r.provider
WHERE m.provider_reference <> ''
"""
_EARLY = "SELECT id FROM messaging_receipt WHERE {} AND provider = %s AND message_id IS NULL"


def _early(provider: str, references: Collection[str]) -> list[Receipt]:
    """Receipts for these references that came when they were nobody's. There are hardly ever any."""
    named, values = among("reference", references)
    with connection.cursor() as cursor:
        cursor.execute(_EARLY.format(named), [values, provider])
        ids = [pk for (pk,) in cursor.fetchall()]
    return list(Receipt.objects.filter(pk__in=ids)) if ids else []


def _keep(told: Sequence[tuple[Message | None, ReceiptIn]], now: datetime) -> list[Receipt]:
    """Store what was told, each receipt once; return those that are new."""
    rows = [
        bulk.new_row(
            Receipt,
            provider=receipt.provider,
            event_id=receipt.event_id[:200],
            message=message,
            reference=receipt.reference[:200],
            news=receipt.news,
            detail=receipt.detail[:500],
            url=receipt.url[:MAX_URL],
            bot_because=receipt.bot_because[:40],
            raw=dict(receipt.raw),
            occurred_at=receipt.at,
            received_at=now,
        )
        for message, receipt in told
    ]
    return bulk.insert_new(Receipt, rows, unique=("provider", "event_id"))


def _messages(
    receipts: Sequence[ReceiptIn],
) -> tuple[dict[str, Message], dict[tuple[str, str], Message]]:
    """The messages they speak of, by our key and by the provider's reference; locked in one order."""
    keys = {receipt.key for receipt in receipts if _is_key(receipt.key)}
    references = {receipt.reference for receipt in receipts if receipt.reference and not _is_key(receipt.key)}
    wanted = Q(public_id__in=keys)
    if references:
        wanted |= Q(provider_reference__in=references)
    found = _locked(wanted)
    return (
        {message.key: message for message in found},
        {(message.provider, message.provider_reference): message for message in found if message.provider_reference},
    )


def _message_of(
    receipt: ReceiptIn, by_key: Mapping[str, Message], by_reference: Mapping[tuple[str, str], Message]
) -> Message | None:
    """Whose it is: a provider's word is good for the messages that it was given, and for no other."""
    message = by_key.get(receipt.key)
    if message and message.provider in ("", receipt.provider):
        return message
    return by_reference.get((receipt.provider, receipt.reference))


def _locked(wanted: Q) -> list[Message]:
    rows = Message.objects.filter(wanted).prefetch_related("topic", "template").order_by("pk")
    return list(rows.select_for_update(no_key=True))


def _is_key(text: str) -> bool:
    try:
        return bool(text) and uuid.UUID(hex=text).hex == text
    except ValueError:
        return False


def _move_on(receipts: Sequence[Receipt], now: datetime) -> tuple[list[Message], list[EventDraft]]:
    """Move each message, in memory, as far as its receipts say, in the order they happened; what moved, and facts."""
    moved: dict[int, Message] = {}
    facts: list[EventDraft] = []
    refused: list[tuple[Message, Reason]] = []
    for receipt in sorted(receipts, key=lambda row: (row.occurred_at, row.pk)):
        if receipt.message is None:
            continue
        news = News(receipt.news)
        if news in _REASONS:
            refused.append((receipt.message, _REASONS[news]))
        if news in _STATES and _move(receipt.message, receipt, _STATES[news]):
            moved[receipt.message.pk] = receipt.message
            facts += _facts(receipt.message, receipt)
    suppress_refused(refused, now=now)
    return list(moved.values()), [*facts, *_interest(receipts)]


def _interest(receipts: Sequence[Receipt]) -> list[EventDraft]:
    """
    What people did with letters, as their provider saw it; a first click is remembered on its message.

    Where a message has short links of ours, what these noted counts, and not the same click a second time. What
    machines did, and following the way out, says nothing.
    """
    told = [receipt for receipt in receipts if receipt.message and not receipt.bot_because]
    facts = [announce.opened(row.message, row.occurred_at) for row in told if row.news == News.OPENED and row.message]
    clicks = {
        row.message: row
        for row in sorted(told, key=lambda row: row.occurred_at, reverse=True)
        if row.news == News.CLICKED and row.message and not links.is_way_out(row.url)
    }
    if not clicks:
        return facts
    noted = set(ShortLink.objects.filter(message__in=clicks).values_list("message_id", flat=True))
    first = {message: row for message, row in clicks.items() if message.pk not in noted and message.clicked_at is None}
    rows = [{"id": message.pk, "clicked_at": row.occurred_at} for message, row in first.items()]
    bulk.update_rows(Message, rows, fields=["clicked_at"])
    return [*facts, *(announce.clicked(message, row.occurred_at, url=row.url) for message, row in first.items())]


def _move(message: Message, receipt: Receipt, state: str) -> bool:
    if _RANK[State(state)] <= _RANK[State(message.state)]:
        return False
    message.state, message.unknown_at = state, None
    message.sent_at = message.sent_at or receipt.occurred_at
    message.provider_reference = message.provider_reference or receipt.reference
    message.reason, message.detail = "", ""
    if state == State.DELIVERED:
        message.delivered_at = message.ended_at = receipt.occurred_at
    elif state == State.FAILED:
        message.reason, message.detail = _REASONS[News(receipt.news)], receipt.detail
        message.ended_at = receipt.occurred_at
    return True


def _facts(message: Message, receipt: Receipt) -> list[EventDraft]:
    if message.state == State.DELIVERED:
        return [announce.delivered(message, receipt.occurred_at)]
    return [announce.failed(message, receipt.occurred_at)] if message.state == State.FAILED else []
