"""How many queries each page may cost, whatever is in it. `UPDATE_GOLDEN=1` writes the file anew: read the diff."""

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm.models import Customer, Shop, Tag, Task, Ticket, Touchpoint, User
from crm.services import purchases, tickets, touchpoints, work
from tests.crm.views.conftest import SignIn
from tests.factories.crm import (
    CustomerFactory,
    PurchaseFactory,
    PurchaseItemFactory,
    ReviewFactory,
    TicketFactory,
    TouchpointFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
GOLDEN = Path(__file__).with_name("golden_queries.json")
LIST_BUDGET, RECORD_BUDGET, TODAY_BUDGET = 12, 20, 30


def fill(customers: int) -> None:
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


def pages() -> dict[str, tuple[str, int]]:
    """Each page's address and budget."""
    return {
        "today": ("/", TODAY_BUDGET),
        "search": ("/search/?q=Customer", LIST_BUDGET),
        "customers": ("/customers/", LIST_BUDGET),
        "customers, filtered": ("/customers/?q=customer&tag=tag+1&ticket=open&sort=name", LIST_BUDGET),
        "customer": (Customer.objects.earliest("pk").get_absolute_url(), RECORD_BUDGET),
        "purchases": ("/purchases/", LIST_BUDGET),
        "purchase": (Customer.objects.earliest("pk").purchases.get().get_absolute_url(), RECORD_BUDGET),
        "inbox": ("/inbox/", LIST_BUDGET),
        "ticket": (Ticket.objects.earliest("pk").get_absolute_url(), RECORD_BUDGET),
        "reviews": ("/reviews/", LIST_BUDGET),
        "reach": ("/reach/", LIST_BUDGET),
        "touchpoint": (f"/reach/{Touchpoint.objects.get().public_id}/", RECORD_BUDGET),
        "settings": ("/settings/", LIST_BUDGET),
    }


def cost(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def test_no_page_costs_more_than_its_budget_or_than_last_time(sign_in: SignIn) -> None:
    fill(5)
    clients = {role: sign_in(role) for role in (User.Role.MANAGER, User.Role.SALES)}
    counted, over = {}, {}
    for name, (url, budget) in pages().items():
        for role, client in clients.items():
            counted[f"{name} as {role}"] = count = cost(client, url)
            if count > budget:
                over[f"{name} as {role}"] = count
    assert over == {}
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(counted, indent=2, sort_keys=True) + "\n")
    assert counted == json.loads(GOLDEN.read_text())


def test_more_rows_cost_no_more_queries(sign_in: SignIn) -> None:
    client = sign_in(User.Role.MANAGER)
    fill(3)
    few = {name: cost(client, url) for name, (url, _) in pages().items()}
    fill(9)
    assert {name: cost(client, url) for name, (url, _) in pages().items()} == few
