"""
Clear up after workers that died and answers that were lost. Never a blind second send, and never silence.

A lease that ran out: what had not reached the wire goes back in line, what had is unclear. What is unclear is settled
by what its provider can do: it dedupes by our key (send again), it can be asked (look it up), or neither (wait for a
receipt, then leave it to a person).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from crm.events import log
from crm.lib import bulk
from crm.lib.vault import CannotUnseal
from crm.models import User
from messaging.channels import registry
from messaging.channels.base import Provider, Repeat
from messaging.channels.reasons import Reason
from messaging.models import ChannelSettings, Message
from messaging.outbox import announce, receipts
from messaging.outbox.claims import LEASE
from messaging.outbox.holding import NEVER
from messaging.outbox.results import MAX_ATTEMPTS, back_off

logger = logging.getLogger("waymark.outbox")
State = Message.State

AT_ONCE = 500
# In the hands of this many workers when they died: it is likely to be the cause.
POISON_AFTER = 5
# How long a lost answer may be made good by a receipt when the provider can do neither.
PATIENCE = timedelta(minutes=15)

_FIELDS = (
    "state", "reason", "detail", "due_at", "attempts", "crashes", "wire_at", "cleared_at", "unknown_at", "ended_at",
    "sent_at", "provider_reference", "lease_token", "lease_until", "expires_at",
)  # fmt: skip


class NotUnclear(ValueError):
    """Only a message whose fate is unclear can be decided on."""


def reconcile(*, now: datetime) -> Counter[str]:
    """Settle what can be settled by `now`; return how many messages moved to each state. Any worker may call it."""
    counts: Counter[str] = Counter()
    if _ended(now).exists():
        counts = _end_leases(now)
    unclear = list(Message.objects.filter(state=State.UNKNOWN).order_by().values_list("channel", "provider").distinct())
    if unclear:
        accounts = {(account.channel, account.provider): account for account in ChannelSettings.objects.all()}
        for key in unclear:
            counts += _settle(*key, _provider(accounts.get(key)), now)
    return counts + receipts.match_early(now=now)


@transaction.atomic
def resolve_unclear(message: Message, *, verdict: str, actor: User, now: datetime) -> Message:
    """
    A person decides what became of a message: "sent" (treat it as sent) or "again" (send it again, on their word).

    Raises:
        NotUnclear: it is no longer unclear, or `verdict` is neither.
    """
    row = Message.objects.select_for_update(of=("self",)).select_related("topic", "template").get(pk=message.pk)
    if row.state not in (State.UNKNOWN, State.UNKNOWN_FINAL) or verdict not in ("sent", "again"):
        raise NotUnclear("its fate is known by now")
    row.detail = f"{verdict}: {actor}"[:500]
    if verdict == "sent":
        row.state, row.sent_at, row.reason = State.SENT, row.sent_at or row.wire_at or now, ""
        log.record_many([announce.sent(row, now)], now=now)
    else:
        if row.reason == Reason.EXPIRED:
            row.expires_at = None
        row.state, row.due_at, row.reason = State.QUEUED, now, ""
        row.wire_at = row.cleared_at = row.ended_at = None
        row.attempts = row.crashes = 0
    row.unknown_at = None
    row.save(update_fields=[*_FIELDS])
    return row


# --- Leases ---------------------------------------------------------------------------------------


def _ended(now: datetime) -> QuerySet[Message]:
    return Message.objects.filter(state=State.SENDING, lease_until__lt=now)


@transaction.atomic
def _end_leases(now: datetime) -> Counter[str]:
    rows = _free(_ended(now).order_by("lease_until"))
    for message in rows:
        message.crashes += 1
        message.attempts = max(message.attempts - 1, 0)
        message.lease_token, message.lease_until = "", None
        if message.wire_at:
            message.state, message.reason, message.unknown_at = State.UNKNOWN, Reason.NO_ANSWER, now
        elif message.crashes >= POISON_AFTER:
            message.state, message.reason, message.ended_at = State.DEAD, Reason.POISON, now
        else:
            message.state, message.due_at, message.cleared_at = State.QUEUED, now, None
    _write(rows)
    dead = [message for message in rows if message.state == State.DEAD]
    log.record_many([announce.failed(message, now) for message in dead], now=now)
    return Counter(message.state for message in rows)


# --- Unclear --------------------------------------------------------------------------------------


def _settle(channel: str, name: str, provider: Provider | None, now: datetime) -> Counter[str]:
    """Settle what is unclear with one provider; without its settings nothing can be done but to wait for receipts."""
    repeat = provider.traits.repeat if provider else Repeat.NEVER
    wait = PATIENCE
    if provider and repeat == Repeat.KEY:
        wait = timedelta(0)
    elif provider and repeat == Repeat.LOOKUP:
        # Not before a worker that was only slow has surely given up.
        wait = LEASE + provider.traits.timeout
    # After a restore there is nobody to wait for: whoever had it in hand is gone, with the database it was in.
    is_over = Q(unknown_at__lte=now - wait) | Q(reason=Reason.RESTORED)
    waited = Message.objects.filter(is_over, state=State.UNKNOWN, channel=channel, provider=name)
    keys = {message.pk: message.key for message in waited.order_by("unknown_at")[:AT_ONCE]}
    if not keys:
        return Counter()
    if provider and repeat == Repeat.KEY:
        life = provider.traits.key_life
        return _decide(list(keys), lambda message: _repeat(message, life, now), now)
    if provider and repeat == Repeat.LOOKUP:
        found = _look_up(provider, list(keys.values()))
        return Counter() if found is None else _decide(list(keys), lambda row: _looked_up(row, found, now), now)
    return _decide(list(keys), lambda message: _give_up(message, now), now)


@transaction.atomic
def _decide(ids: Sequence[int], change: Callable[[Message], None], now: datetime) -> Counter[str]:
    """Apply `change` to those that are still unclear."""
    rows = _free(Message.objects.filter(pk__in=ids, state=State.UNKNOWN).order_by("pk"))
    for message in rows:
        message.lease_token, message.lease_until = "", None
        change(message)
    _write(rows)
    log.record_many([announce.sent(message, now) for message in rows if message.state == State.SENT], now=now)
    return Counter(message.state for message in rows)


def _repeat(message: Message, key_life: timedelta, now: datetime) -> None:
    """Send it again under the same key, as long as the provider remembers the key and it makes sense."""
    forgotten_at = message.wire_at + key_life if message.wire_at else now
    if forgotten_at <= now or message.attempts >= MAX_ATTEMPTS or message.crashes >= POISON_AFTER:
        return _give_up(message, now)
    # Quiet hours, or a long line, may outlast the key; it is of no use then.
    message.expires_at = min(message.expires_at or forgotten_at, forgotten_at)
    return _put_in_line(message, now)


def _looked_up(message: Message, found: Mapping[str, str], now: datetime) -> None:
    reference = found.get(message.key)
    message.unknown_at = None
    if reference is not None:
        message.state, message.reason, message.detail = State.SENT, "", ""
        message.provider_reference, message.sent_at = reference[:200], message.wire_at
    elif message.crashes >= POISON_AFTER:
        message.state, message.reason, message.ended_at = State.DEAD, Reason.POISON, now
    else:
        message.wire_at = message.cleared_at = None
        _put_in_line(message, now)


def _put_in_line(message: Message, now: datetime) -> None:
    """Where it stood: behind those that are due, or held back until somebody lets it go."""
    message.state, message.unknown_at = State.QUEUED, None
    if message.planned_at >= NEVER:
        message.due_at, message.reason = NEVER, Reason.PAUSED
    else:
        message.due_at = now + back_off(message)
        message.reason = "" if message.reason == Reason.RESTORED else message.reason


def _give_up(message: Message, now: datetime) -> None:
    """Leave it to a person; it counts as sent for caps, and holds nobody up any longer."""
    message.state, message.ended_at = State.UNKNOWN_FINAL, now


def _look_up(provider: Provider, keys: Sequence[str]) -> Mapping[str, str] | None:
    """The references of what the provider has; None when it does not answer now."""
    try:
        return provider.look_up(keys)
    except Exception:
        logger.exception("a provider does not answer look-ups")
        return None


def _provider(account: ChannelSettings | None) -> Provider | None:
    if account is None:
        return None
    try:
        return registry.provider(account.provider, account.config)
    except (registry.UnknownProvider, CannotUnseal):
        return None  # doctor and the sender complain


def _free(rows: QuerySet[Message]) -> list[Message]:
    """Up to AT_ONCE of `rows` that nobody else has in hand, locked."""
    rows = rows.select_related("topic", "template")
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, of=("self",), no_key=True)
    return list(rows[:AT_ONCE])


def _write(rows: Sequence[Message]) -> None:
    values = [{"id": message.pk, **{name: getattr(message, name) for name in _FIELDS}} for message in rows]
    bulk.update_rows(Message, values, fields=_FIELDS)
