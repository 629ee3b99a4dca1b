"""Write down how the calls to a provider ended: one transaction for many."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
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

# What an accepted message changes; and what any other outcome does.
_ACCEPTED = ("state", "reason", "detail", "cleared_at", "provider_reference", "sent_at")
_OTHERWISE = (
    "state", "reason", "detail", "decision", "due_at", "attempts", "wire_at", "cleared_at", "unknown_at", "ended_at",
)  # fmt: skip
_OVERTAKEN = ("provider_reference", "sent_at")
FENCED = "fenced"


@dataclass(frozen=True, slots=True)
class Call:
    """One call that ended, and how long it took; whether there was one before it whose answer was lost."""

    message: Message
    outcome: Outcome
    milliseconds: int
    is_repeat: bool = False


def back_off(message: Message) -> timedelta:
    """How long to wait after so many attempts: 30 s, doubling up to an hour, give or take half of it."""
    if not message.attempts:
        return timedelta(0)
    delay = min(FIRST_DELAY * (1 << message.attempts - 1), LONGEST_DELAY)
    jitter = 0.5 + zlib.crc32(f"{message.key}:{message.attempts}".encode()) / 2**32
    return delay * jitter


@transaction.atomic(savepoint=False)
def write_results(calls: Sequence[Call], token: str, *, provider: str, now: datetime) -> Counter[str]:
    """
    Store the outcomes of `calls`, their attempts, receipts and facts, fenced by the lease `token`.

    A worker that lost its lease changes no message; its attempts say "fenced". Receipts that came with an answer, or
    before it, are applied as any others.

    Returns:
        How many messages are now in each state.
    """
    for call in calls:
        _apply(call, now)
    written = _write(calls, token)
    settled = [call for call in calls if call.message.pk in written]
    facts = [draft for call in settled for draft in _facts(call, now)]
    facts += receipts.take_with_answers(_answered(settled), provider=provider, now=now)
    # Of the others, a receipt was quicker than the answer: the state it set stands, the reference is news. Or the lease
    # was lost.
    late = [call for call in calls if call.message.pk not in written]
    ours = claims.held((call.message.pk for call in late), token) if late else {}
    facts += _write_overtaken([call for call in late if call.message.pk in ours], ours, token, now)
    fenced = {call.message.pk for call in late} - ours.keys()
    _complete_attempts(calls, token, fenced)
    suppress_refused(
        [(call.message, call.outcome.reason) for call in settled if isinstance(call.outcome, PermanentFailure)],
        now=now,
    )
    log.record_many(facts, now=now)
    return Counter(FENCED if call.message.pk in fenced else call.message.state for call in calls)


def _write(calls: Sequence[Call], token: str) -> set[int]:
    """Write the messages whose lease is ours and that nothing has moved meanwhile; return their ids."""
    accepted = [call.message for call in calls if isinstance(call.outcome, Accepted)]
    others = [call.message for call in calls if not isinstance(call.outcome, Accepted)]
    if accepted and others:
        # One statement locks its rows in order; two would not.
        claims.held((call.message.pk for call in calls), token)
    written = claims.finish(_rows(accepted, token, _ACCEPTED), fields=_ACCEPTED)
    return written | claims.finish(_rows(others, token, _OTHERWISE), fields=_OTHERWISE)


def _answered(calls: Sequence[Call]) -> list[tuple[Message, Sequence[ReceiptIn]]]:
    return [(call.message, call.outcome.receipts) for call in calls if isinstance(call.outcome, Accepted)]


def _write_overtaken(calls: Sequence[Call], ours: Mapping[int, str], token: str, now: datetime) -> list[EventDraft]:
    facts: list[EventDraft] = []
    for call in calls:
        if isinstance(call.outcome, Accepted):
            facts.append(announce.sent(call.message, now))
        call.message.state = ours[call.message.pk]
    answered = _answered(calls)
    claims.write(_rows([message for message, _ in answered], token, _OVERTAKEN), fields=_OVERTAKEN)
    receipts.take_receipts([receipt for _, found in answered for receipt in found], now=now)
    return facts


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
        _put_back(message, outcome, now, is_repeat=call.is_repeat)
    else:
        message.state, message.unknown_at = State.UNKNOWN, now


def _put_back(
    message: Message, failure: TemporaryFailure | RateLimited | NeverSent, now: datetime, *, is_repeat: bool
) -> None:
    """
    It is certain that nothing went out by this call; what an earlier one did is as unclear as it was. Only a refusal of
    this very message costs an attempt.
    """
    message.cleared_at = None
    if not is_repeat:
        message.wire_at = None
    if isinstance(failure, TemporaryFailure):
        if message.attempts >= MAX_ATTEMPTS:
            message.state, message.ended_at = State.UNKNOWN_FINAL if is_repeat else State.DEAD, now
            message.reason = Reason.TOO_MANY_ATTEMPTS
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


def _rows(messages: Sequence[Message], token: str, fields: Sequence[str]) -> list[dict[str, object]]:
    return [
        {"id": message.pk, "lease_token": token, **{name: getattr(message, name) for name in fields}}
        for message in messages
    ]


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
