"""The funnel of a journey."""

from __future__ import annotations

from datetime import timedelta

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from crm.access.guards import staff_required
from crm.lib.charts import Step, funnel_chart
from crm.lib.csv_files import csv_file
from crm.lib.htmx import render_page
from crm.views.parts import Choice, choice_of
from journeys.models import Journey
from journeys.selectors import funnel as selector
from journeys.views.asked import asked, with_default
from journeys.views.chosen import journeys_and_chosen

WINDOWS = [
    ("7", gettext_lazy("7 days")), ("30", gettext_lazy("30 days")), ("90", gettext_lazy("90 days")),
    ("365", gettext_lazy("a year")),
]  # fmt: skip


@require_GET
@staff_required("journeys.view")
def funnel(request: HttpRequest, slug: str) -> HttpResponse:
    """Of those who came to the journey in a period, how many went how far within a window."""
    journeys, journey = journeys_and_chosen(slug)
    if journey is None:
        raise Http404
    about = asked(request, now=timezone.now(), more=window_choice(request, journey))
    window = timedelta(days=int(about.chosen("window")))
    rows = selector.funnel(journey, about.customers, since=about.period.since, until=about.period.until, window=window)
    if request.GET.get("as") == "csv":
        return _as_csv(slug, rows)
    people = reverse("journeys:people", args=[slug])
    links = {row.stage.pk: about.link(people, of="funnel", stage=row.stage.slug) for row in rows}
    context = {
        "journey": journey,
        "journeys": journeys,
        "asked": about,
        "rows": [(row, links[row.stage.pk]) for row in rows],
        "chart": funnel_chart(
            title=_("How far they came"), label=_("Stage"), measure=_("Reached"),
            steps=[
                Step(row.stage.label, row.reached, f"stage-{row.stage.colour}", links[row.stage.pk]) for row in rows
            ],
        ),
    }  # fmt: skip
    return render_page(request, "journeys/funnel.html", context, partial="report")


def window_choice(request: HttpRequest, journey: Journey) -> list[Choice]:
    """How long after their beginning customers' stages count; a month unless the address says."""
    return [with_default(choice_of(request, "window", _("Within"), WINDOWS), "30")]


def _as_csv(slug: str, rows: list[selector.FunnelStage]) -> HttpResponse:
    headers = (_("Stage"), _("Reached"), _("Of all, %"), _("Of the stage before, %"), _("Half needed at most, hours"))
    table = [
        (
            row.stage.label, row.reached, row.share, row.from_before,
            None if row.median is None else row.median // timedelta(hours=1),
        )
        for row in rows
    ]  # fmt: skip
    return csv_file(f"funnel-{slug}", headers, table)
