"""Touchpoints: where people first meet the shop, and their visits."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from crm.events import log
from crm.models import Customer, Identity, Touchpoint, TouchpointVisit

VISITOR_SOURCE = "waymark"  # the source of the ids in our own first-party cookie
_ROBOT = re.compile(
    r"bot|crawl|spider|slurp|preview|facebookexternalhit|whatsapp|telegram|curl|wget|python-|headless|scanner|monitor",
    re.IGNORECASE,
)


class InvalidTouchpoint(ValueError):
    """A value the touchpoint cannot hold; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@transaction.atomic
def create_touchpoint(**fields: Any) -> Touchpoint:
    """
    Add a place where people meet us; without a `code` one is made up.

    Raises:
        InvalidTouchpoint: a bad value, or the code is taken.
    """
    touchpoint = Touchpoint(**{name: value for name, value in fields.items() if value not in (None, "")})
    try:
        touchpoint.full_clean()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise InvalidTouchpoint(field, messages[0]) from error
    touchpoint.save()
    return touchpoint


@transaction.atomic
def record_visit(
    touchpoint: Touchpoint,
    *,
    now: datetime,
    visitor: str = "",
    customer: Customer | None = None,
    referrer: str = "",
    user_agent: str = "",
) -> TouchpointVisit:
    """
    Note that somebody followed the short link. A robot's visit is kept, marked, and no fact.

    Args:
        visitor: the id in our cookie; when that browser is somebody we know, the visit is theirs.
    """
    if customer is None and visitor:
        known = Identity.objects.filter(kind=Identity.Kind.ANONYMOUS, source=VISITOR_SOURCE, value=visitor)
        customer = Customer.objects.filter(identities__in=known).first()
    visit = TouchpointVisit(
        touchpoint=touchpoint, customer=customer, visitor=visitor, referrer=referrer[:500],
        user_agent=user_agent[:200], is_bot=is_robot(user_agent), visited_at=now,
    )  # fmt: skip
    visit.facts_deferred = True
    visit.save()
    log.record_many(visit.facts(), now=now)
    return visit


def is_robot(user_agent: str) -> bool:
    """Whether the browser says it is a program: scanners and previews follow links that nobody clicked."""
    return not user_agent or bool(_ROBOT.search(user_agent))


@transaction.atomic
def claim_visits(customer: Customer, *, visitor: str, now: datetime) -> int:
    """The browser turned out to be `customer`: their earlier visits become theirs. Returns how many."""
    visits = list(TouchpointVisit.objects.filter(visitor=visitor, customer=None).select_related("touchpoint"))
    for visit in visits:
        visit.customer = customer
    TouchpointVisit.objects.bulk_update(visits, ["customer"])
    log.record_many([fact for visit in visits for fact in visit.facts()], now=now)
    return len(visits)
