"""The funnel of a journey, and the people behind each of its numbers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from crm.access.guards import staff_of, staff_required
from crm.lib.charts import Step, funnel_chart
from crm.lib.htmx import render_page
from crm.lib.paging import Sort
from crm.views.parts import Choice, choice_of, page_of
from journeys.models import Journey
from journeys.selectors import funnel as selector
from journeys.views.stages import PERIODS

WINDOWS = [("7", gettext_lazy("7 days")), ("30", gettext_lazy("30 days")), ("90", gettext_lazy("90 days"))]


@require_GET
@staff_required("journeys.view")
def funnel(request: HttpRequest, slug: str) -> HttpResponse:
    """Of those who came to the journey in a period, how many went how far within a window."""
    journey = get_object_or_404(Journey.objects.active(), slug=slug)
    period, window = _asked(request)
    rows = selector.funnel(journey, staff_of(request), **_bounds(period, window, timezone.now()))
    query = urlencode({"days": period.value, "window": window.value})
    people = reverse("journeys:funnel_people", args=[slug])
    links = {row.stage.pk: f"{people}?{query}&stage={row.stage.slug}" for row in rows}
    context = {
        "journey": journey,
        "journeys": list(Journey.objects.active()),
        "period": period,
        "window": window,
        "rows": [(row, links[row.stage.pk]) for row in rows],
        "chart": funnel_chart(
            title=_("How far they came"), label=_("Stage"), measure=_("Reached"), width=640,
            steps=[
                Step(row.stage.label, row.reached, f"stage-{row.stage.colour}", links[row.stage.pk]) for row in rows
            ],
        ),
    }  # fmt: skip
    return render(request, "journeys/funnel.html", context)


@require_GET
@staff_required("journeys.view")
def funnel_people(request: HttpRequest, slug: str) -> HttpResponse:
    """Everybody behind one number of the funnel."""
    journey = get_object_or_404(Journey.objects.active(), slug=slug)
    period, window = _asked(request)
    stage = get_object_or_404(journey.stages.select_related("journey"), slug=request.GET.get("stage", ""))
    rows = selector.members(
        journey, staff_of(request), stage=stage, **_bounds(period, window, timezone.now())
    ).select_related("owner")
    context = {
        "journey": journey,
        "stage": stage,
        "period": period,
        "window": window,
        "page": page_of(request, rows, Sort("created_at")),
    }
    return render_page(request, "journeys/funnel_people.html", context)


def _asked(request: HttpRequest) -> tuple[Choice, Choice]:
    """The period in which people came, and how long after it counts; a quarter and a month unless the address says."""
    found = [
        choice_of(request, param, label, options)
        for param, label, options in (("days", _("Came in the last"), PERIODS), ("window", _("Within"), WINDOWS))
    ]
    period, window = (
        choice if choice.value else Choice(choice.param, choice.label, choice.options, default)
        for choice, default in zip(found, ("90", "30"), strict=True)
    )
    return period, window


def _bounds(period: Choice, window: Choice, now: datetime) -> dict[str, Any]:
    since = now - timedelta(days=int(period.value))
    return {"since": since, "until": now, "window": timedelta(days=int(window.value))}
