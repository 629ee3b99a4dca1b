"""Conversations that have served their time: what was said goes, that it was said, by whom and when, stays."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import QuerySet

from crm.events import log, types
from crm.models import Event, Ticket, TicketAttachment, TicketMessage
from crm.services import attachments

Gone = TicketMessage.Gone
AT_ONCE = 100  # turns: each may have files


def turns_over(before: datetime) -> QuerySet[TicketMessage]:
    """Turns from before then, of tickets that are solved: an open matter is not forgotten."""
    return TicketMessage.objects.filter(created_at__lt=before, gone="").exclude(ticket__status__in=Ticket.UNSOLVED)


@transaction.atomic
def forget_turns(before: datetime) -> int:
    """Forget a batch of them, with their files and what facts quote of them; return how many there were."""
    turns = list(turns_over(before).order_by("created_at")[:AT_ONCE])
    if not turns:
        return 0
    files = list(TicketAttachment.objects.filter(message__in=turns).exclude(file=""))
    transaction.on_commit(partial(attachments.remove_from_disk, [str(row.file.name) for row in files]))
    kept = TicketAttachment.objects.filter(pk__in=[row.pk for row in files])
    kept.update(file="", refusal=TicketAttachment.Refusal.AGED)
    quoted = {turn.body[:500]: "" for turn in turns if turn.body}
    keys = [f"ticket-message:{turn.public_id}" for turn in turns]
    log.replace_words(Event.objects.filter(source=types.OURS, dedupe_key__in=keys), quoted)
    TicketMessage.objects.filter(pk__in=[turn.pk for turn in turns]).update(body="", quoted="", gone=Gone.AGED)
    return len(turns)
