"""Where a channel reaches somebody, and which addresses nothing may be sent to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from crm.lib import bulk
from crm.models import Channel
from messaging.channels.reasons import Reason
from messaging.models import Message, Suppression
from messaging.models.suppression import hash_address
from messaging.selectors.recipients import Addressee

Scope = Suppression.Scope
Cause = Suppression.Cause

# What a provider's refusal or receipt means for the address: nothing more at all, or no more adverts.
_CONSEQUENCES = {
    Reason.UNKNOWN_ADDRESS: (Scope.ALL, Cause.UNKNOWN_ADDRESS),
    Reason.BLOCKED: (Scope.MARKETING, Cause.BLOCKED),
    Reason.COMPLAINED: (Scope.MARKETING, Cause.COMPLAINED),
}


def address_of(customer: Addressee, channel: str) -> str:
    """Where `channel` reaches the customer; "" when it does not."""
    if channel == Channel.SMS:
        return str(customer.phone or "")
    return customer.email if channel == Channel.EMAIL else customer.line_id


def suppress(
    channel: str, address: str, *, scope: str, cause: str, now: datetime, detail: dict[str, Any] | None = None
) -> Suppression | None:
    """Send nothing of `scope` to this address any more; None when that stands already."""
    row = Suppression(
        channel=channel, address_hash=hash_address(channel, address), scope=scope, cause=cause, since=now,
        detail=detail or {},
    )  # fmt: skip
    return next(iter(bulk.insert_new(Suppression, [row], unique=("channel", "address_hash", "scope", "cause"))), None)


def lift(channel: str, address: str, *, causes: Collection[str], now: datetime) -> list[Suppression]:
    """End the standing suppressions of this address that have one of these causes; return them."""
    found = Suppression.objects.of(channel, [hash_address(channel, address)]).filter(cause__in=causes)
    lifted = list(found.select_for_update())
    Suppression.objects.filter(pk__in=[row.pk for row in lifted]).update(lifted_at=now)
    return lifted


def suppress_refused(refused: Sequence[tuple[Message, Reason]], *, now: datetime) -> None:
    """Learn from refusals: nothing more to an address that does not exist, no more adverts to one that blocks them."""
    rows = [
        Suppression(
            channel=message.channel, address_hash=message.address_hash, scope=_CONSEQUENCES[reason][0],
            cause=_CONSEQUENCES[reason][1], since=now,
        )
        for message, reason in refused
        if reason in _CONSEQUENCES and message.address_hash
    ]  # fmt: skip
    bulk.insert_new(Suppression, rows, unique=("channel", "address_hash", "scope", "cause"))
