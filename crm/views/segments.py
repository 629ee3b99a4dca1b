"""Segments: the list, the page of one, and the editor of its rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.access.guards import staff_of, staff_required
from crm.forms.base import refuse
from crm.forms.segments import SegmentForm
from crm.lib.htmx import render_page
from crm.lib.paging import Sort
from crm.models import Segment
from crm.rules import Fault, InvalidRule
from crm.rules.words import in_words, naming
from crm.selectors.segments import comings_and_goings, newest_members
from crm.services import segments
from crm.views import rules
from crm.views.parts import done, page_of, posted, refused

BY_NAME = Sort("name", descending=False)
CHART_DAYS = 30
VERSIONS = 10  # of the rule, on its page


@require_GET
@staff_required("segments.view")
def segment_list(request: HttpRequest) -> HttpResponse:
    """Every segment with how many are in it, and its rule in words."""
    page = page_of(request, Segment.objects.all(), BY_NAME)
    with naming(segment.rule for segment in page.rows):
        rows = [(segment, in_words(segment.rule)) for segment in page.rows]
    return render_page(request, "crm/segment_list.html", {"page": page, "rows": rows})


@require_GET
@staff_required("segments.view")
def segment_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """The rule in words, who is in it, who came and went."""
    segment = get_object_or_404(Segment, slug=slug)
    entered, left, chart = comings_and_goings(segment, now=timezone.now(), days=CHART_DAYS)
    versions = list(segment.history.select_related("history_user")[:VERSIONS])
    with naming([segment.rule, *(version.rule for version in versions)]):
        words = in_words(segment.rule)
        earlier = [(version, in_words(version.rule)) for version in versions]
    context: dict[str, Any] = {
        "segment": segment,
        "words": words,
        "rule_text": rules.as_text(segment.rule),
        "members": newest_members(segment, staff_of(request)),
        "entered": entered,
        "left": left,
        "chart": chart,
        "uses": segments.users_of(segment),
        "versions": earlier,
    }
    return render(request, "crm/segment_detail.html", context)


@require_http_methods(["GET", "POST"])
@staff_required("segments.edit")
def segment_create(request: HttpRequest) -> HttpResponse:
    """A new segment."""
    form = SegmentForm(posted(request), initial={"rule": "{}"})
    faults: Sequence[Fault] = ()
    if request.method == "POST" and form.is_valid():
        fields = form.cleaned_data
        try:
            segment = segments.create_segment(
                name=fields["name"], slug=fields["slug"], description=fields["description"],
                rule=rules.read(fields["rule"]), actor=staff_of(request), now=timezone.now(),
            )  # fmt: skip
        except (segments.InvalidSegment, InvalidRule) as error:
            faults = _refuse(form, error)
        else:
            return done(request, _("“%(name)s” is being filled.") % {"name": segment}, segment.get_absolute_url())
    return _editor(request, form, faults)


@require_http_methods(["GET", "POST"])
@staff_required("segments.edit")
def segment_edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Its name, description and rule; never its slug."""
    segment = get_object_or_404(Segment, slug=slug)
    initial = {"name": segment.name, "description": segment.description, "rule": rules.as_text(segment.rule)}
    form = SegmentForm(posted(request), initial=initial)
    del form.fields["slug"]
    faults: Sequence[Fault] = ()
    if request.method == "POST" and form.is_valid():
        try:
            changes = {**form.cleaned_data, "rule": rules.read(form.cleaned_data["rule"])}
            segments.edit_segment(segment, changes, now=timezone.now())
        except (segments.InvalidSegment, InvalidRule) as error:
            faults = _refuse(form, error)
        else:
            return done(request, _("Saved."), segment.get_absolute_url())
    return _editor(request, form, faults, segment)


def _refuse(form: SegmentForm, error: segments.InvalidSegment | InvalidRule) -> Sequence[Fault]:
    """Faults of the rule stand in the builder, everything else beside its field."""
    if isinstance(error, segments.InvalidSegment) and error.field != "rule":
        refuse(form, error)
        return ()
    form.add_error("rule", _("This rule cannot be used yet."))
    return error.faults


def _editor(
    request: HttpRequest, form: SegmentForm, faults: Sequence[Fault], segment: Segment | None = None
) -> HttpResponse:
    context = {
        "form": form,
        "segment": segment,
        "builder": rules.builder("rule", form["rule"].value() or "{}", faults),
    }
    return render(request, "crm/segment_edit.html", context, status=422 if form.errors else 200)


@require_POST
@staff_required("segments.edit")
def segment_refresh(request: HttpRequest, slug: str) -> HttpResponse:
    """Have its members found anew now, not tonight."""
    segment = get_object_or_404(Segment, slug=slug)
    segments.ask_refresh([segment], timezone.now())
    return done(request, _("“%(name)s” is being refreshed.") % {"name": segment}, segment.get_absolute_url())


@require_POST
@staff_required("segments.edit")
def segment_delete(request: HttpRequest, slug: str) -> HttpResponse:
    """Take it away, unless somebody speaks of it; its page says who, with the way there."""
    segment = get_object_or_404(Segment, slug=slug)
    try:
        segments.delete_segment(segment)
    except segments.SegmentInUse as error:
        names = ", ".join(f"{use.name} ({use.what})" for use in error.users)
        said = _("It is in use and stays: %(names)s.") % {"names": names}
        return refused(request, said, f"{segment.get_absolute_url()}#uses")
    return done(request, _("“%(name)s” is gone.") % {"name": segment}, reverse("crm:segment_list"))
