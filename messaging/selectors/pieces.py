"""Which templates use which shared piece."""

from __future__ import annotations

from collections.abc import Iterator

from messaging.models import Template, TemplatePartial, TemplateVariant
from messaging.selectors.library import templates_with_live
from messaging.texts import partials


def users_of(slug: str) -> list[Template]:
    """The templates whose live version uses the piece, itself or by way of another piece; three queries."""
    names = {slug}
    rows = list(TemplatePartial.objects.all())
    while more := {row.slug for row in rows if names & set(_names(row.text, row.html))} - names:
        names |= more
    return [
        template
        for template in templates_with_live()
        if any(names & set(_named_by(variant)) for version in template.live for variant in version.variants.all())  # type: ignore[attr-defined] # see there
    ]


def _named_by(variant: TemplateVariant) -> Iterator[str]:
    return _names(variant.body, variant.html, variant.mjml)


def _names(*sources: str) -> Iterator[str]:
    return (name for source in sources for name in partials.names_in(source))
