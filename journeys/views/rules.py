"""The rules of a journey: what is evidence for its stages, and what a change would do."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.access.guards import staff_of, staff_required
from crm.events import types
from crm.lib import bell
from crm.lib.htmx import render_page
from crm.views.parts import done, refused
from journeys.forms.rules import RuleEditor
from journeys.models import Journey, StageRule
from journeys.stages import replaying, rulebook
from journeys.stages.evidence import evidence_in_words, who_would_move
from journeys.views.chosen import any_journey


@require_GET
@staff_required("journeys.view")
def rule_list(request: HttpRequest, slug: str) -> HttpResponse:
    """Every stage with what leads there, in words; and how far judging everybody anew has come."""
    journey = any_journey(slug)
    stages = journey.stages.prefetch_related("rules").order_by("rank", "pk")
    run = replaying.last_run(journey)
    context = {
        "journey": journey,
        "stages": [
            (stage, [(rule, evidence_in_words(rule)) for rule in sorted(stage.rules.all(), key=_by_priority)])
            for stage in stages
        ],
        "run": run,
        "progress": replaying.progress(run) if run and not run.finished_at else None,
    }
    return render_page(request, "journeys/rule_list.html", context, partial="replay")


def _by_priority(rule: StageRule) -> tuple[int, int]:
    return rule.priority, rule.pk


@require_http_methods(["GET", "POST"])
@staff_required("journeys.edit")
def rule_new(request: HttpRequest, slug: str) -> HttpResponse:
    """A rule for `stage`; with `back` one that lets people come back there."""
    journey = any_journey(slug)
    stage = journey.stages.filter(slug=request.GET.get("stage", "")).first() or journey.stages.order_by("rank").first()
    return _edit(request, StageRule(stage=stage, may_move_back="back" in request.GET), journey)


@require_http_methods(["GET", "POST"])
@staff_required("journeys.edit")
def rule_edit(request: HttpRequest, number: int) -> HttpResponse:
    rule = get_object_or_404(StageRule.objects.select_related("stage__journey"), pk=number)
    return _edit(request, rule, rule.stage.journey)


def _edit(request: HttpRequest, rule: StageRule, journey: Journey) -> HttpResponse:
    """The form; with "preview" what it would do, with "more" another line, else saved."""
    editor = RuleEditor(rule, journey, request.POST if request.method == "POST" else None)
    context = {
        "editor": editor, "rule": rule, "journey": journey,
        "event_names": sorted((str(kind.label), kind.name) for kind in types.known()),
    }  # fmt: skip
    asks_for_line = "more" in request.POST
    if request.method == "GET" or asks_for_line or not editor.is_valid():
        status = 200
        if request.method == "POST" and not asks_for_line:
            status = 409 if editor.is_late else 422
        return render_page(request, "journeys/rule_edit.html", context, partial="rule", status=status)
    if "preview" in request.POST:
        context["would"] = who_would_move(rulebook.with_draft(rule), staff_of(request), now=timezone.now())
        return render_page(request, "journeys/rule_edit.html", context, partial="rule")
    rule.save()
    text = _("The rule is saved. It counts for what happens from now on.")
    return done(request, text, reverse("journeys:rule_list", args=[journey.slug]))


@require_POST
@staff_required("journeys.edit")
def replay(request: HttpRequest, slug: str) -> HttpResponse:
    """Have everybody judged anew by the rules as they are; the worker does it."""
    journey = any_journey(slug)
    url = reverse("journeys:rule_list", args=[slug])
    ruleset = rulebook.of(journey)
    if ruleset is None:
        return refused(request, _("This journey is switched off."), url)
    replaying.begin(ruleset, now=timezone.now())
    bell.ring(replaying.BELL)
    return done(request, _("Everybody is being judged anew."), url)
