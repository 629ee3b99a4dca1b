"""Find anyone at once: people, orders and tickets by whatever fragment somebody has at hand."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from django.db.models import Q

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
    bare = words.lstrip("#")
    numbers = {form for number in (words, bare, f"#{bare}") for form in (number, number.upper(), number.lower())}
    subject = Q(subject__icontains=words)
    if number := TICKET_NUMBER.fullmatch(words):
        subject |= Q(public_id__iendswith=number.group(1))
    customers = Customer.objects.visible_to(user).known().matching(words)
    purchases = Purchase.objects.visible_to(user).filter(reference__in=numbers).select_related("customer")
    tickets = Ticket.objects.visible_to(user).filter(subject).select_related("customer")
    return Found(
        customers=list(customers.order_by("-last_seen_at", "-pk")[:MOST]),
        purchases=list(purchases.order_by("-placed_at", "-pk")[:MOST]),
        tickets=list(tickets.order_by("-last_message_at", "-pk")[:MOST]),
    )


def clean(text: str) -> str:
    """What people type or paste into a search box, without what no database can look for."""
    return text.replace("\0", "").strip()[:100]
