"""The templates as staff look through them."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery

from crm.models import Shop
from messaging.models import Template, TemplateVariant, TemplateVersion
from messaging.rendering.freezing import Pieces
from messaging.rendering.letters import Letter
from messaging.rendering.preview import Draft, preview
from messaging.selectors.samples import Sample
from messaging.texts import liquid


@dataclass(frozen=True, slots=True)
class Tried:
    """
    A text in one language, filled in for a sample customer.

    `letter` is None when it cannot be: `fault` says why, unless it is for want of what `missing` names; `code` is that
    of a text that is no valid template.
    """

    language: str
    letter: Letter | None = None
    fault: str = ""
    code: str = ""
    line: int = 0
    missing: tuple[str, ...] = ()


def templates_with_live() -> QuerySet[Template]:
    """Every template with its newest published version as `live`: a list with at most one entry."""
    newest = TemplateVersion.objects.published().filter(template=OuterRef("template")).order_by("-number")
    live = TemplateVersion.objects.filter(pk=Subquery(newest.values("pk")[:1])).prefetch_related("variants")
    return Template.objects.prefetch_related(Prefetch("versions", live, to_attr="live")).order_by("name", "channel")


def variants_of(template: Template) -> list[TemplateVariant]:
    """What the template says now, by language: the newest version, also one that is not published yet."""
    newest = template.versions.order_by("-number").first()
    return list(newest.variants.all()) if newest else []


def tried(draft: Draft, *, channel: str, language: str, sample: Sample, shop: Shop, pieces: Pieces) -> Tried:
    """Fill in a text as it would be for `sample`."""
    try:
        shown = preview(
            draft, channel=channel, customer=sample.customer, shop=shop, pieces=pieces, language=language,
            context=sample.context,
        )  # fmt: skip
    except liquid.InvalidTemplate as error:
        return Tried(language, fault=str(error), code=error.code, line=error.line)
    fault = "" if shown.missing and shown.error.startswith("missing variable") else shown.error
    return Tried(language, shown.letter, fault, missing=shown.missing)


def draft_of(variant: TemplateVariant) -> Draft:
    """A kept text as it was written."""
    return Draft(variant.body, variant.subject, variant.html, variant.mjml)
