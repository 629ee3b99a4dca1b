"""The cohorts of a journey: a triangle of shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from crm.access.guards import staff_required
from crm.extensions import Text
from crm.lib.csv_files import csv_file
from crm.lib.htmx import render_page
from crm.views.parts import Choice, choice_of
from journeys.models import Journey, Stage
from journeys.selectors import cohorts as selector
from journeys.selectors.cohorts import LATER, Mark
from journeys.views.asked import Asked, asked, with_default
from journeys.views.chosen import journeys_and_chosen

FIRST_ORDER, AGAIN = "first-order", "order-again"
BY = [("month", gettext_lazy("month")), ("week", gettext_lazy("week"))]
MOST = 60  # cohorts on a page
SHADES = 5  # .heat-1 … .heat-5 in static/css/journeys.css


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page compares: who came to `start`, when they came to `reach`, in the periods between `edges`."""

    start: Mark
    reach: Mark
    by: str
    edges: list[datetime]
    until: datetime


@require_GET
@staff_required("journeys.view")
def cohorts(request: HttpRequest, slug: str) -> HttpResponse:
    """Of those who came to a stage in the same week or month, what share came to another how much later."""
    journeys, journey = journeys_and_chosen(slug)
    if journey is None:
        raise Http404
    now = timezone.now()
    about = asked(request, now=now, days="365", more=cohort_choices(request, journey))
    shown = read(journey, about, now)
    found = selector.cohorts(shown.start, shown.reach, about.customers, edges=shown.edges, until=shown.until, now=now)
    # Empty periods before anybody came say nothing.
    while found and not found[0].size:
        found = found[1:]
    later = range(max((len(cohort.cells) for cohort in found), default=0))
    if request.GET.get("as") == "csv":
        return _as_csv(slug, found, later)
    context = {
        "journey": journey,
        "journeys": journeys,
        "asked": about,
        "by": shown.by,
        "later": later,
        "rows": [_row(cohort, about, reverse("journeys:people", args=[slug])) for cohort in found],
        "is_empty": not found,
    }
    return render_page(request, "journeys/cohorts.html", context, partial="report")


def _row(cohort: selector.Cohort, about: Asked, url: str) -> dict[str, object]:
    """The cohort with where its numbers lead, and how deep each cell is coloured."""
    day = timezone.localdate(cohort.since)
    cells = [
        (cell, about.link(url, of="cohort", cohort=day, later=cell.later), -(-(cell.share or 0) * SHADES // 100))
        for cell in cohort.cells
    ]
    return {"cohort": cohort, "day": day, "url": about.link(url, of="cohort", cohort=day), "cells": cells}


def cohort_choices(request: HttpRequest, journey: Journey) -> list[Choice]:
    """Who is in a cohort, what they come to, and how long a period is."""
    stages = [(stage.slug, stage.label) for stage in _stages(journey)]
    starts: list[tuple[str, Text]] = [*stages, (FIRST_ORDER, _("first order"))]
    start = with_default(choice_of(request, "start", _("Came to"), starts), starts[0][0])
    reaches: list[tuple[str, Text]] = [*stages[1:], (AGAIN, _("ordered again"))]
    reach = choice_of(request, "reach", _("And then to"), reaches)
    names = [name for name, _label in stages]
    if start.value in names and reach.value in names and names.index(reach.value) <= names.index(start.value):
        reach = Choice(reach.param, reach.label, reach.options)  # that lies behind them: what comes next is asked
    following = names[names.index(start.value) + 1 :][:1] if start.value in names else []
    return [
        start,
        with_default(reach, following[0] if following else AGAIN),
        with_default(choice_of(request, "by", _("Each period"), BY), "month"),
    ]


def read(journey: Journey, about: Asked, now: datetime) -> Shown:
    """The marks and periods that the address asks for; of a longer time the last MOST periods."""
    by = about.chosen("by")
    last = timezone.localdate(about.period.until - timedelta(microseconds=1))
    longest = last - timedelta(days=MOST * (7 if by == "week" else 30))
    first = max(timezone.localdate(about.period.since), longest) if about.period.since else longest
    beyond = min(last + timedelta(days=LATER * (7 if by == "week" else 31)), timezone.localdate(now))
    stages = {stage.slug: stage for stage in _stages(journey)}
    start, reach = about.chosen("start"), about.chosen("reach")
    return Shown(
        start=Mark(journey, order=1) if start == FIRST_ORDER else Mark(journey, stages[start]),
        reach=Mark(journey, order=2) if reach == AGAIN else Mark(journey, stages[reach]),
        by=by,
        edges=selector.edges_of(first, max(beyond, last), by=by, zone=timezone.get_current_timezone()),
        until=about.period.until,
    )


def _stages(journey: Journey) -> list[Stage]:
    return list(journey.stages.select_related("journey").order_by("rank", "pk"))


def _as_csv(slug: str, found: Sequence[selector.Cohort], later: Sequence[int]) -> HttpResponse:
    headers = [_("Cohort"), _("Customers"), *later, _("Still open from")]
    table = []
    for cohort in found:
        reached: list[object] = [cell.reached for cell in cohort.cells]
        is_open = next((cell.later for cell in cohort.cells if cell.is_open), None)
        padding = [None] * (len(later) - len(reached))
        table.append([date_format(cohort.since, "Y-m-d"), cohort.size, *reached, *padding, is_open])
    return csv_file(f"cohorts-{slug}", headers, table)
