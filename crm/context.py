"""What every page needs around its content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from crm import extensions
from crm.access.roles import permissions_of
from crm.models import Shop, User


@dataclass(frozen=True, slots=True)
class NavLink:
    """A line of the navigation as this page shows it. `waiting` is the badge's figure."""

    item: extensions.NavItem
    url: str
    current: bool
    waiting: int


def chrome(request: HttpRequest) -> dict[str, Any]:
    """
    `shop`, `may` (the permissions of who looks, for `{% if "customers.edit" in may %}`), `navigation` and `now`.

    Error pages are rendered before a session is known, so there may be no user.
    """
    user = getattr(request, "user", None)
    may = permissions_of(user) if user else frozenset[str]()
    now = timezone.now()
    return {
        # Lazy, so that a page which names no shop asks the database for none.
        "shop": getattr(request, "shop", None) or SimpleLazyObject(Shop.current),
        "may": may,
        "now": now,
        # Lazy too: a fragment that htmx swaps in has no navigation, and its badges cost queries.
        "navigation": SimpleLazyObject(lambda: _navigation(request.path, user, may, now)),
    }


def _navigation(path: str, user: User | None, may: frozenset[str], now: datetime) -> Sequence[NavLink]:
    links = []
    for item in extensions.nav_items():
        if user is None or item.permission not in may:
            continue
        url = reverse(item.url_name)
        belongs = path == url if url == "/" else path.startswith((url, *item.also))
        links.append(NavLink(item, url, belongs, item.badge(user, now) if item.badge else 0))
    return links
