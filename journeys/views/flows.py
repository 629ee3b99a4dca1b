"""Flows: the list, one as people read it, its runs, and the buttons that publish, stop and resume."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.access.guards import staff_of, staff_required
from crm.lib.htmx import render_page, wants
from crm.lib.paging import Sort, bounded_count
from crm.views.customers import visible as visible_customer
from crm.views.parts import choice_of, done, page_of, refused
from journeys.flows import enrolment, repair, versions
from journeys.flows.definition import Definition, InvalidDefinition, parse_definition
from journeys.flows.naming import names_here
from journeys.flows.outline import Names, Outline, outline, trigger_in_words
from journeys.models import Enrolment, Flow
from journeys.selectors import deeds
from journeys.selectors import flows as counters
from journeys.views.chosen import journeys_and_chosen

NEWEST_FIRST = Sort("entered_at")
ORDER = {Flow.State.LIVE: 0, Flow.State.PAUSED: 1, Flow.State.DRAFT: 2, Flow.State.ARCHIVED: 3}


@require_GET
@staff_required("flows.view")
def flow_list(request: HttpRequest) -> HttpResponse:
    """Every flow with what starts it and what it has done; live ones first."""
    flows = sorted(
        Flow.objects.select_related("live_version"), key=lambda flow: (ORDER[Flow.State(flow.state)], flow.name)
    )
    counts, names = counters.flow_counts(flows), names_here()
    rows = [{"flow": flow, "count": counts[flow.pk], "trigger": _trigger(flow, names)} for flow in flows]
    return render(request, "journeys/flow_list.html", {"rows": rows, "journey": journeys_and_chosen("")[1]})


def _trigger(flow: Flow, names: Names) -> str:
    definition = _read(definition_of(flow))
    return trigger_in_words(definition, names) if definition else _("cannot be read")


@require_GET
@staff_required("flows.view")
def flow_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """The flow as a tree of cards, each with its counters."""
    flow = get_object_or_404(Flow.objects.select_related("live_version__published_by"), slug=slug)
    live = wants(request, "counts")  # the page asks again for its counters
    definition = _read(definition_of(flow))
    drawn: Outline | None = outline(definition, names_here()) if definition else None
    changed = flow.live_version is not None and flow.live_version.fingerprint != versions.fingerprint(flow.draft)
    context = {
        "flow": flow,
        "outline": drawn,
        "count": counters.flow_counts([flow])[flow.pk],
        "steps": counters.step_counts(flow),
        "changed": changed,
        # What stands in the way of publishing; asked only where somebody could publish.
        "faults": versions.faults_of(flow.draft, slug=flow.slug) if changed or flow.live_version is None else [],
        "versions": list(flow.versions.select_related("published_by").defer("definition")[:10]),
    }
    return render_page(request, "journeys/flow_detail.html", context, partial="counts" if live else "record")


@require_POST
@staff_required("flows.stop")
def flow_pause(request: HttpRequest, slug: str) -> HttpResponse:
    flow, url = _flow(slug)
    try:
        versions.pause(flow, now=timezone.now())
    except versions.CannotPublish as error:
        return refused(request, str(error), url)
    return done(request, _("Paused. Whoever is inside stays where they are."), url)


def _flow(slug: str) -> tuple[Flow, str]:
    return get_object_or_404(Flow, slug=slug), reverse("journeys:flow_detail", args=[slug])


@require_GET
@staff_required("flows.view")
def run_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Who is or was in the flow; by state and by step."""
    flow, _url = _flow(slug)
    state = choice_of(request, "state", _("State"), Enrolment.State.choices)
    titles = titles_of(definition_of(flow))
    # Somebody may still stand on a step that the live version has no more.
    standing = counters.runs(flow, staff_of(request)).order_by().values_list("step", flat=True).distinct()
    steps = titles | {step: step for step in standing if step not in titles}
    step = choice_of(request, "step", _("Step"), list(steps.items()))
    rows = counters.runs(flow, staff_of(request))
    for choice in (state, step):
        if choice.value:
            rows = rows.filter(**{choice.param: choice.value})
    context = {
        "flow": flow,
        "titles": titles,
        "page": page_of(request, rows, NEWEST_FIRST),
        "total": bounded_count(rows),
        "choices": [state, step],
        "chosen": [choice for choice in (state, step) if choice.value],
    }
    return render_page(request, "journeys/run_list.html", context)


@require_GET
@staff_required("journeys.view")
def run_detail(request: HttpRequest, number: int) -> HttpResponse:
    """One customer's run: each step behind it, where it stands, and what it wrote; for whoever sees the customer."""
    rows = Enrolment.objects.filter(pk=number).values_list("flow", flat=True)
    flow = get_object_or_404(Flow, pk__in=rows)
    run = get_object_or_404(counters.runs(flow, staff_of(request)).select_related("event"), pk=number)
    visits = list(run.visits.order_by("left_at", "pk"))
    context = {
        "flow": flow,
        "run": run,
        "visits": visits,
        "gifts": deeds.gifts_of(run, visits),
        "calls": deeds.calls_of(run, visits),
        "titles": titles_of(run.version.definition),
        "messages_sent": counters.messages_of(run),
    }
    return render(request, "journeys/run_detail.html", context)


def definition_of(flow: Flow) -> Any:
    """What people go through: the live version, else the draft."""
    return flow.live_version.definition if flow.live_version else flow.draft


def titles_of(json: object) -> dict[str, str]:
    """Each step's title by its id, in the order of the tree; nothing when the definition cannot be read."""
    definition = _read(json)
    return {card.id: card.title for card in outline(definition, names_here()).every_card()} if definition else {}


@require_POST
@staff_required("flows.stop")
def run_retry(request: HttpRequest, number: int) -> HttpResponse:
    """Take up a run that was set aside."""
    run = get_object_or_404(Enrolment.objects.select_related("flow"), pk=number)
    url = reverse("journeys:run_detail", args=[number])
    get_object_or_404(counters.runs(run.flow, staff_of(request)), pk=number)
    if not repair.retry_failed([run], now=timezone.now()):
        return refused(request, _("Another run of this customer has taken its place."), url)
    return done(request, _("It goes on where it failed."), url)


@require_http_methods(["GET", "POST"])
@staff_required("messages.send")
def enrol(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Put one customer into a live flow by hand: GET offers those there are."""
    customer = visible_customer(request, public_id)
    if request.method == "GET":
        live = Flow.objects.filter(state=Flow.State.LIVE).defer("draft")
        return render_page(request, "journeys/enrol.html", {"customer": customer, "flows": live}, partial="enrol")
    url = customer.get_absolute_url()
    flow = get_object_or_404(Flow.objects.select_related("live_version"), slug=request.POST.get("flow", ""))
    try:
        entered = enrolment.enrol_by_hand(flow, [customer], now=timezone.now())
    except enrolment.NotLive as error:
        return refused(request, str(error), url)
    if not entered:
        return refused(
            request,
            _("The flow does not take %(name)s in now: its audience or its rule about coming again says no.")
            % {"name": customer},
            url,
        )
    return done(request, _("%(name)s is in “%(flow)s”.") % {"name": customer, "flow": flow}, url)


def _read(definition: object) -> Definition | None:
    try:
        return parse_definition(definition)
    except InvalidDefinition:
        return None
