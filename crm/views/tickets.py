"""The inbox: enquiries and after-sales tickets, and the conversation of one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.access.contacts import name_for
from crm.access.guards import staff_of, staff_required
from crm.extensions import marks_of_turns
from crm.forms.base import refuse
from crm.forms.tickets import TicketForm, TurnForm
from crm.lib.downloads import to_save
from crm.lib.htmx import render_page
from crm.lib.paging import Sort, bounded_count
from crm.models import Ticket, TicketAttachment, TicketMessage, User
from crm.reply_ways import why_no_files
from crm.selectors.record import record_cards
from crm.selectors.search import clean, tickets_matching
from crm.selectors.staff import colleague_names, colleagues
from crm.services import tickets
from crm.views.customers import visible as visible_customer
from crm.views.parts import choice_of, done, found, next_url, page_of, posted, sorted_by

Author = TicketMessage.Author
SORTS = {"waiting": Sort("last_message_at", descending=False), "newest": Sort("last_message_at")}
SORT_LABELS = {"waiting": gettext_lazy("longest waiting"), "newest": gettext_lazy("newest message")}
# The inbox's views: what each shows, in the order of the tabs.
QUEUES = {
    "waiting": gettext_lazy("Waiting for us"),
    "mine": gettext_lazy("Mine"),
    "pending": gettext_lazy("Waiting for the customer"),
    "solved": gettext_lazy("Solved"),
    "all": gettext_lazy("All"),
}


@require_GET
@staff_required("tickets.view")
def inbox(request: HttpRequest) -> HttpResponse:
    """Tickets by queue: those where the customer spoke last come first."""
    user = staff_of(request)
    queue = request.GET.get("queue") or "waiting"
    if queue not in QUEUES:
        raise BadRequest(_("There is no queue “%(value)s”.") % {"value": queue[:60]})
    query = clean(request.GET.get("q", ""))
    choices = [
        choice_of(request, "kind", _("Kind"), Ticket.Kind.choices),
        choice_of(request, "priority", _("Priority"), Ticket.Priority.choices),
    ]
    sort_name, sort = sorted_by(request, SORTS, "waiting" if queue == "waiting" else "newest")
    rows = _queue(user, queue)
    if query:
        rows = tickets_matching(rows, query)
    for choice in choices:
        if choice.value:
            rows = rows.filter(**{choice.param: choice.value})
    return render_page(
        request,
        "crm/inbox.html",
        {
            "page": page_of(request, rows.select_related("customer", "assignee"), sort),
            "total": bounded_count(rows),
            "queue": queue,
            "queues": QUEUES,
            "query": query,
            "choices": choices,
            "chosen": [choice for choice in choices if choice.value],
            "sort": sort_name,
            "sorts": SORT_LABELS,
        },
    )


def _queue(user: User, queue: str) -> QuerySet[Ticket]:
    rows = Ticket.objects.visible_to(user)
    return {
        "waiting": rows.waiting_for_us(),
        "mine": rows.unsolved().filter(assignee=user),
        "pending": rows.filter(status=Ticket.Status.PENDING),
        "solved": rows.exclude(status__in=Ticket.UNSOLVED),
        "all": rows,
    }[queue]


def visible(request: HttpRequest, public_id: UUID) -> Ticket:
    rows = Ticket.objects.visible_to(staff_of(request))
    return found(rows.select_related("customer", "assignee", "purchase", "product"), public_id)


@require_GET
@staff_required("tickets.view")
def ticket_detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The conversation, and what one needs to know to answer."""
    return _show(request, visible(request, public_id))


def _show(request: HttpRequest, ticket: Ticket, *, faulty: str = "", form: forms.Form | None = None) -> HttpResponse:
    now = timezone.now()
    turns = list(ticket.messages.select_related("staff").prefetch_related("attachments"))
    context: dict[str, Any] = {
        "ticket": ticket,
        "customer": ticket.customer,
        "name": name_for(ticket.customer, staff_of(request)),
        "turns": turns,
        "marks": marks_of_turns(turns),
        "reply_form": form if faulty == Author.STAFF else TurnForm(prefix="staff", draft="reply"),
        "note_form": form if faulty == Author.NOTE else TurnForm(prefix="note", draft="note"),
        "note_first": faulty == Author.NOTE,
        "no_files": why_no_files(tickets.channel_of_reply(ticket)),
        "colleagues": colleague_names(),
        "statuses": [(value, label) for value, label in Ticket.Status.choices if value != Ticket.Status.NEW],
        "priorities": Ticket.Priority.choices,
        **record_cards(ticket.customer, staff_of(request), now),
    }
    return render_page(
        request, "crm/ticket_detail.html", context, partial="record", status=422 if form is not None else 200
    )


