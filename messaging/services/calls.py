"""
What providers tell at our doors: verified, kept as it came, then worked off.

A call is a row before anything is made of it, so whatever fails behind that is tried again (`work_off_calls`) and the
provider is told 200 all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from messaging.channels import registry, told
from messaging.channels.calls import Call, NoSuchDoor, Thanks, UnreadableCall
from messaging.inbound.receive import receive
from messaging.models import ChannelSettings, ProviderCall, RefusedCalls
from messaging.outbox.receipts import take_receipts

logger = logging.getLogger("waymark.doors")

# Before that the request itself is at work on it.
FIRST_RETRY = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)
# Nothing that anybody tells us today happened before.
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
# What our side may know of a caller without knowing a credential.
_KEPT_HEADERS = ("content-type", "content-encoding", "user-agent")


def take_call(channel: ChannelSettings, call: Call, *, now: datetime) -> Thanks:
    """
    Verify a call, keep it, and work off what it tells; return what the provider is to be answered.

    Raises:
        messaging.channels.calls.Refused: it is not taken, and nothing of it is kept.
    """
    config = channel.config
    try:
        provider = registry.provider(channel.provider, config)
    except registry.UnknownProvider as error:
        raise NoSuchDoor(str(error)) from error
    heard = provider.hear(call, now=now)
    if heard.unread:
        logger.warning("of a call to the doors of %s made no sense: %s", channel.channel, "; ".join(heard.unread)[:500])
        note_refusal(channel=channel.channel, code=UnreadableCall.code, count=len(heard.unread), now=now)
    row = ProviderCall.objects.create(
        channel=channel.channel,
        provider=channel.provider,
        what=call.what,
        method=call.method,
        query=told.plain({name: value for name, value in call.query.items() if value not in _secrets(config)}),
        headers=told.plain({name: call.headers[name] for name in _KEPT_HEADERS if name in call.headers}),
        body=call.body,
        told={
            "receipts": [told.to_json(replace(receipt, at=_at(receipt.at, now))) for receipt in heard.receipts],
            "inbound": [told.to_json(replace(inbound, at=_at(inbound.at, now))) for inbound in heard.inbound],
        },
        received_at=now,
        retry_at=now + FIRST_RETRY,
    )
    _work_off(row, now=now)
    return heard.thanks


def work_off_calls(*, now: datetime, limit: int) -> int:
    """Try again what could not be worked off when it came; return how many calls were tried. Any worker may do so."""
    ids = list(ProviderCall.objects.due(now).order_by("retry_at", "pk").values_list("pk", flat=True)[:limit])
    return sum(_try_again(pk, now) for pk in ids)


def note_refusal(*, channel: str, code: str, now: datetime, address: str = "", count: int = 1) -> None:
    """Count calls that were turned away, or parts of one that was not; nothing else of them is kept."""
    # Made first, so that two at once count as two.
    RefusedCalls.objects.get_or_create(channel=channel, code=code, defaults={"last_at": now})
    found = RefusedCalls.objects.filter(channel=channel, code=code)
    found.update(count=F("count") + count, last_at=now, last_from=address[:45])


# --- Working off ----------------------------------------------------------------------------------


@transaction.atomic
def _try_again(pk: int, now: datetime) -> bool:
    rows = ProviderCall.objects.due(now).filter(pk=pk)
    row = rows.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked).first()
    if row is None:
        return False  # another worker has it, or has done it
    _work_off(row, now=now)
    return True


def _work_off(row: ProviderCall, *, now: datetime) -> None:
    """Work off what the call told; what fails stays on the row, and does not hold up the rest."""
    faults: list[str] = []
    left: dict[str, Any] = {"receipts": [], "inbound": []}
    receipts = row.told.get("receipts", [])
    if receipts and (fault := _fault_in(partial(_take_receipts, receipts, now))):
        left["receipts"] = receipts
        faults.append(fault)
    for inbound in row.told.get("inbound", []):
        if fault := _fault_in(partial(_receive, inbound, row.channel, now)):
            left["inbound"].append(inbound)
            faults.append(fault)
    row.told = left if faults else {}
    row.fault = "; ".join(dict.fromkeys(faults))[:500]
    row.attempts += 1
    row.processed_at = None if faults else now
    row.retry_at = now + min(FIRST_RETRY * 2 ** min(row.attempts - 1, 10), LONGEST_WAIT)
    row.save(update_fields=["told", "fault", "attempts", "processed_at", "retry_at"])


def _fault_in(work: Callable[[], object]) -> str:
    """What went wrong in `work`, whose writes are then undone; "" when nothing did."""
    try:
        with transaction.atomic():
            work()
    except Exception as error:
        logger.exception("what a provider told could not be worked off")
        return f"{type(error).__name__}: {error}".replace("\0", "")
    return ""


def _take_receipts(rows: list[Mapping[str, Any]], now: datetime) -> None:
    take_receipts([told.read_receipt(row) for row in rows], now=now)


def _receive(row: Mapping[str, Any], channel: str, now: datetime) -> None:
    receive(told.read_inbound(row), channel=channel, now=now)


def _at(said: datetime, now: datetime) -> datetime:
    """When something happened: by the provider's clock, where that is one; never ahead of ours."""
    return min(said, now) if said >= _LONG_AGO else now


def _secrets(config: Mapping[str, Any]) -> set[str]:
    """Every text in a provider's settings: what of them comes back in an address is a credential."""
    found: set[str] = set()
    for value in config.values():
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, Mapping):
            found |= _secrets(value)
    return found
