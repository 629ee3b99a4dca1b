"""Slugs: the names by which rules, flows and programs speak of a record."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import QuerySet
from django.utils.text import slugify


def free_slug(name: str, among: QuerySet[Any], *, stem: str, reserved: Collection[str] = ()) -> str:
    """
    A slug for `name` that none of `among` has: its Latin letters and digits, and a number when needed.

    Args:
        stem: what it begins with when the name has no Latin letters.
        reserved: slugs that nobody may have, such as the names of pages.
    """
    base = slugify(name)[:56].strip("-_") or stem
    taken = {*among.filter(slug__startswith=base).values_list("slug", flat=True), *reserved}
    return next(slug for n in range(1, len(taken) + 2) if (slug := base if n == 1 else f"{base}-{n}") not in taken)
