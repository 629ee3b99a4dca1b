"""The journey map: where all customers stand, and how they move."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from crm.access.guards import staff_of, staff_required
from crm.lib.charts import Chart, Link, Node, Step, funnel_chart, sankey_chart
from crm.views.customers import visible
from crm.views.parts import choice_of, done, next_url, refused
from journeys.forms.moves import MoveForm
from journeys.models import Journey
from journeys.selectors.board import columns as board_columns
from journeys.selectors.links import customers_in
from journeys.selectors.stages import Moves, StageCount, moves_between, stage_counts
from journeys.stages import moves as moving

PERIODS = [("30", gettext_lazy("30 days")), ("90", gettext_lazy("90 days")), ("365", gettext_lazy("a year"))]
NEW = "new"


@require_GET
@staff_required("journeys.view")
def journey_map(request: HttpRequest, slug: str = "") -> HttpResponse:
    """Counts, conversion and moves of one journey; the shop's first one unless the address names another."""
    journeys, journey = _chosen(slug)
    if journey is None:
        return render(request, "journeys/map_none.html")
    period = choice_of(request, "days", _("Period"), PERIODS)
    days = int(period.value or PERIODS[0][0])
    user, now = staff_of(request), timezone.now()
    counts = stage_counts(journey, user, now=now)
    moves = moves_between(journey, user, since=now - timedelta(days=days), until=now)
    names = {count.stage.pk: count.stage.label for count in counts}
    context = {
        "journeys": journeys,
        "journey": journey,
        "counts": [{"count": count, "url": customers_in(count.stage)} for count in counts],
        "known": sum(count.here for count in counts),
        "funnel": _funnel(counts),
        "sankey": _sankey(counts, moves),
        "back": [(names[source], names[target], n) for (source, target), n in sorted(moves.back.items())],
        "days": days,
        "periods": PERIODS,
    }
    return render(request, "journeys/map.html", context)


def _chosen(slug: str) -> tuple[list[Journey], Journey | None]:
    """The active journeys and the one the address names, without a name the first; None when all are switched off."""
    journeys = list(Journey.objects.active())
    journey = next((one for one in journeys if one.slug == slug or not slug), None)
    if journey is None and slug:
        raise Http404
    return journeys, journey


@require_GET
@staff_required("journeys.view")
def board(request: HttpRequest, slug: str = "") -> HttpResponse:
    """A column for each stage; staff move people between them by hand."""
    journeys, journey = _chosen(slug)
    if journey is None:
        return render(request, "journeys/map_none.html")
    context = {
        "journeys": journeys,
        "journey": journey,
        "columns": [(column, customers_in(column.stage)) for column in board_columns(journey, staff_of(request))],
    }
    return render(request, "journeys/board.html", context)


def _funnel(counts: list[StageCount]) -> Chart:
    return funnel_chart(
        title=_("How far customers have come"),
        label=_("Stage"),
        measure=_("Reached"),
        width=400,
        steps=[
            Step(count.stage.label, count.reached, f"stage-{count.stage.colour}", customers_in(count.stage))
            for count in counts
        ],
    )


def _sankey(counts: list[StageCount], moves: Moves) -> Chart:
    nodes = [Node(NEW, _("New"), 0)]
    nodes += [
        Node(str(count.stage.pk), count.stage.label, index, count.stage.tone) for index, count in enumerate(counts, 1)
    ]
    links = [Link(str(source or NEW), str(target), n) for (source, target), n in moves.forward.items()]
    return sankey_chart(
        title=_("Moves between stages"),
        headers=(_("From"), _("To"), _("Customers")),
        nodes=nodes,
        links=links,
        width=680,
        height=330,
    )


@require_POST
@staff_required("journeys.move")
def move(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """A member of staff says where a customer stands, and may hold them there."""
    customer = visible(request, public_id)
    form = MoveForm(request.POST)
    if not form.is_valid():
        raise BadRequest(" ".join(str(error) for errors in form.errors.values() for error in errors))
    stage, until, now = form.cleaned_data["stage"], form.cleaned_data["hold_until"], timezone.now()
    hold = timezone.make_aware(datetime.combine(until, time.min)) if until else None
    url = next_url(request, customer.get_absolute_url())
    try:
        moving.move_customers(
            [customer], stage=stage, actor=staff_of(request), note=form.cleaned_data["note"], hold_until=hold, now=now
        )
    except moving.InvalidMove as error:
        return refused(request, error.message, url)
    return done(request, _("%(name)s is now in %(stage)s.") % {"name": customer, "stage": stage.label}, url)
