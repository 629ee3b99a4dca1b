"""
Deliver what is due: claim with a lease, call, note what came of it.

At least once: a worker that dies between the call and its note leaves a row that is taken up again when the lease ends,
under the same webhook-id, by which the receiver knows that it had it before.
"""

from __future__ import annotations

import random
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache

from django.db import connection, transaction

from crm.hooks import sign
from crm.hooks.calls import BLOCKED, GONE, NO_ANSWER, Answer, Call, make_calls
from crm.hooks.secrets import shop_secret
from crm.lib import bulk
from crm.lib.vault import CannotUnseal
from crm.models import HookDelivery, WebhookEndpoint

BATCH = 50
LEASE = timedelta(seconds=60)  # several times the longest call
# No new batch is begun after so many seconds, so that one who does not answer keeps nobody's tick from ending.
BUDGET = 10
BACK_OFF = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 3600))
LONGEST_WAIT = timedelta(hours=1)
UNSEALED = "no_secret"
State = HookDelivery.State
_WRITTEN = ("state", "reason", "detail", "status", "due_at", "ended_at")


def deliver_due(*, now: datetime, limit: int) -> Counter[str]:
    """
    Make up to `limit` calls that are due, and return how many are now in each state.

    Several workers may do so at once; none makes another's call while its lease lasts.
    """
    counts: Counter[str] = Counter()
    deadline = time.monotonic() + BUDGET
    while counts.total() < limit and time.monotonic() < deadline:
        token = secrets.token_hex(16)
        claimed = _claim(token, now=now, limit=min(BATCH, limit - counts.total()))
        if not claimed:
            break
        answers = _call(claimed, now)
        counts += _note(claimed, answers, token, now=now)
    return counts


@transaction.atomic
def _claim(token: str, *, now: datetime, limit: int) -> list[HookDelivery]:
    """Take what is due, longest overdue first; also what was in the hands of a worker whose lease has ended."""
    due = HookDelivery.objects.owed().filter(due_at__lte=now).order_by("due_at", "pk")
    skip = connection.features.has_select_for_update_skip_locked
    ids = list(due.select_for_update(of=("self",), skip_locked=skip).values_list("pk", flat=True)[:limit])
    if not ids:
        return []
    mine = HookDelivery.objects.filter(pk__in=ids)
    mine.update(state=State.SENDING, lease_token=token, due_at=now + LEASE, tried_at=now)
    return list(mine.select_related("endpoint").order_by("pk"))


def _call(claimed: Sequence[HookDelivery], now: datetime) -> list[Answer]:
    """An answer for each, in order; no transaction is open meanwhile."""
    ready: dict[int, Call] = {}
    answers: dict[int, Answer] = {}
    own = cache(shop_secret)  # read once for the batch
    for delivery in claimed:
        try:
            secret = delivery.endpoint.secret if delivery.endpoint else own()
            ready[delivery.pk] = _signed(delivery, secret, now)
        except CannotUnseal as error:
            answers[delivery.pk] = Answer(UNSEALED, detail=str(error))
    answers |= dict(zip(ready, make_calls(list(ready.values())), strict=True))
    return [answers[delivery.pk] for delivery in claimed]


def _signed(delivery: HookDelivery, secret: str, now: datetime) -> Call:
    body = delivery.body.encode()
    headers = {"content-type": "application/json"}
    headers |= sign.headers(secret, webhook_id=delivery.webhook_id, at=now, body=body)
    return Call(delivery.endpoint.url if delivery.endpoint else delivery.url, headers, body)


@transaction.atomic
def _note(claimed: Sequence[HookDelivery], answers: Sequence[Answer], token: str, *, now: datetime) -> Counter[str]:
    """Write what came of the calls, where the lease is still ours."""
    for delivery, answer in zip(claimed, answers, strict=True):
        _apply(delivery, answer, now)
    # A call that a dead worker made costs no attempt: they are counted by their answers.
    rows = [
        {"id": it.pk, "lease_token": token, "attempts": it.attempts, **{name: getattr(it, name) for name in _WRITTEN}}
        for it in claimed
    ]
    bulk.update_rows(HookDelivery, rows, fields=("attempts", *_WRITTEN), match=("id", "lease_token"))
    _leave_alone([it for it, answer in zip(claimed, answers, strict=True) if answer.reason == NO_ANSWER])
    _give_up([it for it in claimed if it.state == State.FAILED and it.reason != BLOCKED], now)
    return Counter(str(delivery.state) for delivery in claimed)


def _apply(delivery: HookDelivery, answer: Answer, now: datetime) -> None:
    delivery.attempts += 1
    delivery.reason, delivery.detail, delivery.status = answer.reason, answer.detail[:500], answer.status
    if not answer.reason:
        delivery.state, delivery.ended_at = State.DELIVERED, now
    elif answer.reason in (BLOCKED, GONE) or now >= delivery.expires_at:
        delivery.state, delivery.ended_at = State.FAILED, now
    else:
        wait = answer.retry_after or _back_off(delivery.attempts)
        # The last try is made when the time is over, not before.
        delivery.state, delivery.due_at = State.QUEUED, min(now + min(wait, LONGEST_WAIT), delivery.expires_at)


def _back_off(attempts: int) -> timedelta:
    """Longer each time, and never for all at the same moment."""
    return BACK_OFF[min(attempts, len(BACK_OFF)) - 1] * random.uniform(0.8, 1.2)


def _leave_alone(silent: Sequence[HookDelivery]) -> None:
    """Whatever else is in line for somebody who does not answer waits as well, so that nobody waits behind it."""
    until = {it.endpoint_id: it.due_at for it in silent if it.endpoint_id and it.state == State.QUEUED}
    for endpoint, due_at in until.items():
        HookDelivery.objects.filter(endpoint=endpoint, state=State.QUEUED, due_at__lt=due_at).update(due_at=due_at)


def _give_up(failed: Sequence[HookDelivery], now: datetime) -> None:
    """Who has taken nothing for as long as a call is tried, or says that they are gone, is told of nothing more."""
    since = {it.endpoint_id: it for it in failed if it.endpoint_id}
    for endpoint, delivery in since.items():
        took = HookDelivery.objects.filter(endpoint=endpoint, state=State.DELIVERED, ended_at__gt=delivery.queued_at)
        if delivery.reason != GONE and took.exists():
            continue
        reason = f"{delivery.reason}: {delivery.status or delivery.detail}"[:200]
        rows = WebhookEndpoint.objects.filter(pk=endpoint, is_active=True)
        rows.update(is_active=False, disabled_at=now, disabled_reason=reason)
