"""Tickets: enquiries and after-sales help, and who is to answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from crm.events import log
from crm.events.types import EventDraft
from crm.extensions import Text
from crm.lib.uploads import Upload, clean_name, judge
from crm.models import Customer, Product, Purchase, Ticket, TicketMessage, User
from crm.reply_ways import Outgoing, faults_of_reply, why_no_files
from crm.services import attachments

Status = Ticket.Status
Author = TicketMessage.Author

# A customer who writes again this soon after a resolution is still on the same matter.
CONTINUES_FOR = timedelta(days=7)


class InvalidTicket(ValueError):
    """A value the ticket cannot hold; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@transaction.atomic
def open_ticket(
    *,
    customer: Customer,
    subject: str,
    now: datetime,
    kind: str = Ticket.Kind.ENQUIRY,
    body: str = "",
    channel: str = "",
    source: str = "staff",
    priority: str = Ticket.Priority.NORMAL,
    is_complaint: bool = False,
    purchase: Purchase | None = None,
    product: Product | None = None,
    assignee: User | None = None,
    opened_at: datetime | None = None,
) -> Ticket:
    """
    Open an enquiry or an after-sales ticket; `body` becomes the customer's first message.

    Raises:
        InvalidTicket: no subject, or an unknown kind or priority.
    """
    subject = " ".join(subject.split())[:200]
    if not subject:
        raise InvalidTicket("subject", "is empty")
    if kind not in Ticket.Kind.values:
        raise InvalidTicket("kind", f"must be one of {', '.join(Ticket.Kind.values)}")
    if priority not in Ticket.Priority.values:
        raise InvalidTicket("priority", f"must be one of {', '.join(Ticket.Priority.values)}")
    at = opened_at or now
    ticket = Ticket(
        customer=customer, kind=kind, subject=subject, channel=channel, source=source, priority=priority,
        is_complaint=is_complaint, purchase=purchase, product=product, assignee=assignee, opened_at=at,
        last_message_at=at,
    )  # fmt: skip
    _save(ticket, now)
    if body.strip():
        _add(ticket, Author.CUSTOMER, body, None, channel, at, now)
    return ticket


@transaction.atomic
def add_message(
    ticket: Ticket,
    *,
    author: str,
    body: str,
    now: datetime,
    staff: User | None = None,
    channel: str = "",
    files: Sequence[Upload] = (),
) -> TicketMessage:
    """
    Add a turn to the conversation.

    The customer's words open the ticket again, our reply leaves it waiting for them, a note changes nothing.

    Args:
        files: kept before anybody is told of the turn, so that a reply that is sent has them.

    Raises:
        InvalidTicket: no text, an unknown author, or files that cannot be kept or do not go that way.
        OSError: the disk does not take the files.
    """
    if not body.strip():
        raise InvalidTicket("body", "is empty")
    if author not in Author.values:
        raise InvalidTicket("author", f"must be one of {', '.join(Author.values)}")
    channel = channel or (channel_of_reply(ticket) if author == Author.STAFF else ticket.channel)
    if files:
        _check_files(author, channel, body, files)
    message = _add(ticket, author, body, staff, channel, now, now, files=files)
    if author == Author.CUSTOMER:
        _heard_from_customer(ticket, now)
    elif author == Author.STAFF:
        ticket.first_replied_at = ticket.first_replied_at or now
        ticket.last_message_at = now
        if ticket.is_unsolved:
            ticket.status = Status.PENDING
        _save(ticket, now)
    return message


@transaction.atomic
def receive_message(
    *,
    customer: Customer,
    channel: str,
    body: str,
    source: str,
    now: datetime,
    subject: str = "",
    quoted: str = "",
    ticket: Ticket | None = None,
    sender: str = "",
    files: Sequence[Upload] = (),
    awaited: Sequence[str] = (),
) -> TicketMessage:
    """
    File what a customer wrote to us under the ticket they are on, else under a new one.

    Somebody who has bought before asks for after-sales help, everybody else enquires.

    Args:
        ticket: the one it is about, when it says so itself.
        subject: of a letter; a new ticket is called so.
        quoted: older words that came along, folded on the page.
        sender: the address of who wrote, when that is not the customer.
        files: what came with it; there need be no text then.
        awaited: names of files that are still to be fetched; see `crm.services.attachments`.
    """
    ticket = ticket or _open_ticket_of(customer, channel, now)
    if ticket is None:
        ticket = _open_for(
            customer, channel, subject_of(subject, body, [*(file.name for file in files), *awaited]), source, now
        )
        turn = _add(ticket, Author.CUSTOMER, body, None, channel, now, now, quoted=quoted, sender=sender, files=files)
    else:
        turn = _add(ticket, Author.CUSTOMER, body, None, channel, now, now, quoted=quoted, sender=sender, files=files)
        _heard_from_customer(ticket, now)
    attachments.await_files(turn, awaited)
    return turn


def _open_for(customer: Customer, channel: str, subject: str, source: str, now: datetime) -> Ticket:
    last = customer.purchases.counted().order_by("-placed_at").first()
    kind = Ticket.Kind.AFTER_SALES if last else Ticket.Kind.ENQUIRY
    return open_ticket(
        customer=customer, subject=subject, kind=kind, channel=channel, source=source, purchase=last, now=now
    )


