"""The message log, and the page of one message."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from crm.access.contacts import name_for
from crm.access.guards import staff_of, staff_required
from crm.lib.htmx import render_page
from crm.lib.paging import InvalidCursor
from crm.models import Channel, Topic
from crm.selectors.search import clean
from crm.views.parts import Choice, choice_of, done, found, next_url, refused
from messaging.channels import registry
from messaging.channels.names import name_of
from messaging.channels.reasons import Reason
from messaging.models import Message, Template
from messaging.outbox.cancel import cancel_message
from messaging.outbox.enclosing import attachments_of
from messaging.outbox.reconcile import NotUnclear, resolve_unclear
from messaging.selectors import causes, clicks, log, trouble
from messaging.selectors.decision import decided_at, gates
from messaging.selectors.phone import on_the_phone
from messaging.selectors.reading import reading_of, steps_of


@require_GET
@staff_required("messages.view")
def message_list(request: HttpRequest) -> HttpResponse:
    """The ledger, newest first: chips by state with their counts, filters in the URL; htmx swaps the rows."""
    user, query = staff_of(request), clean(request.GET.get("q", ""))
    choices = _choices(request)
    chosen = {choice.param: choice.value for choice in choices}
    state = choice_of(request, "state", _("State"), [(view.key, view.label) for view in log.VIEWS])
    asked = log.matching(user, text=query, **chosen)
    try:
        page = asked.page(state.value, request.GET.get("page", ""))
    except InvalidCursor as error:
        raise BadRequest(str(error)) from error
    counts = asked.counts()
    return render_page(
        request,
        "messaging/message_list.html",
        {
            "page": page,
            "total": counts[state.value] if state.value else log.total(counts.values()),
            "counts": [(view, counts[view.key]) for view in log.VIEWS],
            "state": state,
            "kept": {"state": state.value},
            "query": query,
            "choices": choices,
            "card": {"halts": trouble.restored()},
            "chosen": [choice for choice in choices if choice.value],
        },
    )


@require_GET
@staff_required("messages.view")
def message_unclear(request: HttpRequest) -> HttpResponse:
    """The log of what nobody knows about."""
    return HttpResponseRedirect(f"{reverse('messaging:message_list')}?state=unclear")


@require_GET
@staff_required("messages.view")
def message_failed(request: HttpRequest) -> HttpResponse:
    """The log of what failed."""
    return HttpResponseRedirect(f"{reverse('messaging:message_list')}?state=failed")


def _choices(request: HttpRequest) -> list[Choice]:
    topics = [(topic.slug, _(topic.name)) for topic in Topic.objects.all()]
    templates = dict(Template.objects.order_by("name").values_list("slug", "name"))
    flow = request.GET.get("flow", "")[:64]
    # Any flow may be asked for by a link from its page; the list offers those that wrote lately.
    flows = sorted({*log.recent_flows(), flow} - {""})
    # And so may a provider that this installation knows no more.
    provider = request.GET.get("provider", "")[:32]
    providers = sorted({*registry.names(), provider} - {""})
    return [
        choice_of(request, "channel", _("Channel"), Channel.choices),
        choice_of(request, "topic", _("Topic"), topics),
        choice_of(request, "template", _("Template"), list(templates.items())),
        Choice("flow", _("Flow"), [(slug, slug) for slug in flows], flow),
        choice_of(request, "cause", _("Because of"), list(causes.KINDS.items())),
        Choice("provider", _("Provider"), [(name, name_of(name)) for name in providers], provider),
        choice_of(request, "reason", _("Reason"), [(str(reason), reason.label) for reason in Reason]),
    ]


def visible(request: HttpRequest, public_id: UUID) -> Message:
    """The message, if the reader may know of its customer."""
    rows = Message.objects.visible_to(staff_of(request))
    return found(rows.select_related("customer", "topic", "template", "version"), public_id)


@require_GET
@staff_required("messages.view")
def message_detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """What it says, what became of it and why."""
    message = visible(request, public_id)
    asked = gates(message)
    context: dict[str, Any] = {
        "message": message,
        "customer": message.customer,
        "name": name_for(message.customer, staff_of(request)),
        "reading": reading_of(message),
        "gates": asked,
        "went_out": all(gate.verdict == "passed" for gate in asked),
        "decided_at": decided_at(message),
        "steps": steps_of(message),
        "tries": list(message.tries.order_by("pk")),
        "receipts": list(message.receipts.order_by("occurred_at", "pk")),
        "files": attachments_of(message),
        "links": clicks.links_of(message),
        "cause_url": causes.url_of(message.cause, staff_of(request)),
        "on_phone": on_the_phone(message),
        "card": {"halts": trouble.restored() if message.state == Message.State.QUEUED else ()},
    }
    return render_page(request, "messaging/message_detail.html", context, partial="record")


@require_POST
@staff_required("messages.send")
def message_cancel(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take back a message that has not left."""
    message = visible(request, public_id)
    back = next_url(request, message.get_absolute_url())
    if cancel_message(message, now=timezone.now()):
        return done(request, _("The message is cancelled."), back)
    return refused(request, _("Too late: it has left, or is leaving."), back)


@require_POST
@staff_required("messages.send")
def message_resolve(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """A person decides what became of an unclear message: `verdict` is "sent" or "again"."""
    message, verdict = visible(request, public_id), request.POST.get("verdict", "")
    if verdict not in ("sent", "again"):
        raise BadRequest(_("There is no %(filter)s “%(value)s”.") % {"filter": "verdict", "value": verdict[:60]})
    back = next_url(request, message.get_absolute_url())
    try:
        resolve_unclear(message, verdict=verdict, actor=staff_of(request), now=timezone.now())
    except NotUnclear:
        return refused(request, _("What became of it is known by now."), back)
    said = _("It counts as sent.") if verdict == "sent" else _("It goes out again.")
    return done(request, said, back)
