"""Pieces that templates share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from crm.models import User
from messaging.models import TemplatePartial
from messaging.outbox.authoring import Fault, InvalidTemplate
from messaging.rendering.freezing import Pieces, check_text
from messaging.texts import liquid

_SLUG = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class PieceIn:
    """A piece in one language: its text, and its HTML where emails use it."""

    text: str
    html: str = ""


@transaction.atomic
def save_piece(*, slug: str, texts: Mapping[str, PieceIn], author: User | None, now: datetime) -> None:
    """
    Keep `texts` ({language: piece}) as what `slug` says from now on; a language that is not there is given up.

    Published templates go on saying what they said when they were published.

    Raises:
        InvalidTemplate: a bad slug, no text, or one that is no valid template.
    """
    if faults := _check(slug, texts):
        raise InvalidTemplate(faults)
    TemplatePartial.objects.filter(slug=slug).exclude(language__in=list(texts)).delete()
    for language, piece in texts.items():
        TemplatePartial.objects.update_or_create(
            slug=slug, language=language,
            defaults={"text": piece.text, "html": piece.html, "updated_at": now, "author": author},
        )  # fmt: skip


def _check(slug: str, texts: Mapping[str, PieceIn]) -> list[Fault]:
    faults = []
    if not _SLUG.fullmatch(slug) or len(slug) > 64:
        faults.append(Fault("slug", "invalid", "lower-case letters, digits and hyphens, at most 64"))
    if not texts:
        faults.append(Fault("texts", "required", "at least one language is needed"))
    pieces = Pieces.current()
    own = {
        language.lower(): TemplatePartial(slug=slug, language=language, text=piece.text, html=piece.html)
        for language, piece in texts.items()
    }
    # As it will be, so that a piece that contains itself is seen.
    pieces = replace(pieces, rows={**pieces.rows, slug: own})
    for language, piece in texts.items():
        if not piece.text.strip():
            faults.append(Fault(f"texts.{language}.text", "required", "is empty"))
        for name, part in (("text", "body"), ("html", "html")):
            try:
                check_text(part, getattr(piece, name), language, pieces)
            except liquid.InvalidTemplate as error:
                faults.append(Fault(f"texts.{language}.{name}", error.code, str(error), error.line))
    return faults
