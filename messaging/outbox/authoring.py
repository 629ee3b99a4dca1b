"""Write templates: a change is the next version, and only what parses is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Max

from crm.models import Channel, User
from messaging.models import Template, TemplateVariant, TemplateVersion
from messaging.rendering.freezing import Frozen, Pieces, check_text, freeze
from messaging.rendering.shortening import LinkRules
from messaging.texts import liquid
from messaging.texts.mjml import MAX_COMPILED

NOT_REGISTERED = "link_domain_not_registered"
_SLUG = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,4})?")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong: where ("variants.en.body"), a code ("unknown_variable"), the words, and the line in the text."""

    path: str
    code: str
    message: str
    line: int = 0


class InvalidTemplate(ValueError):
    """The template cannot be kept; `faults` has everything that is wrong with it."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{fault.path}: {fault.message}" for fault in faults))
        self.faults = faults


class NotNewest(ValueError):
    """Only the newest version can be published: an older one would not be what is sent."""


@dataclass(frozen=True, slots=True)
class VariantIn:
    """
    A text in one language. An email has a text, and for its HTML part `html` or `mjml`; either part is made from the
    other where it is empty.
    """

    body: str = ""
    subject: str = ""
    html: str = ""
    mjml: str = ""


@transaction.atomic
def save_template(
    *,
    slug: str,
    channel: str,
    variants: Mapping[str, VariantIn],
    now: datetime,
    name: str = "",
    author: User | None = None,
    publish: bool = True,
) -> TemplateVersion:
    """
    Keep `variants` ({language: text}) as the next version of the template, made if it is new; published, it is what is
    sent from now on, also by messages that wait.

    Raises:
        InvalidTemplate: a bad slug, channel or language, no variant, or a text that is no valid template.
    """
    if faults := check(slug=slug, channel=channel, variants=variants):
        raise InvalidTemplate(faults)
    template, created = Template.objects.get_or_create(
        slug=slug, channel=channel, defaults={"name": name or slug, "created_at": now}
    )
    if name and not created and template.name != name:
        template.name = name
        template.save(update_fields=["name"])
    # Held, so that two people who save at once make two versions.
    Template.objects.select_for_update().get(pk=template.pk)
    version = TemplateVersion.objects.create(
        template=template,
        number=_newest(template.pk) + 1,
        author=author,
        created_at=now,
        published_at=now if publish else None,
    )
    pieces = Pieces.current()
    TemplateVariant.objects.bulk_create(
        _variant(version, language, variant, pieces) for language, variant in variants.items()
    )
    return version


@transaction.atomic
def publish_version(version: TemplateVersion, *, now: datetime) -> None:
    """
    Send what the draft `version` says from now on, with shared pieces as they are now.

    Raises:
        InvalidTemplate: its texts are no longer what may be sent: a piece they use is gone, a domain not registered.
        NotNewest: there is a later version.
    """
    template = Template.objects.select_for_update().get(pk=version.template_id)
    if version.number != _newest(template.pk):
        raise NotNewest
    variants = {row.language: written(row) for row in version.variants.all()}
    if faults := check(slug=template.slug, channel=template.channel, variants=variants):
        raise InvalidTemplate(faults)
    pieces = Pieces.current()
    for row in version.variants.all():
        frozen = freeze(written(row), row.language, pieces)
        row.frozen_body, row.frozen_html = frozen.body, frozen.html
        row.save(update_fields=["frozen_body", "frozen_html"])
    TemplateVersion.objects.filter(pk=version.pk, published_at=None).update(published_at=now)


@transaction.atomic
def restore_version(version: TemplateVersion, *, author: User | None, now: datetime) -> TemplateVersion:
    """Write what an old version says down as the newest, a draft: nothing is sent of it before it is published."""
    Template.objects.select_for_update().get(pk=version.template_id)
    draft = TemplateVersion.objects.create(
        template_id=version.template_id, number=_newest(version.template_id) + 1, author=author, created_at=now
    )
    for row in version.variants.all():
        row.pk, row.version = None, draft
        row.frozen_body = row.frozen_html = ""
        row.save(force_insert=True)
    return draft


def written(row: TemplateVariant) -> VariantIn:
    """A variant as it was written."""
    return VariantIn(row.body, row.subject, row.html, row.mjml)


def check(*, slug: str, channel: str, variants: Mapping[str, VariantIn]) -> list[Fault]:
    """Everything that keeps these texts from being kept; two queries."""
    faults = []
    if not _SLUG.fullmatch(slug) or len(slug) > 64:
        faults.append(Fault("slug", "invalid", "lower-case letters, digits and hyphens, at most 64"))
    if channel not in Channel.values:
        faults.append(Fault("channel", "invalid", f"must be one of {', '.join(Channel.values)}"))
    if not variants:
        faults.append(Fault("variants", "required", "at least one language is needed"))
    pieces, rules = Pieces.current(), LinkRules.current()
    for language, variant in variants.items():
        path = f"variants.{language}"
        faults += _check_parts(path, language, channel, variant)
        faults += _check_texts(path, language, variant, pieces)
        if channel == Channel.SMS and (stranger := rules.stranger(variant.body)):
            url, line = stranger
            faults.append(
                Fault(f"{path}.body", NOT_REGISTERED, f"link to a domain that is not registered: {url}", line)
            )
    return faults


def _check_parts(path: str, language: str, channel: str, variant: VariantIn) -> list[Fault]:
    faults = []
    if not _LANGUAGE.fullmatch(language):
        faults.append(Fault(path, "invalid", "not a language code such as en or th"))
    if not variant.body.strip() and not (channel == Channel.EMAIL and (variant.html.strip() or variant.mjml.strip())):
        faults.append(Fault(f"{path}.body", "required", "is empty"))
    if channel == Channel.EMAIL and not variant.subject.strip():
        faults.append(Fault(f"{path}.subject", "required", "an email needs a subject"))
    if len(variant.subject) > 200:
        faults.append(Fault(f"{path}.subject", "too_large", "longer than 200 characters"))
    if any(char < " " for char in variant.subject.strip()):
        faults.append(Fault(f"{path}.subject", "invalid_header", "line breaks and control characters are not allowed"))
    if variant.html.strip() and variant.mjml.strip():
        faults.append(Fault(f"{path}.mjml", "invalid", "an email has HTML or MJML, not both"))
    if channel != Channel.EMAIL and variant.mjml.strip():
        faults.append(Fault(f"{path}.mjml", "invalid", "only an email has MJML"))
    return faults


def _check_texts(path: str, language: str, variant: VariantIn, pieces: Pieces) -> list[Fault]:
    faults = []
    for name in ("subject", "body", "html", "mjml"):
        try:
            check_text(name, getattr(variant, name), language, pieces)
        except liquid.InvalidTemplate as error:
            faults.append(Fault(f"{path}.{name}", error.code, str(error), error.line))
    if not faults and not variant.body.strip():
        try:
            liquid.parse(freeze(variant, language, pieces).body, most=MAX_COMPILED)
        except liquid.InvalidTemplate as error:
            faults.append(Fault(f"{path}.body", error.code, f"no text can be made from the HTML: {error}"))
    return faults


def _variant(version: TemplateVersion, language: str, variant: VariantIn, pieces: Pieces) -> TemplateVariant:
    frozen = freeze(variant, language, pieces) if version.published_at else Frozen()
    return TemplateVariant(
        version=version, language=language, subject=variant.subject.strip(), body=variant.body, html=variant.html,
        mjml=variant.mjml, frozen_body=frozen.body, frozen_html=frozen.html,
    )  # fmt: skip


def _newest(template_id: int) -> int:
    """The number of the newest version; 0 before the first."""
    found = TemplateVersion.objects.filter(template=template_id).aggregate(newest=Max("number"))["newest"]
    return found or 0