def _open_ticket_of(customer: Customer, channel: str, now: datetime) -> Ticket | None:
    """The ticket on which the customer's next words on this channel belong."""
    ticket = (
        Ticket.objects.filter(customer=customer, channel=channel)
        .exclude(status=Status.CLOSED)
        .order_by("-last_message_at")
        .first()
    )
    goes_on = ticket and (ticket.is_unsolved or (ticket.resolved_at and now - ticket.resolved_at <= CONTINUES_FOR))
    return ticket if goes_on else None


@transaction.atomic
def set_status(ticket: Ticket, status: str, *, now: datetime) -> Ticket:
    """
    Move a ticket along: new, open, pending, resolved, closed; out of resolved or closed it counts as reopened.

    Raises:
        InvalidTicket: an unknown status.
    """
    if status not in Status.values:
        raise InvalidTicket("status", f"must be one of {', '.join(Status.values)}")
    if ticket.status == status:
        return ticket
    reopened = not ticket.is_unsolved and status in Ticket.UNSOLVED
    ticket.status = status
    if status == Status.RESOLVED:
        ticket.resolved_at = now
    elif status == Status.CLOSED:
        ticket.closed_at = now
        ticket.resolved_at = ticket.resolved_at or now
    else:
        ticket.resolved_at = ticket.closed_at = None
    _save(ticket, now)
    if reopened:
        _record(ticket, "Ticket Reopened", now)
    return ticket


@transaction.atomic
def assign_ticket(ticket: Ticket, assignee: User | None, *, now: datetime) -> Ticket:
    """Give the ticket to somebody, or to nobody."""
    ticket.assignee = assignee
    _save(ticket, now)
    return ticket


@transaction.atomic
def set_priority(ticket: Ticket, priority: str, *, now: datetime) -> Ticket:
    """
    Raises:
        InvalidTicket: an unknown priority.
    """
    if priority not in Ticket.Priority.values:
        raise InvalidTicket("priority", f"must be one of {', '.join(Ticket.Priority.values)}")
    ticket.priority = priority
    _save(ticket, now)
    return ticket


def _add(
    ticket: Ticket,
    author: str,
    body: str,
    staff: User | None,
    channel: str,
    at: datetime,
    now: datetime,
    *,
    quoted: str = "",
    sender: str = "",
    files: Sequence[Upload] = (),
) -> TicketMessage:
    message = TicketMessage(
        ticket=ticket, author=author, body=body.strip(), staff=staff, channel=channel, created_at=at, quoted=quoted,
        sender=sender,
    )  # fmt: skip
    message.facts_deferred = True
    message.save()
    kept = attachments.keep_files(message, files) if files else []
    try:
        log.record_many(message.facts(), now=now)
    except BaseException:
        attachments.take_off_the_disk(kept)
        raise
    return message


def _heard_from_customer(ticket: Ticket, now: datetime) -> None:
    """Their words open the ticket again."""
    reopened = not ticket.is_unsolved
    ticket.status = Status.OPEN
    ticket.resolved_at = ticket.closed_at = None
    ticket.last_message_at = now
    _save(ticket, now)
    if reopened:
        _record(ticket, "Ticket Reopened", now)


def channel_of_reply(ticket: Ticket) -> str:
    """How the customer last wrote on this ticket: an answer goes the same way."""
    spoke = ticket.messages.filter(author=Author.CUSTOMER, sender="").exclude(channel="")
    return spoke.order_by("-created_at", "-id").values_list("channel", flat=True).first() or ticket.channel


def _check_files(author: str, channel: str, body: str, files: Sequence[Upload]) -> None:
    faults: list[Text] = [*attachments.faults_of(files)]
    if not faults and author == Author.STAFF:
        out = [(file.name, file.content_type, len(file.content)) for file in judge(files)]
        faults = [why] if (why := why_no_files(channel)) else faults_of_reply(Outgoing(channel, body, out))
    if faults:
        raise InvalidTicket("files", " ".join(map(str, faults)))


def _save(ticket: Ticket, now: datetime) -> None:
    ticket.facts_deferred = True
    ticket.save()
    log.record_many(ticket.facts(), now=now)


def _record(ticket: Ticket, name: str, now: datetime) -> None:
    log.record(
        EventDraft(
            name=name,
            customer_id=ticket.customer_id,
            occurred_at=now,
            dedupe_key=f"ticket:{ticket.public_id}:{name}:{now.isoformat()}",
            properties={"ticket": ticket.number, "kind": ticket.kind},
            object_type="ticket",
            object_id=ticket.pk,
        ),
        now=now,
    )


def subject_of(subject: str, body: str, files: Sequence[str]) -> str:
    """What to call a ticket that begins with this: a photograph alone goes by its file's name."""
    named = " ".join(clean_name(name) for name in files[:1])
    return subject.strip() or _first_words(body) or f"\N{PAPERCLIP} {named}"


def _first_words(body: str) -> str:
    line = " ".join(body.split())
    return line if len(line) <= 80 else f"{line[:79].rstrip()}…"
