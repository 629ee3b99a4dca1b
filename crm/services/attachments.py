"""Files that came with what a customer wrote: kept outside of what is served, or named with the reason they are not."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from django.core.files.base import ContentFile
from django.db import transaction

from crm.lib.uploads import Upload, judge
from crm.models import TicketAttachment, TicketMessage


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
        for row in rows:
            if row.file:
                with suppress(OSError):
                    row.file.delete(save=False)
        raise
