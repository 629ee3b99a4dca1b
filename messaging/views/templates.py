"""Templates: the list, what one says to a customer, writing one with a preview beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from crm.access.contacts import name_for
from crm.access.guards import shop_of, staff_of, staff_required
from crm.forms.base import refuse
from crm.lib.htmx import render_page, wants
from crm.models import Channel, Customer
from crm.selectors.search import clean
from crm.templatetags.ui import language_name
from crm.views.parts import choice_of, done, found, posted
from messaging.designs import DESIGNS, design
from messaging.forms.templates import TemplateForm, TestForm, in_words
from messaging.models import Template, TemplateVariant
from messaging.outbox.authoring import check, save_template
from messaging.rendering.freezing import Pieces
from messaging.rendering.preview import Draft
from messaging.selectors import library
from messaging.selectors.gaps import Gap, gaps_in
from messaging.selectors.samples import Sample, sample_for
from messaging.services import trials
from messaging.services.texts import CannotWrite
from messaging.texts import filters
from messaging.views import fillings

CHANNELS = (Channel.SMS, Channel.EMAIL, Channel.LINE)
VERSIONS = 20


@require_GET
@staff_required("templates.view")
def template_list(request: HttpRequest) -> HttpResponse:
    """Every template, with what is live of it."""
    channel = choice_of(request, "channel", _("Channel"), Channel.choices)
    query = clean(request.GET.get("q", ""))
    rows = library.templates_with_live()
    if channel.value:
        rows = rows.filter(channel=channel.value)
    if query:
        rows = rows.filter(name__icontains=query) | rows.filter(slug__icontains=query)
    context = {
        "templates": rows, "query": query, "choices": [channel], "chosen": [channel] if channel.value else [],
    }  # fmt: skip
    return render_page(request, "messaging/template_list.html", context)


@require_GET
@staff_required("templates.view")
def template_detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """What it says in each language, filled in for a customer of choice (`?as=`)."""
    return _show(request, found(Template.objects.all(), public_id))


@require_http_methods(["GET", "POST"])
@staff_required("templates.edit")
def template_create(request: HttpRequest) -> HttpResponse:
    """A new template for the channel in the URL; an email may start from a `?design=`."""
    channel = request.GET.get("channel", Channel.SMS.value)
    if channel not in CHANNELS:
        raise BadRequest(_("There is no %(filter)s “%(value)s”.") % {"filter": "channel", "value": channel[:60]})
    start = design(request.GET.get("design", "")) if channel == Channel.EMAIL else None
    variants = [
        TemplateVariant(language=language, subject=subject, mjml=mjml)
        for language, (subject, mjml) in (start.texts.items() if start else ())
    ]
    form = TemplateForm(posted(request), channel=channel, variants=variants, is_new=True)
    return _write(request, form, channel)


@require_http_methods(["GET", "POST"])
@staff_required("templates.edit")
def template_edit(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Write its next version."""
    template = found(Template.objects.all(), public_id)
    form = TemplateForm(
        posted(request), channel=template.channel, variants=library.variants_of(template), is_new=False,
        initial={"name": template.name},
    )  # fmt: skip
    return _write(request, form, template.channel, template)


