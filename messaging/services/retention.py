"""
What is kept for a while only, and taken away when its time is over; how long is the shop's to say (MessagingSettings).

Everything happens in batches of a transaction each, found by an index or by a walk that remembers how far it came
(Sweep), so that a night's work holds nobody up and may be cut off anywhere.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from crm.events import log
from crm.events.types import OURS
from crm.lib import bulk
from crm.lib.among import Among
from crm.models import Event
from crm.services import aging
from messaging.models import (
    Attempt,
    Click,
    InboundMessage,
    Message,
    MessagingSettings,
    ProviderCall,
    Receipt,
    RefusedCalls,
    SandboxText,
    ShortLink,
    Sweep,
)
from messaging.models.message import TEXT_HASH

AT_ONCE = 1_000
# When its time is over, a link says so for a while; then it is as if it had never been.
LINKS_SAY_SO_FOR = timedelta(days=90)
# Letters are long, and are read to be hashed.
TEXTS_AT_ONCE = 100
# What never had words, or lost them otherwise.
_WORDLESS = (InboundMessage.Reading.FOLLOWED, InboundMessage.Reading.LEFT, InboundMessage.Reading.UNSENT)


@dataclass(frozen=True, slots=True)
class Duty:
    """
    One kind of rows with an end.

    Attributes:
        name: what a report calls it.
        setting: the field of MessagingSettings that says after how many days.
        over: the rows whose time was over at an instant, to be counted.
        forget: forgets up to AT_ONCE of them, in one transaction, and returns how many it looked at.
    """

    name: str
    setting: str
    over: Callable[[datetime], QuerySet[Any]]
    forget: Callable[[datetime], int]


def forget_some(*, now: datetime) -> Counter[str]:
    """Forget a batch of everything whose time is over by `now`; how many rows of each kind were looked at."""
    settings = MessagingSettings.current()
    return Counter({duty.name: duty.forget(_end(duty, settings, now)) for duty in DUTIES})


def count_over(*, now: datetime) -> dict[str, int]:
    """How many rows of each kind `forget_some`, again and again, would change or delete. Reads much."""
    settings = MessagingSettings.current()
    return {duty.name: duty.over(_end(duty, settings, now)).count() for duty in DUTIES}


def keep_for(**days: int) -> None:
    """Set after how many days what is forgotten: the fields of MessagingSettings that begin with `keep_`."""
    MessagingSettings.objects.filter(pk=MessagingSettings.current().pk).update(**days)


def is_forgotten(row: InboundMessage) -> bool:
    """Whether what `row` said was forgotten with age."""
    return row.pk <= _position(WRITTEN) and row.reading not in _WORDLESS


def _end(duty: Duty, settings: MessagingSettings, now: datetime) -> datetime:
    return now - timedelta(days=getattr(settings, duty.setting))


# --- Rows that go ---------------------------------------------------------------------------------


def _calls(before: datetime) -> QuerySet[ProviderCall]:
    """What is not worked off stays, however old."""
    return ProviderCall.objects.filter(processed_at__lt=before)


def _nobodys(before: datetime) -> QuerySet[Receipt]:
    return Receipt.objects.filter(message=None, received_at__lt=before)


def _refusals(before: datetime) -> QuerySet[RefusedCalls]:
    return RefusedCalls.objects.filter(last_at__lt=before)


def _attempts(before: datetime) -> QuerySet[Attempt]:
    return Attempt.objects.filter(started_at__lt=before)


def _deletion(over: Callable[[datetime], QuerySet[Any]], *order: str) -> Callable[[datetime], int]:
    """Deletes the first of them in the order of the index by which they are found."""

    def forget(before: datetime) -> int:
        rows = over(before)
        first = list(rows.order_by(*order).values_list("pk", flat=True)[:AT_ONCE])
        # By their keys alone there is nothing to sort; whatever changed meanwhile is not over any more.
        rows.filter(Among("pk", first)).delete()
        return len(first)

    return forget


# --- Rows that lose something ---------------------------------------------------------------------


def _networks(before: datetime) -> QuerySet[Click]:
    return Click.objects.filter(at__lt=before, ip__isnull=False)


def _forget_networks(before: datetime) -> int:
    first = list(_networks(before).order_by("at").values_list("pk", flat=True)[:AT_ONCE])
    return Click.objects.filter(Among("pk", first)).update(ip=None)


def _texts(before: datetime) -> QuerySet[Message]:
    """One that still waits to be sent keeps what it is to say."""
    rows = Message.objects.filter(pk__gt=_position(TEXTS), queued_at__lt=before)
    return rows.exclude(state__in=Message.PENDING)


def _forget_texts(before: datetime) -> int:
    """Of what a message said its SHA-256 stays, which proves that it said no other."""

    def forget(rows: Iterable[Message]) -> None:
        changed = [
            {
                "id": row.pk, "subject": "", "body": "", "html": "", "source_subject": "", "source_body": "",
                "context": {TEXT_HASH: _hash(row)} if row.body else {},
            }
            for row in rows
            if row.state not in Message.PENDING
        ]  # fmt: skip
        fields = ("subject", "body", "html", "source_subject", "source_body", "context")
        bulk.update_rows(Message, changed, fields=fields)

    rows = Message.objects.only("pk", "queued_at", "state", "subject", "body", "html")
    return _sweep(TEXTS, rows, lambda row: row.queued_at < before, forget, TEXTS_AT_ONCE)


def _raw(before: datetime) -> QuerySet[Receipt]:
    return Receipt.objects.filter(pk__gt=_position(RAW), received_at__lt=before)


def _forget_raw(before: datetime) -> int:
    def forget(rows: Iterable[Receipt]) -> None:
        Receipt.objects.filter(Among("pk", [row.pk for row in rows if row.raw])).update(raw={})

    rows = Receipt.objects.only("pk", "received_at", "raw")
    return _sweep(RAW, rows, lambda row: row.received_at < before, forget)


def _sandbox(before: datetime) -> QuerySet[SandboxText]:
    return SandboxText.objects.filter(pk__gt=_position(SANDBOX), at__lt=before)


def _forget_sandbox(before: datetime) -> int:
    def forget(rows: Iterable[SandboxText]) -> None:
        SandboxText.objects.filter(Among("pk", [row.pk for row in rows])).delete()

    return _sweep(SANDBOX, SandboxText.objects.only("pk", "at"), lambda row: row.at < before, forget)


def _written(before: datetime) -> QuerySet[InboundMessage]:
    return InboundMessage.objects.filter(pk__gt=_position(WRITTEN), received_at__lt=before)


def _forget_written(before: datetime) -> int:
    """What people wrote to us, as it came; on the ticket it goes with the ticket's conversation."""

    def forget(rows: list[InboundMessage]) -> None:
        said = {text[:300]: "" for row in rows for text in (row.body, row.subject) if text}
        keys = [f"inbound:{row.provider}:{row.provider_id}"[:200] for row in rows]
        log.replace_words(Event.objects.filter(source=OURS, dedupe_key__in=keys), said)
        words = {"from_name": "", "subject": "", "body": "", "references": [], "reply_token": ""}
        InboundMessage.objects.filter(Among("pk", [row.pk for row in rows])).update(**words)

    rows = InboundMessage.objects.only("pk", "received_at", "provider", "provider_id", "subject", "body")
    return _sweep(WRITTEN, rows, lambda row: row.received_at < before, forget, TEXTS_AT_ONCE)


