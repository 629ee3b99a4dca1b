"""The programs that connect: sources that report, and API keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from crm.access.keys import OUR_SOURCES
from crm.models import ApiKey, Source
from crm.models.access import new_write_key

# Slugs that no storefront may have: our own sources, and what keys write as unless told otherwise.
RESERVED = OUR_SOURCES | {"api"}


@transaction.atomic
def create_source(
    *, name: str, slug: str, kind: str = Source.Kind.SEGMENT, mode: str = Source.Mode.LENIENT,
    allowed_origins: Sequence[str] = (),
) -> Source:  # fmt: skip
    """
    Let a storefront report; its write key is made here.

    Raises:
        ValidationError: the slug is taken or one of ours, or a value does not fit.
    """
    if slug in RESERVED:
        raise ValidationError({"slug": _("This name is one of our own; choose another.")})
    source = Source(name=name, slug=slug, kind=kind, mode=mode, allowed_origins=list(allowed_origins))
    source.full_clean()
    source.save()
    return source


@transaction.atomic
def edit_source(source: Source, *, name: str, mode: str, allowed_origins: Sequence[str]) -> Source:
    """
    Change what may change of a source; its slug is on the records it made.

    Raises:
        ValidationError: a value does not fit.
    """
    source.name, source.mode, source.allowed_origins = name, mode, list(allowed_origins)
    source.full_clean()
    source.save(update_fields=["name", "mode", "allowed_origins"])
    return source


@transaction.atomic
def replace_write_key(source: Source) -> Source:
    """Give the source a new write key; what comes with the old one is refused from now on."""
    source.write_key = new_write_key()
    source.save(update_fields=["write_key"])
    return source


@transaction.atomic
def switch_source(source: Source, *, active: bool) -> Source:
    """Take what the source reports, or refuse it."""
    source.is_active = active
    source.save(update_fields=["is_active"])
    return source


@transaction.atomic
def revoke_key(key: ApiKey, *, now: datetime) -> ApiKey:
    """Close the door for a program. Saying it twice keeps the first time."""
    if key.revoked_at is None:
        key.revoked_at = now
        key.save(update_fields=["revoked_at"])
    return key
