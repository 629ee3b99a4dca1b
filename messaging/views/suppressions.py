"""Suppressed addresses: look one up, add one, lift one."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from crm.access.guards import staff_of, staff_required
from crm.lib.htmx import render_page
from crm.lib.paging import Sort, bounded_count
from crm.models import Channel
from crm.views.parts import choice_of, done, next_url, page_of, posted, refused
from messaging.forms.addresses import AddressForm, LiftForm, SuppressionForm
from messaging.models import Suppression
from messaging.models.suppression import hash_address
from messaging.services import suppressions
from messaging.views.parts import settings_form

LIST = "messaging:suppression_list"
NEWEST_FIRST = Sort("id")


@require_GET
@staff_required("consents.record")
def suppression_list(request: HttpRequest) -> HttpResponse:
    """What stands against addresses; they are kept as fingerprints only, so one is found by typing it."""
    choices = [
        choice_of(request, "kind", _("Channel"), Channel.choices),
        choice_of(request, "cause", _("Cause"), Suppression.Cause.choices),
        choice_of(request, "show", _("Show"), [("lifted", _("lifted"))]),
    ]
    kind, cause, show = (choice.value for choice in choices)
    rows = Suppression.objects.all() if show else Suppression.objects.standing()
    narrowed = {"channel": kind, "cause": cause, "lifted_at__isnull": False if show else None}
    rows = rows.filter(**{name: value for name, value in narrowed.items() if value not in ("", None)})
    context: dict[str, Any] = {
        "page": page_of(request, rows, NEWEST_FIRST),
        "total": bounded_count(rows),
        "choices": choices,
        "chosen": [choice for choice in choices if choice.value],
        **_looked_up(request),
    }
    return render_page(request, "messaging/suppression_list.html", context)


def _looked_up(request: HttpRequest) -> dict[str, Any]:
    """The form that asks about one address, and what stands against it."""
    if "address" not in request.GET:
        return {"asked": AddressForm(), "answer": None}
    form = AddressForm(request.GET)
    if not form.is_valid():
        return {"asked": form, "answer": None}
    channel, address = form.cleaned_data["channel"], form.cleaned_data["address"]
    standing = Suppression.objects.of(channel, [hash_address(channel, address)]).order_by("since")
    return {"asked": form, "answer": {"address": address, "rows": list(standing)}}


@require_http_methods(["GET", "POST"])
@staff_required("consents.record")
def suppression_create(request: HttpRequest) -> HttpResponse:
    """Somebody told us, by whatever way, to write no more."""
    form = SuppressionForm(posted(request), initial=request.GET.dict())
    if request.method == "POST" and form.is_valid():
        made = suppressions.add_suppression(**form.cleaned_data, actor=staff_of(request), now=timezone.now())
        said = _("Nothing more is sent there.") if made else _("That stood already.")
        return done(request, said, reverse(LIST))
    title, parent = _("Suppress an address"), (_("Suppressed addresses"), LIST)
    return settings_form(request, form, title, _("Send nothing more there"), parent)


@require_http_methods(["GET", "POST"])
@staff_required("suppressions.lift")
def suppression_lift(request: HttpRequest, pk: int) -> HttpResponse:
    """Write again to an address; only with a reason."""
    row = get_object_or_404(Suppression, pk=pk)
    back = next_url(request, reverse(LIST))
    form = LiftForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            suppressions.lift_suppression(
                row, reason=form.cleaned_data["reason"], actor=staff_of(request), now=timezone.now()
            )
        except suppressions.NotStanding:
            return refused(request, _("It has been lifted before."), back)
        return done(request, _("Messages may go there again, as far as consent allows."), back)
    context = {"form": form, "row": row, "back": back}
    return render(request, "messaging/suppression_lift.html", context, status=422 if form.errors else 200)
