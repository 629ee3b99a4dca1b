"""Turns of tickets whose words are to be forgotten: the customer took them back."""

from __future__ import annotations

from functools import partial

from django.db import transaction
from django.utils.translation import gettext as _

from crm.events import log
from crm.models import Event, Ticket, TicketMessage
from crm.services import attachments
from crm.services.tickets import subject_of

Gone = TicketMessage.Gone


@transaction.atomic
def take_back(turn: TicketMessage) -> None:
    """
    Forget the words and files of a turn, and every copy of them on the ticket and on the log; again changes nothing.

    A ticket that bears its first words as its name gets another.
    """
    turn = TicketMessage.objects.select_for_update(of=("self",)).select_related("ticket").get(pk=turn.pk)
    if turn.gone:
        return
    files = list(turn.attachments.all())
    words = {turn.body[:500]: "", turn.body[:300]: ""}
    named = subject_of("", turn.body, [file.name for file in files])
    turn.body, turn.quoted, turn.gone = "", "", Gone.TAKEN_BACK
    turn.facts_deferred = True
    turn.save(update_fields=["body", "quoted", "gone"])
    turn.attachments.all().delete()
    transaction.on_commit(partial(attachments.take_off_the_disk, files))
    if turn.ticket.subject == named:
        words[named] = _("Message taken back")
        _rename(turn.ticket, words[named])
    about_it = Event.objects.filter(customer=turn.ticket.customer_id, object_type="ticket", object_id=turn.ticket_id)
    log.replace_words(about_it, {said: instead for said, instead in words.items() if said})


def _rename(ticket: Ticket, name: str) -> None:
    """In its history, too."""
    Ticket.history.filter(id=ticket.pk, subject=ticket.subject).update(subject=name)
    Ticket.objects.filter(pk=ticket.pk).update(subject=name)
