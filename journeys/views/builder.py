"""The flow builder: the draft as a tree of cards, one of them open in the panel beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.access.guards import staff_required
from crm.lib.htmx import render_page
from crm.views.parts import done, posted, refused
from journeys.flows import drafts, history, trees, versions
from journeys.flows.definition import InvalidDefinition, parse_definition
from journeys.flows.naming import names_here
from journeys.flows.outline import Card, Names, outline
from journeys.flows.trees import Json, NoSuchPlace
from journeys.forms import steps as step_forms
from journeys.forms import terms as term_forms
from journeys.forms.choices import Choices
from journeys.forms.details import DefinitionForm, FlowNamesForm
from journeys.forms.step_form import JsonForm
from journeys.models import Flow
from journeys.selectors import flows as counters

# What can be put in, as the menu shows it: (kind, icon, name, what it is for).
KINDS: list[tuple[str, str, str | Promise, str | Promise]] = [
    ("send", "send", gettext_lazy("Send a message"), gettext_lazy("SMS, email or LINE")),
    ("wait", "clock", gettext_lazy("Wait"), gettext_lazy("for so long, until a date of theirs, or by the product")),
    ("wait_event", "clock", gettext_lazy("Wait for a fact"), gettext_lazy("and go one way or the other")),
    ("wait_rule", "clock", gettext_lazy("Wait until something is true"), gettext_lazy("of the customer")),
    ("branch", "branch", gettext_lazy("Which way?"), gettext_lazy("by what is true of the customer")),
    ("split", "branch", gettext_lazy("Split to compare"), gettext_lazy("by chance, by weight")),
    ("task", "task", gettext_lazy("Open a task"), gettext_lazy("for a colleague")),
    ("ticket", "lifebuoy", gettext_lazy("Open a ticket"), gettext_lazy("in the inbox")),
    ("tag", "tag", gettext_lazy("Change tags"), gettext_lazy("put on, take off")),
    ("set", "pencil", gettext_lazy("Set on the record"), gettext_lazy("attributes of the customer")),
    ("coupon", "coupon", gettext_lazy("Give a coupon"), gettext_lazy("a code for the messages that follow")),
    ("webhook", "webhook", gettext_lazy("Call another system"), gettext_lazy("a signed webhook")),
    ("move_stage", "route", gettext_lazy("Move to a stage"), gettext_lazy("of a journey")),
    ("enrol", "flow", gettext_lazy("Into a flow"), gettext_lazy("another one")),
    ("unenrol", "flow", gettext_lazy("Out of a flow"), gettext_lazy("another one")),
    ("exit", "leave", gettext_lazy("Leave the flow"), gettext_lazy("nothing follows")),
]
NAMES = {kind: name for kind, _icon, name, _why in KINDS}
TERMS: dict[str, str | Promise] = {
    "trigger": gettext_lazy("Starts when"),
    "audience": gettext_lazy("For"),
    "reentry": gettext_lazy("Again"),
    "exits": gettext_lazy("Leaves early when"),
    "goal": gettext_lazy("Goal"),
    "holdout": gettext_lazy("Held out"),
}
BARE: Json = {"trigger": {"manual": True}, "steps": [{"id": "any", "type": "exit", "reason": "any"}]}


@dataclass(frozen=True, slots=True)
class Way:
    """One list a card leads into; `earlier` and `later` say whether it can be put before or behind another."""

    place: str
    key: str
    name: str
    cards: list[DraftCard]
    earlier: bool = False
    later: bool = False


@dataclass(frozen=True, slots=True)
class DraftCard:
    """A step of a draft; `faults` says what is wrong with it or below it does not count."""

    id: str
    kind: str
    icon: str
    title: str
    lines: list[str]
    ways: list[Way]
    faults: list[str] = field(default_factory=list)


# --- pages ----------------------------------------------------------------------------------------


@require_GET
@staff_required("flows.edit")
def builder(request: HttpRequest, slug: str) -> HttpResponse:
    """
    The tree, and in the panel what the address asks for: `step`, `card` (a term), `add` (a place), perhaps with `kind`.
    """
    flow = get_object_or_404(Flow.objects.select_related("live_version"), slug=slug)
    response = _show(request, flow, _panel(request, flow))
    response["HX-Push-Url"] = request.get_full_path()  # also after a POST, which redirects here
    return response


def _show(request: HttpRequest, flow: Flow, panel: Json, *, status: int = 200) -> HttpResponse:
    faults = versions.faults_of(flow.draft, slug=flow.slug)
    names = names_here()
    undo, redo = history.can(flow)
    context = {
        "flow": flow,
        "panel": panel,
        "faults": faults,
        "cards": _cards(trees.steps_of(flow.draft), names, _by_step(faults)),
        "terms": _terms(flow.draft, names, {fault.path.partition(".")[0].partition("[")[0] for fault in faults}),
        "can_undo": undo,
        "can_redo": redo,
        "changed": flow.live_version is None or flow.live_version.fingerprint != versions.fingerprint(flow.draft),
        "steps": counters.step_counts(flow) if flow.live_version else {},
        "event_names": Choices.read().events if panel.get("form") else [],
    }
    return render_page(request, "journeys/builder.html", context, partial="builder", status=status)


def _panel(request: HttpRequest, flow: Flow) -> Json:
    """What stands in the panel."""
    asked = request.GET
    if step_id := asked.get("step"):
        try:
            step = trees.find(flow.draft, step_id)
        except NoSuchPlace:
            return {"kind": "gone"}
        return _step_panel(flow, step, as_json=asked.get("as") == "json")
    if key := asked.get("card"):
        if key not in term_forms.FORMS:
            raise Http404
        form = term_forms.FORMS[key](flow.draft, Choices.read())
        return {"kind": "term", "key": key, "title": TERMS[key], "form": form}
    if place := asked.get("add"):
        return _add_panel(flow, place, asked.get("kind", ""))
    return {}


def _step_panel(flow: Flow, step: Json, *, as_json: bool = False, data: Any = None) -> Json:
    choices = Choices.read()
    form = JsonForm(step, choices, data) if as_json else step_forms.form_for(step, choices, data)
    step_id = trees.id_of(step)
    return {
        "kind": "step", "step": step_id, "title": NAMES.get(str(step.get("type")), step.get("type")), "form": form,
        "as_json": isinstance(form, JsonForm), "has_form": step.get("type") in step_forms.FORMS,
        "up": trees.can_move(flow.draft, step_id, -1), "down": trees.can_move(flow.draft, step_id, 1),
    }  # fmt: skip


def _add_panel(flow: Flow, place: str, kind: str, data: Any = None) -> Json:
    if not kind:
        return {"kind": "menu", "place": place, "title": _("What comes here?"), "kinds": KINDS}
    if kind not in NAMES:
        raise Http404
    step = {"id": trees.fresh_id(flow.draft, kind.replace("_", "-")), "type": kind}
    form = step_forms.form_for(step, Choices.read(), data, is_new=True)
    return {"kind": "new", "place": place, "step_kind": kind, "title": NAMES[kind], "form": form}


# --- edits ----------------------------------------------------------------------------------------


@require_POST
@staff_required("flows.edit")
def save_step(request: HttpRequest, slug: str, step: str) -> HttpResponse:
    """Save a step's form; with `as=json` in the address, its JSON."""
    flow = _flow(slug)
    try:
        panel = _step_panel(
            flow, trees.find(flow.draft, step), as_json=request.GET.get("as") == "json", data=request.POST
        )
    except NoSuchPlace:
        return _gone(request, flow)
    form = panel["form"]
    if not form.is_valid():
        return _show(request, flow, panel, status=422)
    edited = form.edited()
    if edited["id"] != step and _has(flow.draft, edited["id"]):
        form.add_error("id", _("Another step has this id."))
        return _show(request, flow, panel, status=422)
    return _edit(request, flow, lambda draft: trees.replace(draft, step, edited), f"step={edited['id']}")


