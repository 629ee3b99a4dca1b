"""Files on tickets: kept outside of what is served; of a customer's, what is not kept is named with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Count, Sum
from django.utils.translation import gettext

from crm.lib.uploads import LARGEST_TOGETHER, MOST, Judged, Refusal, Upload, clean_name, judge
from crm.models import TicketAttachment, TicketMessage


def faults_of(files: Sequence[Upload]) -> list[str]:
    """What is wrong with files that somebody of ours attaches, naming each: we can ask them for another."""
    return [
        gettext("“%(name)s”: %(fault)s.")
        % {"name": verdict.name, "fault": TicketAttachment.Refusal(verdict.refusal.value).label}
        for verdict in judge(files)
        if verdict.refusal
    ]


@transaction.atomic
def keep_files(message: TicketMessage, files: Sequence[Upload]) -> list[TicketAttachment]:
    """
    Keep the files of one letter with its turn on the ticket; see crm.lib.uploads for what is refused.

    Whatever cannot be kept is named on the ticket, and never stands in the way of the letter.

    Raises:
        OSError: the disk does not take them; none is left behind then.
    """
    rows: list[TicketAttachment] = []
    try:
        for index, judged in enumerate(judge(files)):
            row = TicketAttachment(
                message=message, position=index, name=judged.name, content_type=judged.content_type,
                size=len(files[index].content), refusal=judged.refusal or "",
            )  # fmt: skip
            rows.append(row)
            if judged.refusal is None:
                row.file.save(row.public_id.hex, ContentFile(judged.content), save=False)
        return TicketAttachment.objects.bulk_create(rows)
    except BaseException:
        take_off_the_disk(rows)
        raise


def take_off_the_disk(rows: Iterable[TicketAttachment]) -> None:
    """Take away the files of rows that are not, or no longer, in the database."""
    for row in rows:
        if row.file:
            with suppress(OSError):
                row.file.delete(save=False)


def remove_from_disk(places: Iterable[str]) -> None:
    """Take away files by their names in the storage, once nothing refers to them."""
    for place in places:
        with suppress(OSError):
            default_storage.delete(place)


def await_files(message: TicketMessage, names: Sequence[str]) -> list[TicketAttachment]:
    """Name files of a turn that somebody else still has; `keep_awaited` or `give_up` ends the waiting of each."""
    first = message.attachments.count()
    rows = [
        TicketAttachment(message=message, position=first + index, name=clean_name(name) or "?", size=0)
        for index, name in enumerate(names)
    ]
    return TicketAttachment.objects.bulk_create(rows)


@transaction.atomic
def keep_awaited(attachment: TicketAttachment, content: bytes) -> None:
    """
    Keep a file that was waited for, judged like any other of its turn; whoever comes second changes nothing.

    Raises:
        OSError: the disk does not take it.
    """
    row = _still_awaited(attachment)
    if row is None:
        return
    judged = _judged_beside_others(row, Upload(row.name, content))
    row.name, row.content_type, row.size = judged.name, judged.content_type, len(content)
    row.refusal = judged.refusal or ""
    if judged.refusal is None:
        row.file.save(row.public_id.hex, ContentFile(judged.content), save=False)
    try:
        row.save()
    except BaseException:
        with suppress(OSError):
            row.file.delete(save=False)
        raise


@transaction.atomic
def give_up(attachment: TicketAttachment) -> None:
    """Say on the ticket that a file that was waited for will not come."""
    row = _still_awaited(attachment)
    if row:
        row.refusal = TicketAttachment.Refusal.LOST
        row.save(update_fields=["refusal"])


def _still_awaited(attachment: TicketAttachment) -> TicketAttachment | None:
    return TicketAttachment.objects.select_for_update().filter(pk=attachment.pk, file="", refusal="").first()


def _judged_beside_others(row: TicketAttachment, upload: Upload) -> Judged:
    """The verdict on a file, with what its turn already has."""
    (judged,) = judge([upload])
    kept = row.message.attachments.exclude(file="").aggregate(files=Count("pk"), size=Sum("size", default=0))
    if judged.refusal is None and kept["files"] >= MOST:
        return Judged(judged.name, judged.content_type, b"", Refusal.TOO_MANY)
    if judged.refusal is None and kept["size"] + len(upload.content) > LARGEST_TOGETHER:
        return Judged(judged.name, judged.content_type, b"", Refusal.TOO_MUCH)
    return judged