@require_GET
@staff_required("tickets.view")
def ticket_file(request: HttpRequest, public_id: UUID) -> FileResponse:
    """
    A file that came with a turn, to be saved.

    Raises:
        Http404: no such file, not on a ticket the reader may see, or not kept.
    """
    theirs = Ticket.objects.visible_to(staff_of(request)).values("pk")
    attachment = found(TicketAttachment.objects.filter(message__ticket__in=theirs).exclude(file=""), public_id)
    return to_save(attachment.file, name=attachment.name, content_type=attachment.content_type)


@require_http_methods(["GET", "POST"])
@staff_required("tickets.work")
def ticket_create(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Open a ticket for a customer who called or came by."""
    customer = visible_customer(request, public_id)
    form = TicketForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            ticket = tickets.open_ticket(
                customer=customer, now=timezone.now(), assignee=staff_of(request), **form.cleaned_data
            )
        except tickets.InvalidTicket as error:
            refuse(form, error)
        else:
            return done(request, _("Ticket %(number)s is open.") % {"number": ticket.number}, ticket.get_absolute_url())
    return render(
        request, "crm/ticket_new.html", {"form": form, "customer": customer}, status=422 if form.errors else 200
    )


@require_POST
@staff_required("tickets.work")
def ticket_reply(request: HttpRequest, public_id: UUID) -> HttpResponse:
    return _say(request, public_id, Author.STAFF, _("Your reply is on the ticket."))


@require_POST
@staff_required("tickets.work")
def ticket_note(request: HttpRequest, public_id: UUID) -> HttpResponse:
    return _say(request, public_id, Author.NOTE, _("The note is on the ticket; the customer does not see it."))


def _say(request: HttpRequest, public_id: UUID, author: TicketMessage.Author, said: str) -> HttpResponse:
    ticket = visible(request, public_id)
    form = TurnForm(request.POST, request.FILES, prefix=author.value, draft=author.value)
    if form.is_valid():
        try:
            tickets.add_message(
                ticket, author=author, body=form.cleaned_data["body"], files=form.cleaned_data["attached"],
                staff=staff_of(request), now=timezone.now(),
            )  # fmt: skip
        except tickets.InvalidTicket as error:
            if error.field == "files":
                form.add_error("attached", error.message)
            else:
                refuse(form, error)
        else:
            return done(request, said, ticket.get_absolute_url())
    if request.FILES:
        form.add_error("attached", _("Please choose the files again: a browser does not keep them."))
    return _show(request, ticket, faulty=author, form=form)


@require_POST
@staff_required("tickets.work")
def ticket_set(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Change status, assignee or priority: whichever the form names."""
    ticket, now = visible(request, public_id), timezone.now()
    back = next_url(request, ticket.get_absolute_url())
    try:
        if "status" in request.POST:
            tickets.set_status(ticket, request.POST["status"], now=now)
            return done(request, _("The ticket is %(status)s.") % {"status": ticket.get_status_display()}, back)
        if "priority" in request.POST:
            tickets.set_priority(ticket, request.POST["priority"], now=now)
            return done(request, _("Priority: %(priority)s.") % {"priority": ticket.get_priority_display()}, back)
    except tickets.InvalidTicket as error:
        raise BadRequest(str(error)) from error
    name = request.POST.get("assignee", "")
    assignee = colleagues().filter(username=name).first() if name else None
    if name and assignee is None:
        raise BadRequest(_("There is no colleague “%(value)s”.") % {"value": name[:60]})
    tickets.assign_ticket(ticket, assignee, now=now)
    said = _("%(name)s has it now.") % {"name": assignee} if assignee else _("Nobody has it now.")
    return done(request, said, back)
