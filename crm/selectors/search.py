"""Find anyone at once: people, orders and tickets by whatever fragment somebody has at hand."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from django.db.models import Q, QuerySet

from crm.models import Customer, Purchase, Ticket, User

MOST = 10
TICKET_NUMBER = re.compile(r"(?:T-)?([0-9A-F]{6})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    customers: list[Customer] = field(default_factory=list)
    purchases: list[Purchase] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)

    @property
    def total(self) -> int:
        return len(self.customers) + len(self.purchases) + len(self.tickets)


def find_anything(text: str, user: User) -> Found:
    """
    Up to ten of each that `user` may see; nothing for an empty text.

    Order numbers are matched whole, with or without "#" and in either case, so that the index answers.
    """
    words = clean(text)
    if not words:
        return Found()
    customers = Customer.objects.visible_to(user).known().matching(words)
    purchases = Purchase.objects.visible_to(user).filter(reference__in=_order_numbers(words)).select_related("customer")
    tickets = Ticket.objects.visible_to(user).filter(_named(words)).select_related("customer")
    return Found(
        customers=list(customers.order_by("-last_seen_at", "-pk")[:MOST]),
        purchases=list(purchases.order_by("-placed_at", "-pk")[:MOST]),
        tickets=list(tickets.order_by("-last_message_at", "-pk")[:MOST]),
    )


def purchases_matching(rows: QuerySet[Purchase], text: str) -> QuerySet[Purchase]:
    """Those of `rows` with this order number; if there is none, those of customers whom `text` finds."""
    numbered = rows.filter(reference__in=_order_numbers(text))
    return numbered if numbered.exists() else rows.filter(customer__in=_people(text))


def tickets_matching(rows: QuerySet[Ticket], text: str) -> QuerySet[Ticket]:
    """Those of `rows` with this number, these words in their subject, or of customers whom `text` finds."""
    return rows.filter(_named(text) | Q(customer__in=_people(text)))


def _order_numbers(text: str) -> set[str]:
    bare = text.lstrip("#")
    return {form for number in (text, bare, f"#{bare}") for form in (number, number.upper(), number.lower())}


def _named(text: str) -> Q:
    number = TICKET_NUMBER.fullmatch(text)
    subject = Q(subject__icontains=text)
    return subject | Q(public_id__iendswith=number.group(1)) if number else subject


def _people(text: str) -> QuerySet[Customer, int]:
    return Customer.objects.matching(text).values_list("pk", flat=True)


def clean(text: str) -> str:
    """What people type or paste into a search box, without what no database can look for."""
    return text.replace("\0", "").strip()[:100]
