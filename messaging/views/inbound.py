"""Texts that may mean "stop": a person decides."""

from __future__ import annotations

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from crm.access.guards import staff_of, staff_required
from crm.models import Customer
from crm.views.parts import done, refused
from messaging.inbound.receive import AlreadyReviewed, review
from messaging.models import InboundMessage


@require_http_methods(["GET", "POST"])
@staff_required("messages.send")
def stop_review(request: HttpRequest, pk: int) -> HttpResponse:
    """One text in doubt; POST `means` is "stop" or "other"."""
    user = staff_of(request)
    text = InboundMessage.objects.select_related("customer", "reviewed_by").filter(pk=pk, reading="unclear").first()
    if text is None or not _is_visible(text, request):
        raise Http404
    if request.method == "GET":
        return render(request, "messaging/stop_review.html", {"text": text})
    means = request.POST.get("means", "")
    if means not in ("stop", "other"):
        raise BadRequest(_("There is no %(filter)s “%(value)s”.") % {"filter": "means", "value": means[:60]})
    try:
        review(text, means_stop=means == "stop", actor=user, now=timezone.now())
    except AlreadyReviewed:
        return refused(request, _("Somebody has decided on it before."), reverse("crm:today"))
    said = _("Nothing more is sent there.") if means == "stop" else _("Messages go on.")
    return done(request, said, reverse("crm:today"))


def _is_visible(text: InboundMessage, request: HttpRequest) -> bool:
    mine = Customer.objects.visible_to(staff_of(request))
    return text.customer_id is None or mine.filter(pk=text.customer_id).exists()
