"""After the database was restored from a backup: what is held, and what somebody says about it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from crm.access.guards import staff_of, staff_required
from crm.lib.htmx import render_page
from crm.views.parts import done, refused
from messaging.forms.restorations import FalseAlarmForm, ReconcileForm
from messaging.models import Restoration
from messaging.outbox import recovery, restores
from messaging.selectors import restorations

PAGE = "messaging:restoration"
MOST = 20


@require_GET
@staff_required("settings.shop")
def restoration(request: HttpRequest) -> HttpResponse:
    """Why nothing is sent, what waits, and the two ways to go on; below, what was done the times before."""
    return _page(request, ReconcileForm(), FalseAlarmForm())


@require_POST
@staff_required("settings.channels")
def restoration_decide(request: HttpRequest) -> HttpResponse:
    """`verdict` is "reconcile", with the times, or "false_alarm", with why."""
    verdict, user, now = request.POST.get("verdict", ""), staff_of(request), timezone.now()
    reconcile, false_alarm = ReconcileForm(), FalseAlarmForm()
    by: dict[str, Any] = {"actor": user, "actor_name": str(user), "now": now}
    try:
        if verdict == "reconcile":
            reconcile = ReconcileForm(request.POST)
            if reconcile.is_valid():
                recovery.ask_to_reconcile(**reconcile.cleaned_data, **by)
                return done(request, _("Workers go through the ledger now; messages go out after that."), reverse(PAGE))
        elif verdict == "false_alarm":
            false_alarm = FalseAlarmForm(request.POST)
            if false_alarm.is_valid():
                recovery.call_false_alarm(remark=false_alarm.cleaned_data["why"], **by)
                return done(request, _("Messages go out again."), reverse(PAGE))
        else:
            raise BadRequest(_("There is no %(filter)s “%(value)s”.") % {"filter": "verdict", "value": verdict[:60]})
    except recovery.NotHeld as error:
        return refused(request, str(error), reverse(PAGE))
    except restores.ImpossibleTime as error:
        reconcile.add_error(None, str(error))
    return _page(request, reconcile, false_alarm, status=422)


def _page(
    request: HttpRequest, reconcile: ReconcileForm, false_alarm: FalseAlarmForm, *, status: int = 200
) -> HttpResponse:
    row = restores.current()
    context = {
        "row": row,
        "waiting": restorations.waiting() if row else [],
        "reconcile": reconcile,
        "false_alarm": false_alarm,
        "past": Restoration.objects.exclude(ended_at=None)[:MOST],
    }
    return render_page(request, "messaging/restoration.html", context, partial="state", status=status)
