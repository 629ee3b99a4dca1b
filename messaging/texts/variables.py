"""The variables that templates may name. Everything else is refused when a template is saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# Roots whose names are ours: any other name under them is a mistake, or an attempt.
FIXED: Mapping[str, Mapping[str, str | Promise]] = {
    "customer": {
        "name": _("full name"),
        "first_name": _("first name"),
        "email": _("email"),
        "phone": _("phone"),
        "language": _("language"),
        "attributes": _("attributes of the customer, e.g. customer.attributes.size"),
    },
    "shop": {"name": _("name of the shop")},
    "links": {
        "unsubscribe": _("link that unsubscribes from this topic"),
        "preferences": _("link to the customer's message settings"),
    },
}
# Data given to those by the outside: whatever is under them is plain JSON.
_OPEN_BELOW = frozenset({("customer", "attributes")})
# Roots that whoever queues the message fills: a flow with the event that started it, and what it has gathered since.
OPEN: Mapping[str, str | Promise] = {
    "event": _("properties of the event that started the flow"),
    "order": _("the order"),
    "cart": _("the cart"),
    "product": _("the product"),
    "ticket": _("the ticket"),
    "review": _("the review"),
    "coupon": _("the coupon handed out by the flow"),
    "referral": _("the referral"),
}


def is_known(segments: Sequence[Any]) -> bool:
    """May a template name this path, e.g. ["customer", "first_name"]? A computed name below a fixed root may not."""
    root, *below = segments
    if root in OPEN:
        return True
    if root not in FIXED or not below or not isinstance(below[0], str):
        return False
    return below[0] in FIXED[root] and (len(below) == 1 or (root, below[0]) in _OPEN_BELOW)
