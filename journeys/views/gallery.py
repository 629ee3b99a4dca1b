"""New flows: from nothing, from the templates, from JSON, or as a copy of another."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from crm.access.guards import staff_required
from crm.lib.htmx import redirect_to, render_page
from crm.lib.slugs import free_slug
from crm.views.parts import posted
from journeys.flows import presets as ready
from journeys.flows import versions
from journeys.flows.definition import parse_definition
from journeys.flows.naming import names_here
from journeys.flows.outline import outline
from journeys.forms.details import NewFlowForm
from journeys.models import Flow

EMPTY: dict[str, Any] = {"trigger": {"manual": True}, "steps": []}


@require_http_methods(["GET", "POST"])
@staff_required("flows.edit")
def gallery(request: HttpRequest) -> HttpResponse:
    """The templates; and a form for a flow from nothing, or from JSON."""
    form = NewFlowForm(posted(request))
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        flow = versions.create_flow(
            slug=said["slug"], name=said["name"], definition=said["definition"] or deepcopy(EMPTY), now=timezone.now()
        )
        return redirect_to(request, _edit(flow))
    names = names_here()
    rows = [
        {"preset": preset, "drawn": outline(parse_definition(preset.definition), names), "topic": topic}
        for topic, presets in ready.BY_STAGE
        for preset in presets
    ]
    context = {"form": form, "rows": rows, "known": set(Flow.objects.values_list("slug", flat=True))}
    status = 422 if request.method == "POST" else 200
    return render_page(request, "journeys/gallery.html", context, partial="gallery", status=status)


@require_POST
@staff_required("flows.edit")
def use(request: HttpRequest, preset: str) -> HttpResponse:
    """A new draft from a template, with what it sends; the texts that are there already stay as they are."""
    found = next((it for it in ready.ALL if it.slug == preset), None)
    if found is None:
        raise Http404
    now = timezone.now()
    ready.install_texts(found, now=now)
    flow = versions.create_flow(
        slug=_free(found.slug), name=found.name, name_th=found.name_th, description=found.about,
        definition=found.definition, now=now,
    )  # fmt: skip
    return redirect_to(request, _edit(flow))


@require_POST
@staff_required("flows.edit")
def copy(request: HttpRequest, slug: str) -> HttpResponse:
    """A new draft that says what another flow's draft says."""
    flow = get_object_or_404(Flow, slug=slug)
    copied = versions.create_flow(
        slug=_free(flow.slug), name=(_("%(name)s, copy") % {"name": flow.name})[:100], definition=flow.draft,
        name_th=f"{flow.name_th} (สำเนา)"[:100] if flow.name_th else "", description=flow.description,
        now=timezone.now(),
    )  # fmt: skip
    return redirect_to(request, _edit(copied))


def _edit(flow: Flow) -> str:
    return reverse("journeys:builder", args=[flow.slug])


def _free(slug: str) -> str:
    """`slug`, with a number when another flow has it."""
    return free_slug(slug, Flow.objects.all(), stem="flow", reserved=versions.RESERVED)
