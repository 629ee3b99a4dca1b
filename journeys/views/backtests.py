"""Try a draft on the past: the worker counts, the page shows how far it is and may be left."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from crm.access.guards import staff_of, staff_required
from crm.lib.charts import Chart, Series, line_chart
from crm.lib.htmx import redirect_to, render_page
from crm.lib.money import Money
from crm.lib.numbers import whole
from crm.models import Channel, Shop
from crm.views.parts import done, posted
from journeys.flows import versions
from journeys.forms.backtests import BacktestForm
from journeys.models import Backtest, Flow
from journeys.simulation.backtest import rows
from journeys.simulation.backtest.backtest import CannotBacktest
from journeys.simulation.backtest.report import Report, StepReport, from_json
from journeys.simulation.why import TITLES
from journeys.simulation.words import reason_in_words, titles_of

SHOWN = 5  # earlier trials to choose from


@require_http_methods(["GET", "POST"])
@staff_required("flows.view")
def backtest(request: HttpRequest, slug: str) -> HttpResponse:
    """GET shows the `run` that the address names, else the latest; POST asks for another."""
    flow, now, shop = _flow(slug), timezone.now(), Shop.current()
    tz = ZoneInfo(shop.time_zone)
    faults = versions.faults_of(flow.draft, slug=flow.slug)
    runs = list(Backtest.objects.filter(flow=flow).defer("definition").select_related("asked_by")[:SHOWN])
    run_shown = _chosen(request, flow, runs)
    form = BacktestForm(posted(request), tz=tz, now=now, initial=run_shown and BacktestForm.initial_of(run_shown, tz))
    if request.method == "POST" and not faults and form.is_valid():
        since, until = form.span()
        try:
            run = rows.ask(
                flow, since=since, until=until, most=form.cleaned_data["most"], actor=staff_of(request), now=now,
                sms_price=form.cleaned_data["price"],
            )  # fmt: skip
        except CannotBacktest as error:
            form.add_error(None, str(error))
        else:
            return redirect_to(request, f"{reverse('journeys:backtest', args=[slug])}?run={run.pk}")
    context: dict[str, Any] = {"flow": flow, "faults": faults, "form": form, "runs": runs, "run": run_shown}
    if run_shown and run_shown.finished_at and run_shown.report:
        context |= _shown(run_shown, shop)
    status = 422 if request.method == "POST" else 200
    return render_page(request, "journeys/backtest.html", context, partial="run", status=status)


def _chosen(request: HttpRequest, flow: Flow, runs: list[Backtest]) -> Backtest | None:
    said = request.GET.get("run", "")
    if not said:
        return runs[0] if runs else None
    return get_object_or_404(Backtest.objects.select_related("asked_by"), flow=flow, pk=whole(said))


def _shown(run: Backtest, shop: Shop) -> dict[str, Any]:
    """The report in figures, lines and tables."""
    report = from_json(run.report)
    titles = titles_of(run.definition)
    price = run.sms_price
    return {
        "report": report,
        "cost": Money.of(price * report.segments, shop.currency) if price is not None else None,
        "sent": sum(report.sent.values()),
        "channels": [(Channel(channel).label, number) for channel, number in sorted(report.sent.items())],
        "chart": _chart(report),
        "refused": [(TITLES[gate], number) for gate, number in report.refused.most_common()],
        "exited": [
            (reason_in_words(reason, of_message=False), number) for reason, number in report.exited.most_common()
        ],
        "withheld": [
            (reason_in_words(reason, of_message=True), number) for reason, number in report.withheld.most_common()
        ],
        "held": [(reason_in_words(reason, of_message=True), number) for reason, number in report.held.most_common()],
        "steps": [_step(titles.get(step, step), found) for step, found in _in_order(report, titles)],
        "is_of_this_draft": versions.fingerprint(run.definition) == versions.fingerprint(run.flow.draft),
    }


def _step(title: str, found: StepReport) -> dict[str, Any]:
    reasons = [*found.held.most_common(), *found.withheld.most_common()]
    return {
        "title": title, "sent": found.sent, "outcomes": found.outcomes.most_common(),
        "kept_back": [(reason_in_words(reason, of_message=True), number) for reason, number in reasons],
    }  # fmt: skip


def _in_order(report: Report, titles: dict[str, str]) -> list[tuple[str, StepReport]]:
    """As the steps stand in the flow."""
    order = {step: number for number, step in enumerate(titles)}
    return sorted(report.steps.items(), key=lambda item: order.get(item[0], len(order)))


def _chart(report: Report) -> Chart:
    """Messages by day, a line for each channel."""
    days = sorted({on for on, _channel in report.days})
    every = [date.fromordinal(day) for day in range(days[0].toordinal(), days[-1].toordinal() + 1)] if days else []
    channels = sorted({channel for _on, channel in report.days})
    return line_chart(
        title=_("Messages by day"), label=_("Day"), labels=[date_format(day, "j M") for day in every], width=640,
        series=[
            Series(
                Channel(channel).label,
                [report.days[day, channel].sent if (day, channel) in report.days else 0 for day in every],
            )
            for channel in channels
        ],
    )  # fmt: skip


@require_POST
@staff_required("flows.view")
def backtest_stop(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Count no further, and forget what was counted."""
    Backtest.objects.filter(flow=_flow(slug), pk=number).delete()
    return done(request, _("The trial is put away."), reverse("journeys:backtest", args=[slug]))


def _flow(slug: str) -> Flow:
    return get_object_or_404(Flow.objects.select_related("live_version"), slug=slug)
