"""Before a flow goes live, goes on after a pause or is put away: what becomes of whom."""

from __future__ import annotations

from datetime import timedelta

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from crm.access.guards import staff_of, staff_required
from crm.lib.htmx import render_page
from crm.lib.spans import span_in_words
from crm.views.parts import done, refused
from journeys.flows import backlog, intake, people, versions
from journeys.flows.definition import InvalidDefinition
from journeys.flows.impact import Fate, PeopleInside
from journeys.forms.resuming import ResumeForm
from journeys.models import Flow
from journeys.simulation import flow_tests
from journeys.simulation.flow_tests import FailingTests

CHOICES = (
    (PeopleInside.PIN, gettext_lazy("They finish the version they entered with")),
    (PeopleInside.FOLLOW, gettext_lazy("They go on in the new version, from the step where they stand")),
    (PeopleInside.DRAIN, gettext_lazy("They leave the flow")),
)
FATES = {
    Fate.STAYS: gettext_lazy("finish the old version"),
    Fate.GOES_ON: gettext_lazy("go on as before"),
    Fate.WAITS: gettext_lazy("wait until another time"),
    Fate.DUE: gettext_lazy("go on at once: their wait is over"),
    Fate.OPENS: gettext_lazy("go on as soon as the window opens: their wait is over"),
    Fate.ASKED: gettext_lazy("have their date read anew"),
    Fate.LEAVES: gettext_lazy("leave"),
}


@require_http_methods(["GET", "POST"])
@staff_required("flows.publish")
def flow_publish(request: HttpRequest, slug: str) -> HttpResponse:
    """GET shows what publishing would do; POST does it: `people_inside`, and `backfill` to let others in too."""
    flow = get_object_or_404(Flow.objects.select_related("live_version"), slug=slug)
    if request.method == "GET":
        return _preview(request, flow)
    url, chosen = reverse("journeys:flow_detail", args=[slug]), request.POST.get("people_inside", PeopleInside.PIN)
    if chosen not in list(PeopleInside):
        raise BadRequest(_("There is no such choice for people inside."))
    try:
        version = flow_tests.publish(
            flow, actor=staff_of(request), now=timezone.now(), people_inside=PeopleInside(chosen),
            backfill="backfill" in request.POST,
        )  # fmt: skip
    except InvalidDefinition as error:
        return refused(request, _("It has faults: %(faults)s") % {"faults": "; ".join(map(str, error.faults[:3]))}, url)
    except FailingTests as error:
        here = reverse("journeys:flow_publish", args=[slug])
        return refused(request, "; ".join(fault.message for fault in error.faults[:3]), here)
    except versions.CannotPublish as error:
        return refused(request, str(error), url)
    return done(request, _("Version %(n)s is live.") % {"n": version.number}, url)


def _preview(request: HttpRequest, flow: Flow) -> HttpResponse:
    if flow.state == Flow.State.ARCHIVED:
        return HttpResponseRedirect(reverse("journeys:flow_detail", args=[flow.slug]))
    now, faults = timezone.now(), versions.faults_of(flow.draft, slug=flow.slug)
    failing = [] if faults else flow_tests.failing(flow)
    context = {"flow": flow, "faults": faults, "failing": failing, "warnings": versions.warnings_of(flow.draft)}
    if not faults and not failing:
        choices = [
            (choice, label, people.preview(flow, flow.draft, choice, now=now)) for choice, label in CHOICES
        ]  # fmt: skip
        context |= {
            "inside": choices[0][2].total.total(),
            "choices": [
                {
                    "value": choice.value,
                    "label": label,
                    "total": [(FATES[fate], number) for fate, number in sorted(impact.total.items())],
                    "steps": [
                        (step, [(FATES[fate], number) for fate, number in sorted(fates.items())])
                        for step, fates in sorted(impact.steps.items())
                    ],
                }
                for choice, label, impact in choices
            ],
            "backfill": intake.count(flow.draft, now=now),
        }
    return render(request, "journeys/flow_publish.html", context)


@require_POST
@staff_required("flows.publish")
def flow_archive(request: HttpRequest, slug: str) -> HttpResponse:
    """Put the flow away; whoever is inside leaves, its history stays."""
    flow = get_object_or_404(Flow, slug=slug)
    url = reverse("journeys:flow_detail", args=[slug])
    try:
        left = versions.archive(flow, now=timezone.now())
    except versions.CannotPublish as error:
        return refused(request, str(error), url)
    return done(request, _("Put away. %(n)s people left the flow.") % {"n": left}, url)


@require_http_methods(["GET", "POST"])
@staff_required("flows.stop")
def flow_resume(request: HttpRequest, slug: str) -> HttpResponse:
    """What fell due during the pause, by its age. GET previews what is asked for, POST does it."""
    flow, now = get_object_or_404(Flow, slug=slug), timezone.now()
    url = reverse("journeys:flow_detail", args=[slug])
    if flow.state != Flow.State.PAUSED:
        return refused(request, _("This flow is not %(state)s.") % {"state": Flow.State.PAUSED.label}, url)
    form = ResumeForm(request.POST if request.method == "POST" else request.GET or None)
    asked = form.cleaned_data if form.is_bound and form.is_valid() else {"skip_older_than": None, "per_minute": None}
    if request.method == "POST" and form.is_valid():
        try:
            versions.resume(flow, now=now, **asked)
        except versions.CannotPublish as error:
            return refused(request, str(error), url)
        return done(request, _("It goes on where it stopped."), url)
    context = {
        "flow": flow,
        "form": form,
        "backlog": _by_age(backlog.backlog_of(flow, now=now)),
        "prospect": None if form.errors else backlog.prospect(flow, now=now, **asked),
    }
    status = 422 if request.method == "POST" else 200
    return render_page(request, "journeys/flow_resume.html", context, partial="prospect", status=status)


def _by_age(found: backlog.Backlog) -> list[tuple[str, int]]:
    """Each age in words with how many are of it; the total last."""
    rows = [
        (_("up to %(span)s") % {"span": span_in_words(_iso(age))} if age else _("longer"), number)
        for age, number in found.by_age
    ]
    return [*rows, (_("in all"), found.total)]


def _iso(age: timedelta) -> str:
    return f"P{age.days}D" if age.days else f"PT{age.seconds // 3600}H"
