"""Broadcasts: the list, writing one, and the last look before it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.access.guards import shop_of, staff_of, staff_required
from crm.access.roles import may
from crm.forms.base import refuse
from crm.lib.htmx import render_page
from crm.lib.paging import Sort
from crm.models import Customer
from crm.rules import Fault, InvalidRule
from crm.rules.words import in_words
from crm.views import rules
from crm.views.parts import choice_of, done, found, page_of, posted, refused
from messaging.broadcasts import drafts, launch
from messaging.broadcasts.drafts import InvalidBroadcast, WrongState
from messaging.broadcasts.estimate import estimate, show
from messaging.forms.broadcasts import BroadcastForm, TestForm
from messaging.models import Broadcast
from messaging.selectors import broadcasts as results
from messaging.selectors.prices import about
from messaging.services.broadcast_trials import send_test
from messaging.services.texts import CannotWrite
from messaging.views import fillings
from messaging.views.broadcast_results import segment_of

NEWEST_FIRST = Sort("id")


@require_GET
@staff_required("broadcasts.view")
def broadcast_list(request: HttpRequest) -> HttpResponse:
    """Every broadcast, newest first, with what came of it when it was last counted."""
    state = choice_of(request, "state", _("State"), Broadcast.State.choices)
    rows = Broadcast.objects.select_related("topic", "created_by")
    if state.value:
        rows = rows.filter(state=state.value)
    page = page_of(request, rows, NEWEST_FIRST, size=25)
    context = {
        "page": page,
        "totals": results.kept_of(page.rows),
        "choices": [state],
        "chosen": [state] if state.value else [],
    }
    return render_page(request, "messaging/broadcast_list.html", context)


@require_http_methods(["GET", "POST"])
@staff_required("broadcasts.edit")
def broadcast_create(request: HttpRequest) -> HttpResponse:
    """A new draft."""
    return _write(request, BroadcastForm(posted(request), initial={"to": "segment"}), "{}")


@require_http_methods(["GET", "POST"])
@staff_required("broadcasts.edit")
def broadcast_edit(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Change a draft."""
    broadcast = found(Broadcast.objects.select_related("topic"), public_id)
    if broadcast.state not in Broadcast.EDITABLE:
        return refused(request, _("Only a draft can be changed."), broadcast.get_absolute_url())
    form = BroadcastForm(posted(request), initial=BroadcastForm.initial_of(broadcast))
    return _write(request, form, rules.as_text(broadcast.rule), broadcast)


def _write(request: HttpRequest, form: BroadcastForm, rule: str, broadcast: Broadcast | None = None) -> HttpResponse:
    faults: Sequence[Fault] = ()
    if request.method == "POST" and form.is_valid():
        user, now = staff_of(request), timezone.now()
        try:
            given = form.given(rules.read(form.cleaned_data["rule"]))
            if broadcast is None:
                broadcast = drafts.create_broadcast(given, actor=user, now=now)
            else:
                drafts.edit_broadcast(broadcast, given, actor=user, now=now)
        except InvalidBroadcast as error:
            faults = form.show_faults(error.faults)
        except InvalidRule as error:
            faults = error.faults
            form.add_error("rule", _("This rule cannot be used yet."))
        except WrongState as error:
            form.add_error(None, str(error))
        else:
            return done(request, _("Saved."), reverse("messaging:broadcast_review", args=[broadcast.public_id]))
    text = form["rule"].value() if form.is_bound else rule
    context = {
        "form": form,
        "broadcast": broadcast,
        "builder": rules.builder("rule", text or "{}", faults),
        "variables": fillings.of_everybody(),
    }
    return render(request, "messaging/broadcast_edit.html", context, status=422 if form.errors else 200)


@require_GET
@staff_required("broadcasts.view")
def broadcast_review(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """What sending it now would come to, what stands in the way, and the button."""
    broadcast = found(Broadcast.objects.select_related("topic"), public_id)
    if broadcast.state != Broadcast.State.DRAFT:
        return HttpResponseRedirect(broadcast.get_absolute_url())
    return _review(request, broadcast)


@require_POST
@staff_required("broadcasts.edit")
def broadcast_test(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Send one of its texts to oneself."""
    broadcast = found(Broadcast.objects.select_related("topic"), public_id)
    form = TestForm(request.POST, broadcast=broadcast)
    if form.is_valid():
        try:
            message = send_test(
                broadcast, number=int(form.cleaned_data["number"]), address=form.cleaned_data.get("address", ""),
                actor=staff_of(request), now=timezone.now(),
            )  # fmt: skip
        except CannotWrite as error:
            refuse(form, error)
        else:
            return done(request, _("The test is on its way."), message.get_absolute_url())
    return _review(request, broadcast, test_form=form)


def _review(request: HttpRequest, broadcast: Broadcast, *, test_form: TestForm | None = None) -> HttpResponse:
    now, user = timezone.now(), staff_of(request)
    faults = drafts.obstacles(broadcast, now=now)
    readable = not any(fault.path.startswith("rule") for fault in faults)
    outlook = estimate(broadcast, now=now) if readable else None
    by_themselves = outlook is not None and (
        outlook.people <= launch.ALONE or may(user, "broadcasts.approve")
    )  # fmt: skip
    own = Customer.objects.filter(email=user.email).exclude(phone="").first() if user.email else None
    context = {
        "broadcast": broadcast,
        "as_of": broadcast.updated_at.isoformat(),
        "faults": faults,
        "outlook": outlook,
        "cost": about(outlook.micros, shop_of(request).currency) if outlook and outlook.micros else "",
        "shown": show(broadcast, user, outlook.sample, now=now, most=3 if len(outlook.variants) == 1 else 1)
        if outlook
        else [],
        "audience": in_words(broadcast.rule) if readable else "",
        "segment": segment_of(broadcast) if readable else None,
        "by_themselves": by_themselves,
        "alone": launch.ALONE,
        "may_approve": may(user, "broadcasts.approve")
        and user.pk not in (broadcast.approval_asked_by_id, broadcast.updated_by_id),
        "test_form": test_form or TestForm(broadcast=broadcast, initial={"address": str(own.phone) if own else ""}),
    }
    return render(request, "messaging/broadcast_review.html", context, status=422 if test_form else 200)
