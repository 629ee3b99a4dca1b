"""Try a flow on one customer, and keep what came of it as a test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.access.guards import staff_of, staff_required
from crm.access.roles import may
from crm.lib.htmx import redirect_to, render_page
from crm.lib.numbers import whole
from crm.models import Customer, Shop
from crm.selectors.suggestions import event_names
from crm.views.parts import done, posted, refused
from journeys.flows import versions
from journeys.flows.definition import Fault
from journeys.forms.trials import KeepForm, ScriptEditor, Setting
from journeys.models import Flow, FlowTest
from journeys.simulation import expectations, flow_tests
from journeys.simulation.flow_tests import CannotKeep
from journeys.simulation.scripts import InvalidScript, Profile
from journeys.simulation.simulate import Simulation, SimulationBroke, simulate
from journeys.simulation.timeline import Moment, timeline
from journeys.simulation.words import difference_in_words, line_in_words, titles_of


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a script, as the page shows it."""

    simulation: Simulation
    moments: list[Moment]
    is_kept: bool  # whether it could be kept as a test


# --- Simulate ---------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@staff_required("flows.view")
def simulation(request: HttpRequest, slug: str) -> HttpResponse:
    """
    A script as a form, and what comes of it. POST plays it and writes nothing.

    The address may name a `customer` to begin with, a `test` to go on with, and `version=live` for what is published.
    POST with "keep" stores a test, with "more" or "drop" changes the lines of the form, with "find" looks for people.
    """
    flow = get_object_or_404(Flow.objects.select_related("live_version"), slug=slug)
    definition, is_live = _definition(request, flow)
    if faults := versions.faults_of(definition, slug=flow.slug):
        return _show(request, flow, {"faults": faults, "is_live": is_live})
    test = _test(request, flow)
    shop, now = Shop.current(), timezone.now()
    setting = Setting.of(flow, definition, shop)
    script = test.script if test else setting.first_script(now)
    customers = Customer.objects.visible_to(staff_of(request))
    editor = ScriptEditor(setting, script, customers, posted(request), request.GET.get("customer", ""))
    keeping = KeepForm(
        posted(request) if "keep" in request.POST else None,
        initial={"test_name": test.name, "texts": expectations.has_texts(test.expected)} if test else None,
    )
    context = {
        "editor": editor, "keeping": keeping, "test": test, "is_live": is_live, "shop": shop,
        "event_names": event_names(),
    }  # fmt: skip
    if request.method == "GET" or {"more", "drop", "find"} & request.POST.keys():
        return _show(request, flow, context)
    played = _play(editor)
    if played is None:
        return _show(request, flow, {**context, "is_wrong": True}, status=422)
    context["played"] = played
    if "keep" in request.POST and (kept := _keep(request, editor, played, keeping, test)):
        messages.success(request, _("“%(test)s” must pass from now on before the flow is published.") % {"test": kept})
        return redirect_to(request, reverse("journeys:flow_tests", args=[slug]))
    return _show(request, flow, context, status=422 if keeping.errors else 200)


