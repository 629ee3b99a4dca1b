"""The journey map: where all customers stand, and how they move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from crm.access.guards import staff_of, staff_required
from crm.lib.charts import Chart, Link, Node, Step, funnel_chart, sankey_chart
from crm.lib.csv_files import csv_file
from crm.lib.htmx import render_page
from crm.views.customers import visible
from crm.views.parts import done, next_url, refused
from journeys.forms.moves import MoveForm
from journeys.models import Health, Journey
from journeys.selectors.board import columns as board_columns
from journeys.selectors.stages import Moves, StageCount, moves_between, stage_counts
from journeys.selectors.values import StageValue, stage_values
from journeys.stages import moves as moving
from journeys.views.asked import Asked, asked
from journeys.views.chosen import journeys_and_chosen

OUTSIDE = "new"


@require_GET
@staff_required("journeys.view")
def journey_map(request: HttpRequest, slug: str = "") -> HttpResponse:
    """Counts, conversion, value and moves of one journey; the shop's first one unless the address names another."""
    journeys, journey = journeys_and_chosen(slug)
    if journey is None:
        return render(request, "journeys/map_none.html", {"off": Journey.objects.first()})
    now = timezone.now()
    about = asked(request, now=now)
    counts = stage_counts(journey, about.customers, now=now)
    values = stage_values(journey, about.customers, {count.stage.pk: count.here for count in counts})
    if request.GET.get("as") == "csv":
        return _as_csv(journey, counts, values)
    moves = moves_between(journey, about.customers, since=about.period.since, until=about.period.until)
    lead = Leads(journey, about)
    names = {count.stage.pk: count.stage for count in counts}
    context = {
        "journeys": journeys,
        "journey": journey,
        "asked": about,
        "stages": [lead.stage(count, values.get(count.stage.pk, [])) for count in counts],
        "known": sum(count.here for count in counts),
        "funnel": _funnel(counts, lead),
        "sankey": _sankey(counts, moves, lead),
        "back": [
            (names[source].label, names[target].label, n, lead.move(names[source].slug, names[target].slug))
            for (source, target), n in sorted(moves.back.items())
        ],
    }
    return render_page(request, "journeys/map.html", context, partial="report")


@dataclass(frozen=True, slots=True)
class Leads:
    """Where the map's numbers lead."""

    journey: Journey
    about: Asked

    def to(self, of: str, **more: object) -> str:
        return self.about.link(reverse("journeys:people", args=[self.journey.slug]), of=of, **more)

    def move(self, source: str, target: str) -> str:
        return self.to("moved", source=source, target=target)

    def stage(self, count: StageCount, values: Sequence[StageValue]) -> dict[str, object]:
        """One stage with the address behind each of its numbers."""
        slug = count.stage.slug
        return {
            "count": count,
            "here": self.to("here", stage=slug),
            "reached": self.to("reached", stage=slug),
            "at_risk": self.to("here", stage=slug, health=Health.AT_RISK),
            "lapsed": self.to("here", stage=slug, health=Health.LAPSED),
            "held": self.to("held", stage=slug),
            "would": self.to("would", stage=slug),
            "values": [(value, self.to("value", stage=slug, currency=value.total.currency)) for value in values],
        }


@require_GET
@staff_required("journeys.view")
def board(request: HttpRequest, slug: str = "") -> HttpResponse:
    """A column for each stage; staff move people between them by hand."""
    journeys, journey = journeys_and_chosen(slug)
    if journey is None:
        return render(request, "journeys/map_none.html", {"off": Journey.objects.first()})
    about = asked(request, now=timezone.now(), with_period=False)
    lead = Leads(journey, about)
    context = {
        "journeys": journeys,
        "journey": journey,
        "asked": about,
        "columns": [
            (column, lead.to("here", stage=column.stage.slug)) for column in board_columns(journey, about.customers)
        ],
    }
    return render_page(request, "journeys/board.html", context, partial="report")


def _funnel(counts: list[StageCount], lead: Leads) -> Chart:
    return funnel_chart(
        title=_("How far customers have come"),
        label=_("Stage"),
        measure=_("Reached"),
        width=400,
        steps=[
            Step(
                count.stage.label, count.reached, f"stage-{count.stage.colour}",
                lead.to("reached", stage=count.stage.slug),
            )
            for count in counts
        ],
    )  # fmt: skip


def _sankey(counts: list[StageCount], moves: Moves, lead: Leads) -> Chart:
    slugs: dict[int | None, str] = {None: OUTSIDE, **{count.stage.pk: count.stage.slug for count in counts}}

    def node(stage: int | None, name: str, layer: int, tone: str = "") -> Node:
        slug = slugs[stage]
        return Node(slug, name, layer, tone, lead.to("through", stage=slug), moves.through.get(stage, 0))

    nodes = [node(None, _("New"), 0)]
    nodes += [node(count.stage.pk, count.stage.label, index, count.stage.tone) for index, count in enumerate(counts, 1)]
    links = [
        Link(slugs[source], slugs[target], n, lead.move(slugs[source], slugs[target]))
        for (source, target), n in moves.forward.items()
    ]
    return sankey_chart(
        title=_("Moves between stages"),
        headers=(_("From"), _("To"), _("Customers")),
        nodes=nodes,
        links=links,
        width=680,
        height=330,
    )


def _as_csv(journey: Journey, counts: list[StageCount], values: Mapping[int, Sequence[StageValue]]) -> HttpResponse:
    """A row for each stage; one more for each further currency."""
    headers = (
        _("Stage"), _("Here now"), _("Reached"), _("Of the stage before, %"), _("At risk"), _("Lapsed"),
        _("Held by hand"), _("Would have moved"), _("Half for over, hours"), _("Value"), _("Per head"), _("Currency"),
    )  # fmt: skip
    table: list[tuple[object, ...]] = []
    for count in counts:
        worth = values.get(count.stage.pk, [])
        stay = None if count.half_longer_than is None else count.half_longer_than // timedelta(hours=1)
        numbers = (count.here, count.reached, count.share, count.at_risk, count.lapsed, count.held, count.would_have)
        table.append((count.stage.label, *numbers, stay, *_amounts(next(iter(worth), None))))
        table += [(count.stage.label, *[None] * (len(numbers) + 1), *_amounts(value)) for value in worth[1:]]
    return csv_file(f"journey-{journey.slug}", headers, table)


def _amounts(value: StageValue | None) -> tuple[object, ...]:
    return (str(value.total.amount), str(value.per_head.amount), value.total.currency) if value else (None, None, None)


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
