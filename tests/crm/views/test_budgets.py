"""How many queries each page may cost, whatever is in it. `UPDATE_GOLDEN=1` writes the file anew: read the diff."""

import json
import os
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from crm.models import Customer, Ticket, Touchpoint, User
from tests.crm.views.conftest import SignIn
from tests.factories.shop import fill_shop

pytestmark = pytest.mark.django_db
GOLDEN = Path(__file__).with_name("golden_queries.json")
LIST_BUDGET, RECORD_BUDGET, TODAY_BUDGET = 12, 21, 30


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
    client.get(url)  # what processes remember for a minute is remembered
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


def test_no_page_costs_more_than_its_budget_or_than_last_time(sign_in: SignIn) -> None:
    fill_shop(5)
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
    fill_shop(8)  # enough for every section of Today to have more than it shows
    few = {name: cost(client, url) for name, (url, _) in pages().items()}
    fill_shop(9)
    assert {name: cost(client, url) for name, (url, _) in pages().items()} == few
