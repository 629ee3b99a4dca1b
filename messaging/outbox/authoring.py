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
from messaging.texts import liquid

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


@dataclass(frozen=True, slots=True)
class VariantIn:
    """A text in one language. `html` is for email; without it the HTML part is made from `body`."""

    body: str
    subject: str = ""
    html: str = ""


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
    newest = template.versions.aggregate(newest=Max("number"))["newest"] or 0
    version = TemplateVersion.objects.create(
        template=template, number=newest + 1, author=author, created_at=now, published_at=now if publish else None
    )
    TemplateVariant.objects.bulk_create(
        TemplateVariant(
            version=version, language=language, subject=variant.subject.strip(), body=variant.body, html=variant.html
        )
        for language, variant in variants.items()
    )  # fmt: skip
    return version


def check(*, slug: str, channel: str, variants: Mapping[str, VariantIn]) -> list[Fault]:
    """Everything that keeps these texts from being kept."""
    faults = []
    if not _SLUG.fullmatch(slug) or len(slug) > 64:
        faults.append(Fault("slug", "invalid", "lower-case letters, digits and hyphens, at most 64"))
    if channel not in Channel.values:
        faults.append(Fault("channel", "invalid", f"must be one of {', '.join(Channel.values)}"))
    if not variants:
        faults.append(Fault("variants", "required", "at least one language is needed"))
    for language, variant in variants.items():
        faults += _check_variant(f"variants.{language}", language, channel, variant)
    return faults


def _check_variant(path: str, language: str, channel: str, variant: VariantIn) -> list[Fault]:
    faults = []
    if not _LANGUAGE.fullmatch(language):
        faults.append(Fault(path, "invalid", "not a language code such as en or th"))
    if not variant.body.strip():
        faults.append(Fault(f"{path}.body", "required", "is empty"))
    if channel == Channel.EMAIL and not variant.subject.strip():
        faults.append(Fault(f"{path}.subject", "required", "an email needs a subject"))
    if len(variant.subject) > 200:
        faults.append(Fault(f"{path}.subject", "too_large", "longer than 200 characters"))
    if any(char < " " for char in variant.subject.strip()):
        faults.append(Fault(f"{path}.subject", "invalid_header", "line breaks and control characters are not allowed"))
    for name in ("subject", "body", "html"):
        text = getattr(variant, name)
        if "\0" in text:
            faults.append(Fault(f"{path}.{name}", "invalid_text", "contains a NUL character"))
            continue
        try:
            liquid.parse(text, html=name == "html")
        except liquid.InvalidTemplate as error:
            faults.append(Fault(f"{path}.{name}", error.code, str(error), error.line))
    return faults