@require_POST
@staff_required("flows.edit")
def add_step(request: HttpRequest, slug: str) -> HttpResponse:
    """Put a new step at the place the address names."""
    flow, place = _flow(slug), request.GET.get("add", "")
    panel = _add_panel(flow, place, request.GET.get("kind") or "?", request.POST)
    form = panel["form"]
    if not form.is_valid():
        return _show(request, flow, panel, status=422)
    new = form.edited()
    if _has(flow.draft, new["id"]):
        form.add_error("id", _("Another step has this id."))
        return _show(request, flow, panel, status=422)
    return _edit(request, flow, lambda draft: trees.insert(draft, place, new), f"step={new['id']}")


@require_POST
@staff_required("flows.edit")
def save_term(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Save what starts the flow, whom it is for, and the like."""
    flow = _flow(slug)
    if key not in term_forms.FORMS:
        raise Http404
    form = term_forms.FORMS[key](flow.draft, Choices.read(), request.POST)
    if not form.is_valid():
        panel = {"kind": "term", "key": key, "title": TERMS[key], "form": form}
        return _show(request, flow, panel, status=422)
    edited = form.edited()

    def change(draft: Any) -> Json:
        rest = {name: value for name, value in (draft if isinstance(draft, dict) else {}).items() if name != key}
        return {**rest, key: edited[key]} if key in edited else rest

    return _edit(request, flow, change, f"card={key}")


@require_POST
@staff_required("flows.edit")
def act(request: HttpRequest, slug: str) -> HttpResponse:
    """What the buttons do: `do` is up, down, copy, delete, earlier or later (with `step`, `way`), undo or redo."""
    flow, step, what = _flow(slug), request.POST.get("step", ""), request.POST.get("do", "")
    way = request.POST.get("way", "")
    now = timezone.now()
    if what in ("undo", "redo"):
        try:
            (history.undo if what == "undo" else history.redo)(flow, now=now)
        except versions.CannotPublish as error:
            return refused(request, str(error), _url(flow))
        return HttpResponseRedirect(_url(flow))
    if what == "copy":
        copied = ""

        def copy(draft: Any) -> Json:
            nonlocal copied
            edited, copied = trees.duplicate(draft, step)
            return edited

        response = _edit(request, flow, copy, "")
        return HttpResponseRedirect(_url(flow, f"step={copied}")) if copied else response
    changes: dict[str, tuple[Callable[[Any], Json], str]] = {
        "up": (lambda draft: trees.move(draft, step, -1), f"step={step}"),
        "down": (lambda draft: trees.move(draft, step, 1), f"step={step}"),
        "delete": (lambda draft: trees.remove(draft, step), ""),
        "earlier": (lambda draft: trees.shift_way(draft, step, way, -1), f"step={step}"),
        "later": (lambda draft: trees.shift_way(draft, step, way, 1), f"step={step}"),
    }
    if what not in changes:
        raise BadRequest(_("There is no such button."))
    return _edit(request, flow, *changes[what])


@require_http_methods(["GET", "POST"])
@staff_required("flows.edit")
def definition(request: HttpRequest, slug: str) -> HttpResponse:
    """The whole draft as JSON: to be copied, or to be replaced."""
    flow = _flow(slug)
    text = json.dumps(trees.in_reading_order(flow.draft), indent=2, ensure_ascii=False)
    form = DefinitionForm(posted(request), initial={"definition": text})
    if request.method == "GET" or not form.is_valid():
        context = {"flow": flow, "form": form, "text": text}
        status = 422 if request.method == "POST" else 200
        return render_page(request, "journeys/builder_json.html", context, partial="json", status=status)
    return _edit(request, flow, lambda _draft: form.cleaned_data["definition"], "")


@require_http_methods(["GET", "POST"])
@staff_required("flows.edit")
def names(request: HttpRequest, slug: str) -> HttpResponse:
    """What the flow is called; newcomers and people inside notice nothing."""
    flow = _flow(slug)
    form = FlowNamesForm(posted(request), instance=flow)
    if request.method == "GET" or not form.is_valid():
        status = 422 if request.method == "POST" else 200
        return render_page(request, "journeys/builder_names.html", {"flow": flow, "form": form}, status=status)
    try:
        drafts.edit_flow(flow, form.cleaned_data, now=timezone.now())
    except versions.CannotPublish as error:
        return refused(request, str(error), reverse("journeys:flow_detail", args=[slug]))
    return done(request, _("Saved."), _url(flow))


def _edit(request: HttpRequest, flow: Flow, change: Callable[[Any], Any], then: str) -> HttpResponse:
    try:
        history.edit(flow, change, now=timezone.now())
    except NoSuchPlace:
        return _gone(request, flow)
    except versions.CannotPublish as error:
        return refused(request, str(error), reverse("journeys:flow_detail", args=[flow.slug]))
    return HttpResponseRedirect(_url(flow, then))


def _gone(request: HttpRequest, flow: Flow) -> HttpResponse:
    return refused(request, _("That step is no longer here: somebody else may have taken it away."), _url(flow))


def _has(draft: Any, step_id: str) -> bool:
    return any(trees.id_of(step) == step_id for step in trees.walk(draft))


def _flow(slug: str) -> Flow:
    return get_object_or_404(Flow.objects.select_related("live_version"), slug=slug)


def _url(flow: Flow, query: str = "") -> str:
    url = reverse("journeys:builder", args=[flow.slug])
    return f"{url}?{query}" if query else url


# --- the draft in words -----------------------------------------------------------------------------


def _by_step(faults: list[Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for fault in faults:
        if fault.step:
            found.setdefault(fault.step, []).append(fault.message)
    return found


def _cards(steps: list[Any], names: Names, faults: dict[str, list[str]]) -> list[DraftCard]:
    return [_card(step, names, faults) for step in steps if isinstance(step, dict)]


def _card(step: Json, names: Names, faults: dict[str, list[str]]) -> DraftCard:
    """The step in words; one that has faults of its own by its kind."""
    step_id, kind = trees.id_of(step), str(step.get("type", ""))
    said = _said(step, names)
    icon = next((icon for name, icon, _name, _why in KINDS if name == kind), "dot")
    labels = [path.name for path in said.paths] if said else []
    ways = [
        Way(
            f"in.{step_id}.{place}", place, labels[number] if number < len(labels) else place,
            _cards(inner, names, faults), trees.can_shift_way(step, place, -1), trees.can_shift_way(step, place, 1),
        )
        for number, (place, inner) in enumerate(trees.lists_of(step))
    ]  # fmt: skip
    return DraftCard(
        id=step_id, kind=kind, icon=said.icon if said else icon,
        title=said.title if said else str(NAMES.get(kind, kind or _("a step without a type"))),
        lines=said.lines if said else [], ways=ways, faults=faults.get(step_id, []),
    )  # fmt: skip


def _said(step: Json, names: Names) -> Card | None:
    try:
        alone = parse_definition({"trigger": {"manual": True}, "steps": [trees.without_lists(step)]})
    except InvalidDefinition:
        return None
    return outline(alone, names).cards[0]


def _terms(draft: Any, names: Names, faulty: set[str]) -> list[Json]:
    """Each term with what it says now."""
    draft = draft if isinstance(draft, dict) else {}
    return [
        {"key": key, "name": name, "said": _term(draft, key, names), "is_faulty": key in faulty, "is_set": key in draft}
        for key, name in TERMS.items()
    ]


def _term(draft: Json, key: str, names: Names) -> str:
    trigger = draft.get("trigger") if key in ("trigger", "reentry") else None
    alone = {**BARE, **({"trigger": trigger} if trigger else {}), **({key: draft[key]} if key in draft else {})}
    if key == "trigger" and key not in draft:
        return _("nothing yet")
    try:
        drawn = outline(parse_definition(alone), names)
    except InvalidDefinition:
        return _("has a fault")
    if key == "trigger":
        return drawn.trigger
    said = dict(drawn.terms)
    nothing = {"exits": _("nobody does"), "goal": _("none"), "holdout": _("nobody")}
    return said.get(str(TERMS[key])) or nothing.get(key, "")
