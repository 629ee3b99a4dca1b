"""The runs and the messages behind the numbers of a flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from crm.access.guards import staff_required
from crm.lib.htmx import render_page
from crm.lib.paging import Sort, bounded_count
from crm.models import Channel
from crm.views.parts import choice_of, page_of
from journeys.models import Enrolment, Flow
from journeys.selectors import flow_results as selector
from journeys.selectors.flow_results import CONTROL
from journeys.selectors.flows import messages_of_runs, runs_at
from journeys.templatetags.journeys_ui import ended_because, outcome
from journeys.views.flows import definition_of, titles_of
from journeys.views.results import asked_of, path_name, runs_of
from messaging.channels.reasons import label_of
from messaging.models import Message

Rows = tuple[QuerySet[Enrolment], list[str]]  # which runs, and what they were narrowed to in words
# The places of a step's card: runs that stand there, were set aside there, or reached the goal after it.
PLACES = {"waiting": _("waiting"), "failed": _("failed"), "converted": _("reached the goal after it")}
FATES = {
    "on_the_way": _("on the way"), "sent": _("sent"), "delivered": _("delivered"), "clicked": _("link followed"),
    "failed": _("not delivered"), "unclear": _("unclear"), "withheld": _("withheld"), "cancelled": _("cancelled"),
}  # fmt: skip
HELD = {"own": _("held out by this flow"), "control": _("control group of the shop")}


@require_GET
@staff_required("flows.view")
def results_behind(request: HttpRequest, slug: str) -> HttpResponse:
    """Every run, or with `of=messages` every message, that a number of the flow counts; the parameters say which."""
    flow = get_object_or_404(Flow.objects.select_related("live_version"), slug=slug)
    about = asked_of(request, flow, timezone.now())
    titles = titles_of(definition_of(flow))
    context: dict[str, Any]
    if request.GET.get("of") == "messages":
        messages, said = _messages(request, flow, runs_of(flow, about), titles)
        letters = messages.select_related("customer", "topic", "template")
        context = {"page": page_of(request, letters, Sort("id")), "total": bounded_count(messages), "of": "messages"}
    else:
        runs, said = _narrowed(request, runs_of(flow, about), titles)
        rows = runs.select_related("customer", "version").defer("context", "memory", "version__definition")
        context = {"page": page_of(request, rows, Sort("entered_at")), "total": bounded_count(runs), "of": "runs"}
    context |= {
        "flow": flow,
        "titles": titles,
        "about": [*said, *about.in_words],
        "back": about.link(reverse("journeys:results", args=[slug])),
    }
    return render_page(request, "journeys/results_behind.html", context)


def _narrowed(request: HttpRequest, runs: QuerySet[Enrolment], titles: Mapping[str, str]) -> Rows:
    """The runs as the address narrows them."""
    said: list[str] = []
    state = choice_of(request, "state", _("State"), Enrolment.State.choices)
    held = choice_of(request, "held", _("Held out"), list(HELD.items()))
    reason, step = request.GET.get("reason", ""), request.GET.get("step", "")
    if state.value:
        runs, said = runs.filter(state=state.value), [*said, str(state.chosen)]
    if reason:
        runs, said = runs.filter(reason=reason), [*said, ended_because(reason)]
    if held.value:
        is_control = Q(reason=CONTROL)
        runs = runs.filter(is_control if held.value == "control" else ~is_control, state=Enrolment.State.HELD_OUT)
        said.append(str(held.chosen))
    if request.GET.get("treated"):
        runs, said = runs.exclude(state=Enrolment.State.HELD_OUT), [*said, _t("went through it")]
    if request.GET.get("goal"):
        runs, said = runs.filter(selector.REACHED), [*said, _t("reached the goal")]
    if step:
        runs, more = _at_step(request, runs, step)
        said = [titles.get(step, step), *more, *said]
    return runs, said


def _at_step(request: HttpRequest, runs: QuerySet[Enrolment], step: str) -> Rows:
    """The runs behind a number of a step's card, or of one of its paths."""
    path, word = request.GET.get("path", ""), request.GET.get("outcome", "")
    at = choice_of(request, "at", _("Step"), list(PLACES.items()))
    if path:
        converted = bool(request.GET.get("converted"))
        found = selector.on_path(runs, step=step, path=path, converted=converted)
        return found, [path_name(path), *([_t("reached the goal")] if converted else [])]
    found = runs_at(runs, step=step, at=at.value, outcome=word)
    return found, [outcome(word)] if word else [str(at.chosen)] if at.value else []


def _messages(
    request: HttpRequest, flow: Flow, runs: QuerySet[Enrolment], titles: Mapping[str, str]
) -> tuple[QuerySet[Message], list[str]]:
    """The messages that the runs wrote, as the address narrows them."""
    step, reason = request.GET.get("step", ""), request.GET.get("reason", "")
    channel = choice_of(request, "channel", _("Channel"), Channel.choices)
    fate = choice_of(request, "fate", _("State"), list(FATES.items()))
    messages = messages_of_runs(flow, runs)
    said = [titles.get(step, step)] if step else []
    if step:
        messages = messages.filter(cause__step=step)
    if channel.value:
        messages, said = messages.filter(channel=channel.value), [*said, str(channel.chosen)]
    if fate.value:
        messages, said = messages.filter(selector.FATES[fate.value]), [*said, str(fate.chosen)]
    if reason:
        messages, said = messages.filter(reason=reason), [*said, str(label_of(reason))]
    return messages, said
