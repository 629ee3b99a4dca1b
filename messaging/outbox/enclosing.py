"""Files that go along with a reply: they hang on its turn of the ticket, before any provider is called."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from crm.models import Channel, TicketAttachment, TicketMessage
from messaging.channels.base import FileOut
from messaging.channels.enclosures import shown
from messaging.models import Message
from messaging.rendering.file_links import file_url

# What the address of a file that is not kept yet is measured by.
_SAMPLE = (UUID(int=0), datetime(2026, 1, 1, tzinfo=UTC))
Files = tuple[FileOut, ...]


def files_of(turn: TicketMessage) -> Files:
    """What is kept of the files of a turn, as it goes along; no query when its attachments are loaded."""
    return _out(turn.channel, turn.created_at, [row for row in turn.attachments.all() if row.file])


def cause_of(turn: TicketMessage, files: Files) -> Mapping[str, Any]:
    """What a message's cause says of its files: how many, and on which turn. Nothing when there are none."""
    return {"turn": turn.pk, "files": len(files)} if files else {}


def with_addresses(channel: str, body: str, files: Files) -> str:
    """The text with the address of each file that does not go along by itself, as it is sent and kept."""
    left = [file for file in files if not file.is_shown]
    if channel == Channel.EMAIL or not left:
        return body
    # Every letter of an SMS costs; and a file's name may make a text of it that costs twice.
    lines = [file.url if channel == Channel.SMS else f"{file.name}: {file.url}" for file in left]
    return "\n".join([body.rstrip(), *lines])


def enclosed_in(messages: Collection[Message]) -> dict[int, Files]:
    """
    The files that go along with each of `messages`, by primary key; one query, none for a batch without files.

    They are the same on every try, their addresses too.
    """
    turns = {message.cause["turn"]: message for message in messages if message.cause.get("files")}
    if not turns:
        return {}
    rows: dict[int, list[TicketAttachment]] = {turn: [] for turn in turns}
    kept = TicketAttachment.objects.filter(message__in=turns).exclude(file="").select_related("message")
    for row in kept.order_by("message", "position"):
        rows[row.message_id].append(row)
    return {turns[turn].pk: _out(turns[turn].channel, of[0].message.created_at, of) for turn, of in rows.items() if of}


def attachments_of(message: Message) -> list[TicketAttachment]:
    """The rows of the files that go along with `message`; at most one query."""
    turn = message.cause.get("turn") if message.cause.get("files") else None
    if turn is None:
        return []
    return list(TicketAttachment.objects.filter(message=turn).exclude(file="").order_by("position"))


def samples(channel: str, files: Sequence[tuple[str, str, int]]) -> Files:
    """Files that are not kept yet, by name, type and size, with an address as long as theirs will be."""
    url = file_url(_SAMPLE[0], at=_SAMPLE[1])
    return _with_shown(channel, (FileOut(name, kind, size, "", url) for name, kind, size in files))


def _out(channel: str, at: datetime, rows: Sequence[TicketAttachment]) -> Files:
    return _with_shown(
        channel,
        (
            FileOut(row.name, row.content_type, row.size, str(row.file.name), file_url(row.public_id, at=at))
            for row in rows
        ),
    )


def _with_shown(channel: str, files: Iterable[FileOut]) -> Files:
    found = list(files)
    as_pictures = shown(channel, [(file.content_type, file.size) for file in found])
    return tuple(replace(file, is_shown=is_shown) for file, is_shown in zip(found, as_pictures, strict=True))
