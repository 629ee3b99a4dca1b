"""A small shop with something on every page."""

from datetime import timedelta

from django.utils import timezone

from crm.models import Shop, Tag, Task, Touchpoint
from crm.services import purchases, tickets, touchpoints, work
from tests.factories.crm import (
    CustomerFactory,
    PurchaseFactory,
    PurchaseItemFactory,
    ReviewFactory,
    TicketFactory,
    TouchpointFactory,
    UserFactory,
)


def fill_shop(customers: int) -> None:
    """A shop where every page has that many rows, and every row everything it can have."""
    now = timezone.now()
    Shop.current()
    colleagues = [UserFactory() for _ in range(3)]
    touchpoint = Touchpoint.objects.first() or TouchpointFactory()
    for number in range(customers):
        customer = CustomerFactory(owner=colleagues[number % 3], line_id=f"line-{colleagues[0].pk}-{number}")
        customer.tags.add(Tag.objects.get_or_create(name=f"tag {number % 4}")[0])
        order = PurchaseFactory(customer=customer, promised_at=now - timedelta(days=1))
        PurchaseItemFactory(purchase=order)
        purchases.flag_late(now=now, limit=100)
        ticket = TicketFactory(customer=customer, purchase=order, assignee=colleagues[0])
        tickets.add_message(ticket, author="customer", body="Where is it?", now=now)
        ReviewFactory(customer=customer, purchase=order, reviewed_at=now)
        touchpoints.record_visit(touchpoint, now=now, customer=customer, user_agent="Mozilla/5.0")
        work.add_note(customer=customer, body="A note.", author=colleagues[1], now=now)
        Task.objects.create(customer=customer, title="Call", due_at=now, assignee=colleagues[0])