def _links(before: datetime) -> QuerySet[ShortLink]:
    rows = ShortLink.objects.filter(pk__gt=_position(LINKS), created_at__lt=before - LINKS_SAY_SO_FOR)
    return rows.filter(is_way_out=False)


def _forget_links(before: datetime) -> int:
    """With who followed them; that somebody did stays on the message. Ways out stay."""

    def forget(rows: Iterable[ShortLink]) -> None:
        ShortLink.objects.filter(Among("pk", [row.pk for row in rows if not row.is_way_out])).delete()

    rows = ShortLink.objects.only("pk", "created_at", "is_way_out")
    return _sweep(LINKS, rows, lambda row: row.created_at < before - LINKS_SAY_SO_FOR, forget)


LINKS = "links"
TEXTS, RAW, SANDBOX, WRITTEN = "texts", "receipts", "sandbox", "inbound"


def _position(name: str) -> int:
    return Sweep.objects.filter(name=name).values_list("position", flat=True).first() or 0


@transaction.atomic
def _sweep(
    name: str,
    table: QuerySet[Any],
    is_over: Callable[[Any], bool],
    forget: Callable[[list[Any]], None],
    at_once: int = AT_ONCE,
) -> int:
    """
    Go on through a table, whose rows were written about in the order of their keys, up to the first that is not over.
    """
    Sweep.objects.get_or_create(name=name)
    sweep = Sweep.objects.select_for_update().get(name=name)
    rows = table.filter(pk__gt=sweep.position).order_by("pk")[:at_once]
    taken = list(takewhile(is_over, rows))
    if taken:
        forget(taken)
        sweep.position = taken[-1].pk
        sweep.save(update_fields=["position"])
    return len(taken)


def _hash(message: Message) -> str:
    text = "\0".join((message.subject, message.body, message.html))
    return hashlib.sha256(text.encode()).hexdigest()


DUTIES = (
    Duty("calls of providers", "keep_calls_days", _calls, _deletion(_calls, "processed_at")),
    Duty("receipts of nobody's", "keep_calls_days", _nobodys, _deletion(_nobodys, "provider", "reference")),
    Duty("refusals", "keep_calls_days", _refusals, _deletion(_refusals, "pk")),
    Duty("receipts as received", "keep_calls_days", _raw, _forget_raw),
    Duty("attempts", "keep_attempts_days", _attempts, _deletion(_attempts, "started_at")),
    Duty("texts of messages", "keep_texts_days", _texts, _forget_texts),
    Duty("texts written to us", "keep_texts_days", _written, _forget_written),
    Duty("turns of solved tickets", "keep_texts_days", aging.turns_over, aging.forget_turns),
    Duty("texts on the sandbox phone", "keep_texts_days", _sandbox, _forget_sandbox),
    Duty("short links", "keep_links_days", _links, _forget_links),
    Duty("networks of clicks", "keep_networks_days", _networks, _forget_networks),
)