def _show(request: HttpRequest, flow: Flow, context: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
    live = flow.live_version
    differs = live is not None and live.fingerprint != versions.fingerprint(flow.draft)
    return render_page(
        request, "journeys/simulation.html", {"flow": flow, "differs": differs, **context}, partial="simulation",
        status=status,
    )  # fmt: skip


def _definition(request: HttpRequest, flow: Flow) -> tuple[Any, bool]:
    """The draft, or what is live where the address asks for it; and which of the two it is."""
    asked = request.GET.get("version", "")
    if asked not in ("", "live") or (asked and flow.live_version is None):
        raise Http404
    return (flow.live_version.definition, True) if asked and flow.live_version else (flow.draft, False)


def _test(request: HttpRequest, flow: Flow) -> FlowTest | None:
    """The test that the address asks for."""
    said = request.GET.get("test", "")
    return get_object_or_404(FlowTest, flow=flow, pk=whole(said)) if said else None


def _play(editor: ScriptEditor) -> Played | None:
    """None when it cannot be played; the form says why."""
    if not editor.is_valid():
        return None
    script = editor.script()
    try:
        simulation = simulate(script)
    except InvalidScript as error:
        editor.refuse(error)
        return None
    except SimulationBroke as error:
        editor.form.add_error(None, _("The engine could not go on: %(why)s") % {"why": str(error).strip()[-300:]})
        return None
    moments = timeline(simulation, titles_of(script.definition), zone=editor.zone, shop_zone=editor.shop_zone)
    return Played(simulation, moments, isinstance(script.who, Profile))


def _keep(
    request: HttpRequest, editor: ScriptEditor, played: Played, keeping: KeepForm, test: FlowTest | None
) -> FlowTest | None:
    """The test that was stored; None when its form says why not."""
    user, now = staff_of(request), timezone.now()
    if not may(user, "flows.edit"):
        raise PermissionDenied
    if not keeping.is_valid():
        return None
    said = keeping.cleaned_data
    lines = expectations.lines_of(played.simulation, editor.zone, with_texts=said["texts"])
    try:
        return flow_tests.keep_test(
            editor.setting.flow, name=said["test_name"], script=editor.script(), expected=lines, actor=user, now=now,
            test=test, is_played=True,
        )  # fmt: skip
    except CannotKeep as error:
        keeping.add_error("test_name", error.message)
    return None


# --- Tests ------------------------------------------------------------------------------------------


@require_GET
@staff_required("flows.view")
def test_list(request: HttpRequest, slug: str) -> HttpResponse:
    """A flow's tests, how each went last with the draft as it is, and what came out otherwise."""
    flow = get_object_or_404(Flow.objects.select_related("live_version"), slug=slug)
    titles, print_ = titles_of(flow.draft), versions.fingerprint(flow.draft)
    tests = list(FlowTest.objects.filter(flow=flow).select_related("created_by"))
    rows = [_row(test, titles, print_) for test in tests]
    faults: list[Fault] = versions.faults_of(flow.draft, slug=flow.slug)
    context = {
        "flow": flow, "rows": rows, "faults": faults,
        "failing": sum(row["passed"] is False for row in rows), "untried": sum(row["passed"] is None for row in rows),
    }  # fmt: skip
    return render_page(request, "journeys/flow_tests.html", context, partial="tests")


def _row(test: FlowTest, titles: Mapping[str, str], print_: str) -> dict[str, Any]:
    return {
        "test": test,
        "passed": not test.differences if test.ran_with == print_ else None,
        "differences": [difference_in_words(difference, titles) for difference in test.differences],
        "lines": [line_in_words(line, titles) for line in test.expected],
    }


@require_POST
@staff_required("flows.edit")
def test_run(request: HttpRequest, slug: str) -> HttpResponse:
    """Try the draft with all of the flow's tests."""
    flow, url = _flow(slug)
    tests = list(FlowTest.objects.filter(flow=flow).select_related("flow"))
    flow_tests.run_tests(flow, tests, now=timezone.now())
    failed = sum(bool(test.differences) for test in tests)
    if failed:
        return refused(request, _("%(n)s of %(all)s tests fail.") % {"n": failed, "all": len(tests)}, url)
    return done(request, _("All tests pass."), url)


@require_POST
@staff_required("flows.edit")
def test_accept(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """What the draft does now is right: expect that from now on."""
    flow, url = _flow(slug)
    test = get_object_or_404(FlowTest.objects.select_related("flow"), flow=flow, pk=number)
    if versions.faults_of(flow.draft, slug=flow.slug):
        return refused(request, _("The draft has faults; there is nothing to expect of it yet."), url)
    try:
        flow_tests.accept(test, now=timezone.now())
    except (InvalidScript, SimulationBroke) as error:
        return refused(request, _("It cannot be played: %(why)s") % {"why": error}, url)
    return done(request, _("“%(test)s” now expects what the draft does.") % {"test": test}, url)


@require_POST
@staff_required("flows.edit")
def test_delete(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Expect it no longer."""
    flow, url = _flow(slug)
    test = get_object_or_404(FlowTest, flow=flow, pk=number)
    test.delete()
    return done(request, _("“%(test)s” is deleted.") % {"test": test}, url)


def _flow(slug: str) -> tuple[Flow, str]:
    return get_object_or_404(Flow, slug=slug), reverse("journeys:flow_tests", args=[slug])
