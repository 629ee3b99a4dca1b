"""What came in: the list, and one message with what a person may have to decide about it."""

from __future__ import annotations

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from crm.access.guards import staff_of, staff_required
from crm.access.roles import may
from crm.lib.htmx import render_page
from crm.lib.paging import Sort, bounded_count
from crm.models import Channel
from crm.views.parts import choice_of, done, next_url, page_of, refused
from messaging.inbound.receive import AlreadyReviewed, review
from messaging.models import InboundMessage
from messaging.services import retention

NEWEST_FIRST = Sort("id")


@require_GET
@staff_required("messages.view")
def inbound_list(request: HttpRequest) -> HttpResponse:
    """All that people and machines wrote to us, newest first; `show=look` is what waits for a person."""
    user = staff_of(request)
    show = choice_of(request, "show", _("Show"), [("look", _("wants a look"))])
    choices = [
        choice_of(request, "channel", _("Channel"), Channel.choices),
        choice_of(request, "reading", _("Read as"), InboundMessage.Reading.choices),
    ]
    everything = InboundMessage.objects.visible_to(user)
    waiting = everything.wanting_a_look()
    rows = waiting if show.value else everything
    rows = rows.filter(**{choice.param: choice.value for choice in choices if choice.value})
    return render_page(
        request,
        "messaging/inbound_list.html",
        {
            "page": page_of(request, rows.select_related("customer", "ticket"), NEWEST_FIRST),
            "total": bounded_count(rows),
            "waiting": bounded_count(waiting),
            "show": show,
            "kept": {"show": show.value},
            "choices": choices,
            "chosen": [choice for choice in choices if choice.value],
        },
    )


@require_http_methods(["GET", "POST"])
@staff_required("messages.view")
def inbound_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One message. Where it wants a look, POST `means` is "stop" or "other"; whoever may write decides."""
    user = staff_of(request)
    rows = InboundMessage.objects.visible_to(user).select_related("customer", "ticket", "reviewed_by")
    row = rows.filter(pk=pk).first()
    if row is None:
        raise Http404
    if request.method == "GET":
        is_forgotten = retention.is_forgotten(row)
        return render(request, "messaging/inbound_detail.html", {"row": row, "is_forgotten": is_forgotten})
    if not may(user, "messages.send"):
        raise PermissionDenied("messages.send")
    means = request.POST.get("means", "")
    if means not in ("stop", "other"):
        raise BadRequest(_("There is no %(filter)s “%(value)s”.") % {"filter": "means", "value": means[:60]})
    back = next_url(request, reverse("crm:today"))
    try:
        review(row, means_stop=means == "stop", actor=user, now=timezone.now())
    except AlreadyReviewed:
        return refused(request, _("Somebody has decided on it before."), back)
    if means == "stop":
        return done(request, _("Nothing more is sent there."), back)
    return done(request, _("Messages go on.") if row.customer else _("It is dealt with."), back)
