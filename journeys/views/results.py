"""The results of a flow, and the runs or messages behind each of its numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from crm.access.guards import staff_required
from crm.lib.charts import Chart, Series, line_chart
from crm.lib.csv_files import csv_file
from crm.lib.htmx import render_page
from crm.models import Channel
from crm.views.parts import choice_of
from journeys.models import Enrolment, Flow
from journeys.selectors import flow_results as selector
from journeys.selectors.flow_results import MessageCount, Outcome, PathCount, Span
from journeys.selectors.results import Group
from journeys.templatetags.journeys_ui import ended_because
from journeys.views.asked import Asked, asked
from journeys.views.flows import definition_of, titles_of
from messaging.channels.reasons import label_of

ENDED = "exited"


@dataclass(frozen=True, slots=True)
class Report:
    """Everything the page shows, and where its numbers lead."""

    flow: Flow
    asked: Asked
    by: str
    outcome: Outcome
    spans: Sequence[Span]
    paths: Sequence[PathCount]
    messages: Sequence[MessageCount]
    versions: Sequence[tuple[int, Group]]
    endings: Sequence[tuple[str, int]]
    titles: dict[str, str]

    def to(self, **more: object) -> str:
        return self.asked.link(reverse("journeys:results_behind", args=[self.flow.slug]), **more)


@require_GET
@staff_required("flows.view")
def flow_results(request: HttpRequest, slug: str) -> HttpResponse:
    """What a flow has done for its goal: in all, beside those it only watched, over time, by path, message, version."""
    report = _report(request, get_object_or_404(Flow.objects.select_related("live_version"), slug=slug))
    if request.GET.get("as") == "csv":
        table = _TABLES.get(request.GET.get("table", "time"))
        if table is None:
            raise Http404
        return csv_file(f"{slug}-{request.GET.get('table', 'time')}", *table(report))
    has_goal = bool(definition_of(report.flow).get("goal") or report.outcome.treated.converted)
    context = {
        "flow": report.flow,
        "asked": report.asked,
        "has_goal": has_goal,
        "outcome": report.outcome,
        "groups": _groups(report),
        "lifts": _lifts(report.outcome),
        "chart": _chart(report, has_goal=has_goal),
        "spans": [(span, _span_link(report, span), _span_link(report, span, goal=1)) for span in report.spans],
        "paths": [_path_row(report, path) for path in report.paths],
        "letters": [_message_row(report, row) for row in report.messages],
        "versions": [
            (n, group, report.to(version=n, treated=1), report.to(version=n, treated=1, goal=1))
            for n, group in report.versions
        ],
        "endings": [(reason, n, report.to(state=ENDED, reason=reason)) for reason, n in report.endings],
        "links": {"entered": report.to(), "treated": report.to(treated=1), "goals": report.to(treated=1, goal=1)},
    }
    return render_page(request, "journeys/results.html", context, partial="report")


def _report(request: HttpRequest, flow: Flow) -> Report:
    now = timezone.now()
    about = asked_of(request, flow, now)
    runs = runs_of(flow, about)
    by = about.period.stretch
    return Report(
        flow=flow, asked=about, by=by,
        outcome=selector.outcome_of(runs),
        spans=selector.over_time(runs, by=by, now=now),
        paths=selector.per_path(runs),
        messages=selector.per_message(flow, runs),
        versions=selector.per_version(runs),
        endings=selector.endings(runs),
        titles=titles_of(definition_of(flow)),
    )  # fmt: skip


def asked_of(request: HttpRequest, flow: Flow, now: datetime) -> Asked:
    """Whose runs are looked at, begun when, of which version."""
    numbers = flow.versions.order_by("-number").values_list("number", flat=True)
    versions = [(str(number), _("version %(n)s") % {"n": number}) for number in numbers]
    return asked(request, now=now, days="all", more=[choice_of(request, "version", _("Version"), versions)])


def runs_of(flow: Flow, about: Asked) -> QuerySet[Enrolment]:
    """The runs the page is about."""
    version = about.chosen("version")
    return selector.runs_in(
        flow, about.customers, since=about.period.since, until=about.period.until,
        version=int(version) if version else None,
    )  # fmt: skip


def _groups(report: Report) -> list[tuple[str, Group, str, str]]:
    """(who, people and conversions, address of the people, address of the converted)."""
    outcome = report.outcome
    rows: list[tuple[str, Group, dict[str, object]]] = [(_("Went through it"), outcome.treated, {"treated": 1})]
    if outcome.own.people:
        rows.append((_("Held out by this flow"), outcome.own, {"held": "own"}))
    if outcome.control.people:
        rows.append((_("Control group of the shop"), outcome.control, {"held": "control"}))
    return [(who, group, report.to(**more), report.to(**more, goal=1)) for who, group, more in rows]


def _lifts(outcome: Outcome) -> list[dict[str, object]]:
    """What the flow adds to the rate of those it only watches, in points of percent."""
    lift = outcome.lift
    if lift is None:
        return []
    low, high = lift.interval
    return [{"points": 100 * lift.difference, "low": 100 * low, "high": 100 * high, "is_clear": lift.is_clear}]


def _chart(report: Report, *, has_goal: bool) -> Chart:
    went = Series(_("Went through it"), [span.group.people for span in report.spans])
    reached = Series(_("Reached the goal"), [span.group.converted for span in report.spans])
    return line_chart(
        title=_("Entered, and reached the goal") if has_goal else _("Entered"),
        label=_("Entered"),
        labels=[date_format(span.first, "M Y" if report.by == "month" else "j M") for span in report.spans],
        series=[went, reached] if has_goal else [went],
        width=880,
    )


def _span_link(report: Report, span: Span, **more: object) -> str:
    """The runs of one day, week or month, as far as they lie in the period asked for."""
    asked_for = report.asked.period
    first = max(span.first, asked_for.first) if asked_for.first else span.first
    last = min(span.last, asked_for.last) if asked_for.last else span.last
    days = {"from": first, "to": last}
    if asked_for.since and not asked_for.first and span.first <= timezone.localdate(asked_for.since):
        # The first stretch of "the last 30 days" begins in the middle of a day.
        days = {"to": last}
    return report.to(**days, treated=1, **more)


def _path_row(report: Report, path: PathCount) -> dict[str, object]:
    more = {"step": report.titles.get(path.step, path.step), "name": path_name(path.path), "group": path.group}
    link = {"step": path.step, "path": path.path}
    return {**more, "url": report.to(**link), "goal_url": report.to(**link, converted=1)}


def path_name(path: str) -> str:
    """A path as its author named it."""
    return _("Everybody else") if path == selector.ELSE else path


def _message_row(report: Report, row: MessageCount) -> dict[str, object]:
    link = {"of": "messages", "step": row.step, "channel": row.channel}
    return {
        "step": report.titles.get(row.step, row.step),
        "channel": Channel(row.channel).label,
        "row": row,
        "all": report.to(**link),
        "fates": {fate: (n, report.to(**link, fate=fate)) for fate, n in row.fates.items()},
        "withheld": [(label_of(why), n, report.to(**link, fate="withheld", reason=why)) for why, n in row.withheld],
    }


Table = tuple[Sequence[str], list[Sequence[object]]]


def _interval(group: Group) -> tuple[object, ...]:
    low, high = group.wilson()
    return group.people, group.converted, *(round(100 * share, 1) for share in (group.rate, low, high))


def _rates(what: str, rows: Sequence[tuple[object, Group]]) -> Table:
    headers = (what, _("Runs"), _("Reached the goal"), _("Share, %"), _("at least, %"), _("at most, %"))
    return headers, [(name, *_interval(group)) for name, group in rows]


def _messages_table(report: Report) -> Table:
    headers = (
        _("Step"), _("Channel"), _("Written"), _("On the way"), _("Sent"), _("Delivered"), _("Followed a link"),
        _("Not delivered"), _("Unclear"), _("Withheld"), _("Cancelled"), _("SMS parts"), _("Cost"),
    )  # fmt: skip
    return headers, [
        (
            report.titles.get(row.step, row.step),
            Channel(row.channel).label,
            row.written,
            *row.fates.values(),
            row.parts,
            Decimal(row.cost_micros).scaleb(-6).normalize(),
        )
        for row in report.messages
    ]


_TABLES: dict[str, Callable[[Report], Table]] = {
    "time": lambda report: _rates(_("Entered"), [(span.first, span.group) for span in report.spans]),
    "groups": lambda report: _rates(_("Who"), [(who, group) for who, group, *_urls in _groups(report)]),
    "paths": lambda report: _rates(
        _("Path"), [(f"{report.titles.get(p.step, p.step)}: {path_name(p.path)}", p.group) for p in report.paths]
    ),
    "versions": lambda report: _rates(_("Version"), report.versions),
    "endings": lambda report: (
        (_("Left early because"), _("Runs")), [(ended_because(reason), n) for reason, n in report.endings]
    ),
    "messages": _messages_table,
}  # fmt: skip
