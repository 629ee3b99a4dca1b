"""Colleagues: who can own a customer, take a ticket or a task."""

from __future__ import annotations

from django.core.cache import cache
from django.db.models import QuerySet

from crm.models import User

KEPT = 60  # seconds; who joins is offered a minute later at the latest
_KEY = "crm.colleagues"


def colleagues() -> QuerySet[User]:
    """Everybody who can sign in, by name."""
    return User.objects.filter(is_active=True).order_by("first_name", "last_name", "username")


def colleague_names() -> list[tuple[str, str]]:
    """(username, name) of everybody who can sign in: what pickers offer, remembered for a minute."""
    return cache.get_or_set(_KEY, lambda: [(user.username, str(user)) for user in colleagues()], KEPT) or []


def forget_colleague_names() -> None:
    """Somebody joined, left or was renamed."""
    cache.delete(_KEY)
