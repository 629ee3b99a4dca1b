"""Journeys made and edited: what they are called, their stages in order, and stages taken away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.exceptions import BadRequest
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from crm.access.guards import staff_of, staff_required
from crm.lib.htmx import redirect_to, render_page
from crm.lib.numbers import whole
from crm.lib.slugs import unlike
from crm.views.parts import done, posted
from journeys.flows.uses import uses_of_stage
from journeys.forms.journeys import (
    JourneyForm,
    NewJourneyForm,
    NewStageForm,
    RemoveStageForm,
    StageForm,
)  # fmt: skip
from journeys.models import Journey, Position, Stage
from journeys.selectors.changes import changes_of
from journeys.stages import editing, retiring
from journeys.stages.editing import ChangedMeanwhile, InvalidJourney
from journeys.stages.presets import JOURNEYS
from journeys.views.chosen import any_journey

CHANGES = 10


@require_http_methods(["GET", "POST"])
@staff_required("journeys.edit")
def journey_new(request: HttpRequest) -> HttpResponse:
    """A journey like one of the presets, or with stages of its own."""
    form = NewJourneyForm(posted(request), initial={"start": JOURNEYS[0].slug})
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        names = {name: said[name] for name in ("slug", "name", "name_th")}
        preset = next((one for one in JOURNEYS if one.slug == said["start"]), None)
        try:
            journey = (
                editing.create_from_preset(preset, **names)
                if preset
                else editing.create_journey(stages=said["stages"], **names)
            )
        except InvalidJourney as error:
            _refuse(form, error)
        else:
            return redirect_to(request, _url(journey))
    status = 422 if request.method == "POST" else 200
    return render_page(request, "journeys/journey_new.html", {"form": form}, partial="form", status=status)


@require_http_methods(["GET", "POST"])
@staff_required("journeys.edit")
def journey_edit(request: HttpRequest, slug: str) -> HttpResponse:
    """The journey's own columns, and its stages."""
    journey = any_journey(slug)
    if request.method == "GET":
        return _page(request, journey)
    form = JourneyForm(request.POST, instance=any_journey(slug))
    return _save(
        request, journey, form, lambda held: editing.edit_journey(held, form.cleaned_data), {"form": form}
    )  # fmt: skip


@require_POST
@staff_required("journeys.edit")
def stage_add(request: HttpRequest, slug: str) -> HttpResponse:
    """A stage behind the last."""
    journey = any_journey(slug)
    form = NewStageForm(request.POST, instance=Stage(journey=journey))

    def add(held: Journey) -> None:
        said = dict(form.cleaned_data)
        taken = set(held.stages.values_list("slug", flat=True))
        wish = said.pop("slug")
        if wish in taken:
            raise InvalidJourney(["slug"], _("Another stage has this slug."))
        editing.put_stage(held, wish or unlike(said["name"], taken, stem="stage"), **said)

    return _save(request, journey, form, add, {"new": form})


@require_POST
@staff_required("journeys.edit")
def stage_edit(request: HttpRequest, slug: str, stage: str) -> HttpResponse:
    """Rename or colour a stage; or, with `place`, put it elsewhere: "up", "down" or its number from 1."""
    journey = any_journey(slug)
    row = get_object_or_404(journey.stages, slug=stage)
    if "place" in request.POST:
        place = _place(request.POST["place"], row)
        return _save(request, journey, None, lambda held: editing.put_stage(held, stage, rank=place), {})
    form = StageForm(request.POST, instance=row, prefix=stage)
    return _save(
        request, journey, form, lambda held: editing.put_stage(held, stage, **form.cleaned_data), {"stage_form": form}
    )  # fmt: skip


def _place(said: str, stage: Stage) -> int:
    """Counted among the stages there are, whatever their ranks."""
    before = Stage.objects.filter(journey=stage.journey_id).filter(
        Q(rank__lt=stage.rank) | Q(rank=stage.rank, pk__lt=stage.pk)
    )
    here = before.count() + 1
    if said in ("up", "down"):
        return max(here + (1 if said == "down" else -1), 1)
    if place := whole(said, most=99):
        return place
    raise BadRequest(_("There is no such place."))


