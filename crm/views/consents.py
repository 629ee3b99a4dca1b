"""Where a customer stands with being written to: each channel and topic, and the evidence it rests on."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from crm.access.guards import staff_of, staff_required
from crm.access.roles import may
from crm.forms.base import refuse
from crm.forms.consents import ConsentForm
from crm.lib.htmx import render_page
from crm.lib.paging import Sort
from crm.models import State
from crm.selectors.record import agreements
from crm.selectors.topics import topics_for
from crm.services import consents
from crm.views.customers import panels, visible
from crm.views.parts import done, page_of, posted

NEWEST_FIRST = Sort("occurred_at")


@require_http_methods(["GET", "POST"])
@staff_required("customers.view")
def customer_consents(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The page; a POST records what the customer said, by those who may."""
    if request.method == "POST":
        return _record(request, public_id)
    return _show(request, public_id, None)


def _record(request: HttpRequest, public_id: UUID) -> HttpResponse:
    customer, user = visible(request, public_id), staff_of(request)
    if not may(user, "consents.record"):
        raise PermissionDenied("consents.record")
    topics = topics_for(user)
    form = ConsentForm(posted(request), channels=agreements(customer, topics).channels, topics=topics)
    if form.is_valid():
        try:
            event = consents.record_by_staff(customer, **form.cleaned_data, actor=user, now=timezone.now())
        except consents.NoEvidence as error:
            refuse(form, error)
        else:
            said = (
                _("Yes to %(topic)s by %(channel)s.")
                if event.state == State.IN
                else _("No to %(topic)s by %(channel)s.")
            )
            names = {"topic": event.topic, "channel": event.get_channel_display()}
            return done(request, said % names, reverse("crm:customer_consents", args=[public_id]))
    return _show(request, public_id, form)


def _show(request: HttpRequest, public_id: UUID, form: ConsentForm | None) -> HttpResponse:
    customer, user = visible(request, public_id), staff_of(request)
    topics = topics_for(user)
    standing = agreements(customer, topics)
    evidence = customer.consent_events.select_related("topic", "actor")
    context = {
        "customer": customer,
        "agreements": standing,
        "page": page_of(request, evidence, NEWEST_FIRST, size=25),
        "form": form or ConsentForm(channels=standing.channels, topics=topics),
        "panels": panels("consents", customer, user),
        "sees_origin": may(user, "contacts.reveal"),
    }
    return render_page(
        request, "crm/customer_consents.html", context, partial="evidence", status=422 if form is not None else 200
    )
