"""Write down how the calls to a provider ended: one transaction for many."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from crm.events import log
from crm.events.types import EventDraft
from crm.lib import bulk
from messaging.channels.base import (
    Accepted,
    NeverSent,
    Outcome,
    PermanentFailure,
    RateLimited,
    ReceiptIn,
    TemporaryFailure,
)
from messaging.channels.reasons import Reason
from messaging.models import Attempt, Message
from messaging.outbox import announce, claims, receipts
from messaging.outbox.addresses import suppress_refused
from messaging.outbox.flow import PAUSE

State = Message.State

MAX_ATTEMPTS = 8
FIRST_DELAY = timedelta(seconds=30)
LONGEST_DELAY = timedelta(hours=1)

_FIELDS = (
    "state", "reason", "detail", "due_at", "attempts", "provider_reference", "wire_at", "cleared_at", "sent_at",
    "unknown_at", "ended_at",
)  # fmt: skip
FENCED = "fenced"


@dataclass(frozen=True, slots=True)
class Call:
    """One call that ended, and how long it took."""

    message: Message
    outcome: Outcome
    milliseconds: int


def back_off(message: Message) -> timedelta:
    """How long to wait after so many attempts: 30 s, doubling up to an hour, give or take half of it."""
    if not message.attempts:
        return timedelta(0)
    delay = min(FIRST_DELAY * (1 << message.attempts - 1), LONGEST_DELAY)
    jitter = 0.5 + zlib.crc32(f"{message.key}:{message.attempts}".encode()) / 2**32
    return delay * jitter


def write_results(calls: Sequence[Call], token: str, *, provider: str, now: datetime) -> Counter[str]:
    """
    Store the outcomes of `calls`, their attempts and facts, fenced by the lease `token`.

    A worker that lost its lease changes no message; its attempts say "fenced". Receipts that came with an answer, or
    before it, are applied afterwards.

    Returns:
        How many messages are now in each state.
    """
    counts, early = _write(calls, token, now)
    told: list[ReceiptIn] = [
        receipt for call in calls if isinstance(call.outcome, Accepted) for receipt in call.outcome.receipts
    ]
    moved = receipts.take_receipts(told, now=now)
    counts.subtract({State.SENT: moved.total()})
    counts.update(moved)
    receipts.match_early(early, provider=provider, now=now)
    return counts


@transaction.atomic
def _write(calls: Sequence[Call], token: str, now: datetime) -> tuple[Counter[str], list[Message]]:
    ours = dict(
        Message.objects.filter(pk__in=[call.message.pk for call in calls], lease_token=token)
        .order_by("pk")
        .select_for_update(no_key=True)
        .values_list("pk", "state")
    )
    counts: Counter[str] = Counter()
    settled, overtaken = [], []
    for call in calls:
        state = ours.get(call.message.pk)
        if state == State.SENDING:
            _apply(call, now)
            settled.append(call)
        elif state is not None:
            # A receipt was quicker than the answer: the state it set stands, the reference is news.
            _apply(call, now)
            call.message.state = state
            overtaken.append(call)
        counts[call.message.state if state else FENCED] += 1
    claims.write([_row(call, token, _FIELDS) for call in settled], fields=_FIELDS)
    late = ("provider_reference", "sent_at")
    claims.write([_row(call, token, late) for call in overtaken], fields=late)
    _complete_attempts(calls, token, fenced={call.message.pk for call in calls} - ours.keys())
    suppress_refused(
        [(call.message, call.outcome.reason) for call in settled if isinstance(call.outcome, PermanentFailure)],
        now=now,
    )
    log.record_many([draft for call in [*settled, *overtaken] for draft in _facts(call, now)], now=now)
    return counts, [call.message for call in [*settled, *overtaken] if call.message.provider_reference]


def _apply(call: Call, now: datetime) -> None:
    message, outcome = call.message, call.outcome
    if isinstance(outcome, Accepted):
        message.state, message.reason, message.detail = State.SENT, "", ""
        message.provider_reference, message.sent_at = outcome.reference[:200], now
        return
    message.reason, message.detail = outcome.reason, outcome.detail[:500]
    if isinstance(outcome, PermanentFailure):
        message.state, message.ended_at = State.FAILED, now
    elif isinstance(outcome, TemporaryFailure | RateLimited | NeverSent):
        _put_back(message, outcome, now)
    else:
        message.state, message.unknown_at = State.UNKNOWN, now


def _put_back(message: Message, failure: TemporaryFailure | RateLimited | NeverSent, now: datetime) -> None:
    """It is certain that nothing went out. Only a refusal of this very message costs an attempt."""
    message.wire_at = message.cleared_at = None
    if isinstance(failure, TemporaryFailure):
        if message.attempts >= MAX_ATTEMPTS:
            message.state, message.ended_at, message.reason = State.DEAD, now, Reason.TOO_MANY_ATTEMPTS
            return
        wait = failure.retry_after or back_off(message)
    else:
        wait = failure.retry_after or PAUSE
        message.attempts -= 1
    message.state, message.due_at = State.QUEUED, now + wait


def _facts(call: Call, now: datetime) -> list[EventDraft]:
    if isinstance(call.outcome, Accepted):
        return [announce.sent(call.message, now)]
    if call.message.state in (State.FAILED, State.DEAD):
        return [announce.failed(call.message, now)]
    return []


def _row(call: Call, token: str, fields: Sequence[str]) -> dict[str, object]:
    return {"id": call.message.pk, "lease_token": token, **{name: getattr(call.message, name) for name in fields}}


def _complete_attempts(calls: Sequence[Call], token: str, fenced: set[int]) -> None:
    rows = [
        {
            "message_id": call.message.pk,
            "token": token,
            "outcome": "accepted" if isinstance(call.outcome, Accepted) else call.outcome.reason,
            "detail": FENCED if call.message.pk in fenced else getattr(call.outcome, "detail", "")[:500],
            "milliseconds": call.milliseconds,
        }
        for call in calls
    ]
    bulk.update_rows(Attempt, rows, fields=["outcome", "detail", "milliseconds"], match=("message_id", "token"))
