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
    like = among.filter(slug__startswith=_base(name, stem)).values_list("slug", flat=True)
    return unlike(name, {*like, *reserved}, stem=stem)


def unlike(name: str, taken: Collection[str], *, stem: str) -> str:
    """A slug for `name`, as `free_slug` makes it, that is none of `taken`."""
    base = _base(name, stem)
    return next(slug for n in range(1, len(taken) + 2) if (slug := base if n == 1 else f"{base}-{n}") not in taken)


def _base(name: str, stem: str) -> str:
    return slugify(name)[:56].strip("-_") or stem