@require_http_methods(["GET", "POST"])
@staff_required("journeys.edit")
def stage_remove(request: HttpRequest, slug: str, stage: str) -> HttpResponse:
    """What would become of the people of a stage, and taking it away."""
    journey = any_journey(slug)
    row = get_object_or_404(journey.stages.select_related("journey"), slug=stage)
    people, others = retiring.people_in(row), list(journey.stages.exclude(pk=row.pk).order_by("rank", "pk"))
    uses = uses_of_stage(journey.slug, row.slug)
    form = RemoveStageForm(posted(request), others=others, is_needed=retiring.was_ever_used(row))
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid() and not uses:
            target = next((one for one in others if str(one.pk) == form.cleaned_data["move_to"]), None)
            try:
                with transaction.atomic():
                    editing.hold(journey, request.POST.get("mark", ""))
                    moved = retiring.remove_stage(row, move_to=target, actor=staff_of(request), now=timezone.now())
            except ChangedMeanwhile:
                status = 409
                form.add_error(None, _meanwhile())
            except InvalidJourney as error:
                _refuse(form, error)
            else:
                text = _("“%(stage)s” is taken away; %(n)s customers moved on.") % {"stage": row.label, "n": moved}
                return done(request, text, _url(journey))
    context = {
        "journey": journey, "stage": row, "people": people, "others": others, "form": form, "uses": uses,
        "mark": editing.mark_of(journey),
    }  # fmt: skip
    return render_page(request, "journeys/stage_remove.html", context, partial="remove", status=status)


# --- the page ---------------------------------------------------------------------------------------


def _save(
    request: HttpRequest,
    journey: Journey,
    form: forms.BaseForm | None,
    change: Callable[[Journey], Any],
    shown: dict[str, Any],
) -> HttpResponse:
    """Make the change and show the page anew; what is refused stays in its form, and so does what came too late."""
    if form is not None and not form.is_valid():
        return _page(request, journey, status=422, **shown)
    try:
        with transaction.atomic():
            change(editing.hold(journey, request.POST.get("mark", "")))
    except ChangedMeanwhile:
        return _page(request, journey, status=409, meanwhile=_meanwhile(), **shown)
    except InvalidJourney as error:
        if form is None:
            raise BadRequest(error.message) from error
        _refuse(form, error)
        return _page(request, journey, status=422, **shown)
    return done(request, _("Saved."), _url(journey))


def _page(request: HttpRequest, journey: Journey, *, status: int = 200, **shown: Any) -> HttpResponse:
    journey = any_journey(journey.slug)  # as it is stored, whatever a form has put into the row
    people = dict(Position.objects.filter(journey=journey).values_list("stage").annotate(Count("pk")).order_by())
    open_form: Any = shown.get("stage_form")
    rows = [
        {
            "stage": stage,
            "people": people.get(stage.pk, 0),
            "rules": [rule for rule in stage.rules.all() if rule.is_active],
            "back": [rule for rule in stage.rules.all() if rule.is_active and rule.may_move_back],
            "form": open_form if open_form and open_form.prefix == stage.slug else StageForm(
                instance=stage, prefix=stage.slug
            ),
        }
        for stage in journey.stages.prefetch_related("rules").order_by("rank", "pk")
    ]  # fmt: skip
    context = {
        "journey": journey,
        "journeys": list(Journey.objects.all()),
        "form": JourneyForm(instance=journey),
        "new": NewStageForm(initial={"colour": 1 + len(rows) % len(Stage.Colour)}),
        "rows": rows,
        "mark": editing.mark_of(journey),
        "changes": changes_of(journey, limit=CHANGES),
        **shown,
    }
    return render_page(request, "journeys/journey_edit.html", context, partial="journey", status=status)


def _refuse(form: forms.BaseForm, error: InvalidJourney) -> None:
    field = error.path[-1] if error.path and error.path[-1] in form.fields else None
    form.add_error(field, error.message)


def _meanwhile() -> str:
    return _(
        "Somebody else has just changed this journey; yours is not saved. You see how it is now: look, then save again."
    )


def _url(journey: Journey) -> str:
    return reverse("journeys:journey_edit", args=[journey.slug])
