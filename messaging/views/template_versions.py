"""The versions of a template: comparing two, bringing an old one back, publishing a draft."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.access.guards import shop_of, staff_of, staff_required
from crm.views.parts import done, found, refused
from messaging.forms.templates import in_words
from messaging.models import Template, TemplateVersion
from messaging.outbox.authoring import InvalidTemplate, NotNewest, publish_version, restore_version
from messaging.rendering.freezing import Pieces
from messaging.selectors import library
from messaging.selectors.differences import differences
from messaging.selectors.gaps import gaps_in
from messaging.texts import liquid


@require_GET
@staff_required("templates.view")
def template_versions(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """All versions; `?old=` and `?new=` are the numbers of the two that are compared, by default the newest two."""
    template = found(Template.objects.all(), public_id)
    versions = list(template.versions.select_related("author").order_by("-number"))
    new = _chosen(request, "new", versions, 0)
    old = _chosen(request, "old", versions, 1)
    context = {
        "template": template,
        "versions": versions,
        "live": next((version for version in versions if version.published_at), None),
        "old": old,
        "new": new,
        "differences": differences(old, new) if old and new else [],
    }
    return render(request, "messaging/template_versions.html", context)


@require_POST
@staff_required("templates.edit")
def template_restore(request: HttpRequest, public_id: UUID, number: int) -> HttpResponse:
    """An old version's texts as a new draft."""
    template = found(Template.objects.all(), public_id)
    version = template.versions.filter(number=number).first()
    if version is None:
        raise Http404
    draft = restore_version(version, author=staff_of(request), now=timezone.now())
    said = _("Version %(old)s is back as draft %(new)s. Look at it, then publish it.")
    return done(request, said % {"old": number, "new": draft.number}, template.get_absolute_url())


@require_http_methods(["GET", "POST"])
@staff_required("templates.edit")
def template_publish(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """What changes, and what customers lack, before the newest draft is published."""
    template = found(Template.objects.all(), public_id)
    version = template.versions.order_by("-number").first()
    if version is None or version.published_at:
        return refused(request, _("There is no draft to publish."), template.get_absolute_url())
    if request.method == "POST":
        return _publish(request, template, version)
    live = template.live_version
    drafts = {row.language: library.draft_of(row) for row in version.variants.all()}
    try:
        gaps = gaps_in(drafts, user=staff_of(request), shop=shop_of(request), pieces=Pieces.current())
        fault = ""
    except liquid.InvalidTemplate as error:
        gaps, fault = [], str(error)
    context = {
        "template": template,
        "version": version,
        "live": live,
        "differences": differences(live, version) if live else [],
        "gaps": gaps,
        "fault": fault,
    }
    return render(request, "messaging/template_publish.html", context)


def _publish(request: HttpRequest, template: Template, version: TemplateVersion) -> HttpResponse:
    try:
        publish_version(version, now=timezone.now())
    except NotNewest:
        return refused(request, _("There is a later version by now."), template.get_absolute_url())
    except InvalidTemplate as error:
        fault = error.faults[0]
        back = reverse("messaging:template_publish", args=[template.public_id])
        return refused(request, in_words(fault.code, fault.message, fault.line), back)
    said = _("Version %(number)s is live: it is what goes out from now on.")
    return done(request, said % {"number": version.number}, template.get_absolute_url())


def _chosen(request: HttpRequest, name: str, versions: list[TemplateVersion], place: int) -> TemplateVersion | None:
    wanted = request.GET.get(name, "")
    if wanted:
        return next((version for version in versions if str(version.number) == wanted), None)
    return versions[place] if len(versions) > place else None
