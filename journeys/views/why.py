"""Why somebody is in a flow or not, gate by gate, in plain words."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET

from crm.access.guards import staff_of, staff_required
from crm.lib.htmx import render_page
from crm.models import Customer
from crm.selectors.search import MOST, clean
from crm.views.customers import visible as visible_customer
from journeys.models import Flow
from journeys.selectors import flows as counters
from journeys.simulation import gates, why
from journeys.simulation.why import FlowAnswer
from messaging.selectors import decision

MOST_FLOWS = 50


@require_GET
@staff_required("flows.view")
def why_customer(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Of the `flow` that the address names, every gate; without one, what stands before each live flow."""
    customer, now = visible_customer(request, public_id), timezone.now()
    rows = Flow.objects.exclude(state=Flow.State.DRAFT).exclude(state=Flow.State.ARCHIVED).order_by("name", "pk")
    flows = list(rows.select_related("live_version")[:MOST_FLOWS])
    context: dict[str, Any] = {"customer": customer, "flows": flows}
    if slug := request.GET.get("flow", ""):
        flow = get_object_or_404(Flow.objects.select_related("live_version"), slug=slug)
        answer = why.why_flow(flow, customer, now=now)
        context |= {"flow": flow, "answer": answer, "gates": gates.in_words(answer.gates), **_last_run(answer)}
    else:
        answers = [why.why_flow(flow, customer, now=now) for flow in flows]
        context["answers"] = [(answer, _shut(answer)) for answer in answers]
    return render(request, "journeys/why.html", context)


def _shut(answer: FlowAnswer) -> gates.GateInWords | None:
    """The first gate that is shut."""
    return next((gate for gate in gates.in_words(answer.gates) if gate.verdict == why.STOPPED), None)


def _last_run(answer: FlowAnswer) -> dict[str, Any]:
    """What the customer's last run wrote, and what decided about each."""
    if not answer.runs:
        return {}
    return {"messages_of": [(message, decision.gates(message)) for message in counters.messages_of(answer.runs[0])]}


@require_GET
@staff_required("flows.view")
def why_flow(request: HttpRequest, slug: str) -> HttpResponse:
    """Look for the person whom the question is about."""
    flow, query = (
        get_object_or_404(Flow.objects.select_related("live_version"), slug=slug),
        clean(request.GET.get("q", "")),
    )
    customers = Customer.objects.visible_to(staff_of(request)).known()
    found = customers.matching(query).order_by("-last_seen_at", "-pk")[:MOST] if query else []
    return render_page(
        request, "journeys/why_flow.html", {"flow": flow, "query": query, "found": found}, partial="found"
    )