@require_POST
@staff_required("templates.edit")
def template_test(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Send what is live to oneself."""
    template = found(Template.objects.all(), public_id)
    form = _test_form(request, template)
    if not form.is_valid():
        return _show(request, template, test_form=form)
    sample = sample_for(staff_of(request), clean(request.POST.get("as", "")))
    try:
        message = trials.send_test(
            template, actor=staff_of(request), now=timezone.now(), context=sample.context,
            language=form.cleaned_data["language"], address=form.cleaned_data.get("address", ""),
        )  # fmt: skip
    except CannotWrite as error:
        refuse(form, error)
        return _show(request, template, test_form=form)
    return done(request, _("The test is on its way."), message.get_absolute_url())


def _show(request: HttpRequest, template: Template, *, test_form: TestForm | None = None) -> HttpResponse:
    sample, pieces = _sample(request), Pieces.current()
    variants = library.variants_of(template)
    versions = list(template.versions.select_related("author").order_by("-number")[:VERSIONS])
    context: dict[str, Any] = {
        "template": template,
        "versions": versions,
        "live": next((version for version in versions if version.published_at), None),
        "draft": next((version for version in versions[:1] if not version.published_at), None),
        "texts": [
            (variant, _tried(request, library.draft_of(variant), template.channel, variant.language, sample, pieces))
            for variant in variants
        ],
        "test_form": test_form or _test_form(request, template),
        **_as(request, sample),
    }
    return render_page(
        request, "messaging/template_detail.html", context, partial="texts", status=422 if test_form else 200
    )


def _write(request: HttpRequest, form: TemplateForm, channel: str, template: Template | None = None) -> HttpResponse:
    """The form with its preview; saved, the texts are the next version."""
    is_preview = wants(request, "preview") or "preview" in request.POST
    gaps: Sequence[Gap] = ()
    if request.method == "POST" and not is_preview and form.is_valid():
        slug = template.slug if template else form.cleaned_data["slug"]
        faults = check(slug=slug, channel=channel, variants=form.variants)
        form.show_faults(faults)
        is_draft = "draft" in request.POST
        if not faults and not is_draft and "anyway" not in request.POST:
            gaps = gaps_in(form.drafts, user=staff_of(request), shop=shop_of(request), pieces=Pieces.current())
        if not faults and not gaps:
            return _save(request, form, slug, channel, publish=not is_draft)
    sample, pieces = _sample(request), Pieces.current()
    context: dict[str, Any] = {
        "form": form,
        "template": template,
        "channel": Channel(channel),
        "designs": DESIGNS if channel == Channel.EMAIL and template is None else (),
        "gaps": gaps,
        "tried": [_tried(request, draft, channel, language, sample, pieces) for language, draft in form.drafts.items()],
        "variables": fillings.of_flows(),
        "filters": sorted(filters.ALLOWED),
        "pieces": sorted(pieces.rows),
        **_as(request, sample),
    }
    return render_page(
        request, "messaging/template_edit.html", context, partial="preview",
        status=422 if form.is_bound and (form.errors or gaps) and not is_preview else 200,
    )  # fmt: skip


def _save(request: HttpRequest, form: TemplateForm, slug: str, channel: str, *, publish: bool) -> HttpResponse:
    version = save_template(
        slug=slug, channel=channel, name=form.cleaned_data["name"], variants=form.variants, author=staff_of(request),
        now=timezone.now(), publish=publish,
    )  # fmt: skip
    said = _("Version %(number)s is live: it is what goes out from now on.")
    if not publish:
        said = _("Version %(number)s is kept as a draft. Nothing is sent of it before you publish it.")
    return done(request, said % {"number": version.number}, version.template.get_absolute_url())


def _tried(
    request: HttpRequest, draft: Draft, channel: str, language: str, sample: Sample, pieces: Pieces
) -> library.Tried:
    tried = library.tried(
        draft, channel=channel, language=language, sample=sample, shop=shop_of(request), pieces=pieces
    )
    return replace(tried, fault=in_words(tried.code, tried.fault)) if tried.code else tried


def _sample(request: HttpRequest) -> Sample:
    return sample_for(staff_of(request), clean(_asked(request)))


def _asked(request: HttpRequest) -> str:
    return request.POST.get("as", request.GET.get("as", ""))


def _as(request: HttpRequest, sample: Sample) -> dict[str, Any]:
    """Whose eyes the page looks through."""
    return {"sample": sample, "sample_name": name_for(sample.customer, staff_of(request)), "asked_as": _asked(request)}


def _test_form(request: HttpRequest, template: Template) -> TestForm:
    languages = [(row.language, language_name(row.language)) for row in library.variants_of(template)]
    user = staff_of(request)
    own = Customer.objects.filter(email=user.email).exclude(phone="").first() if user.email else None
    form_data = posted(request) if "test-language" in request.POST else None
    return TestForm(
        form_data, channel=template.channel, languages=languages,
        initial={"address": str(own.phone) if own else "", "language": user.language},
    )  # fmt: skip
