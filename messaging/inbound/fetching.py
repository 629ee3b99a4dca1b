"""
Files that a provider keeps for us: pictures in LINE, MMS.

What is to be fetched is a row, written with the turn on the ticket that names the file. Calls are made outside of any
transaction; two workers never fetch one file at once, and if one should wake up late, the first that comes is kept.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction

from crm.lib import bell
from crm.lib.vault import CannotUnseal
from crm.models import TicketMessage
from crm.services import attachments
from messaging.channels import registry
from messaging.channels.base import Failure, Keeper, PermanentFailure, TemporaryFailure, Uncertain
from messaging.channels.calls import FileIn, FileThere
from messaging.models import ChannelSettings, FileToFetch

logger = logging.getLogger("waymark.doors")

BELL = "fetch_files"
TIMEOUT = timedelta(seconds=15)  # for a whole file
LEASE = timedelta(minutes=2)
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
GIVE_UP = timedelta(hours=24)  # providers delete what nobody fetches
BATCH = 4  # at once, since each may be as large as a file may be


def remember(
    turn: TicketMessage, files: Sequence[FileThere], *, channel: str, provider: str, now: datetime
) -> list[FileToFetch]:
    """Have the files fetched that `turn` waits for, one for each, in order."""
    if not files:
        return []
    awaited = turn.attachments.filter(file="", refusal="").order_by("position")
    rows = [
        FileToFetch(
            attachment=attachment, channel=channel, provider=provider, reference=file.reference, announced_at=now,
            due_at=now,
        )
        for attachment, file in zip(awaited, files, strict=True)
    ]  # fmt: skip
    bell.ring(BELL)
    return FileToFetch.objects.bulk_create(rows)


def fetch_due(*, now: datetime, limit: int = BATCH) -> int:
    """Fetch up to `limit` files that are due; return how many were tried. Any worker may do so."""
    rows = _claim(now, limit)
    asked = [(_keeper_of(row), row.reference) for row in rows]
    for row, found in zip(rows, asyncio.run(_fetch_all(asked, now)), strict=True):
        _settle(row, found, now)
    return len(rows)


@transaction.atomic
def _claim(now: datetime, limit: int) -> list[FileToFetch]:
    due = FileToFetch.objects.filter(due_at__lte=now).order_by("due_at", "pk")
    skip = connection.features.has_select_for_update_skip_locked
    rows = list(due.select_for_update(of=("self",), skip_locked=skip).select_related("attachment")[:limit])
    for row in rows:
        row.attempts += 1
        row.due_at = now + LEASE
    FileToFetch.objects.bulk_update(rows, ["attempts", "due_at"])
    return rows


def _settle(row: FileToFetch, found: FileIn | Failure, now: datetime) -> None:
    """Keep the file, or try again later, or say that it will not come."""
    if isinstance(found, FileIn):
        with transaction.atomic():
            attachments.keep_awaited(row.attachment, found.content)
            row.delete()
    elif isinstance(found, PermanentFailure) or now - row.announced_at >= GIVE_UP:
        logger.warning("a file of %s is given up: %s", row.provider, found.detail)
        with transaction.atomic():
            attachments.give_up(row.attachment)
            row.delete()
    else:
        wait = found.retry_after or FIRST_WAIT * 2 ** min(row.attempts - 1, 10)
        fault = found.detail.replace("\0", "")[:500]
        due_at = min(now + min(wait, LONGEST_WAIT), row.announced_at + GIVE_UP)
        # It may be gone: its sender took the message back.
        FileToFetch.objects.filter(pk=row.pk).update(fault=fault, due_at=due_at)


async def _fetch_all(asked: Sequence[tuple[Keeper | Failure, str]], now: datetime) -> list[FileIn | Failure]:
    return await asyncio.gather(*(_fetch(keeper, reference, now) for keeper, reference in asked))


async def _fetch(keeper: Keeper | Failure, reference: str, now: datetime) -> FileIn | Failure:
    if isinstance(keeper, Failure):
        return keeper
    try:
        async with asyncio.timeout(TIMEOUT.total_seconds()):
            return await keeper.fetch(reference, now=now)
    except Failure as failure:
        return failure
    except TimeoutError:
        return Uncertain(f"not there within {TIMEOUT.total_seconds():g} s")


def _keeper_of(row: FileToFetch) -> Keeper | Failure:
    """Who has the file; a failure when the channel goes by another provider since, or by none that can be asked."""
    channel = ChannelSettings.objects.filter(channel=row.channel, provider=row.provider).first()
    if channel is None:
        return PermanentFailure("the channel has another provider now")
    try:
        keeper = registry.provider(channel.provider, channel.config)
    except (registry.UnknownProvider, CannotUnseal) as error:
        return TemporaryFailure(str(error))
    return keeper if isinstance(keeper, Keeper) else PermanentFailure("the provider keeps no files")
