"""Journeys and flows over the API, and where a customer stands."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from journeys.models import Journey
from tests.crm.api.conftest import Program

pytestmark = pytest.mark.django_db


def order_of(api: Program, number: int) -> str:
    """An order of a new customer; the customer's id."""
    body = {
        "customer": {"email": f"c{number}@example.com"},
        "placed_at": "2026-03-02T12:00:00Z",
        "total": {"amount": "100.00", "currency": "THB"},
    }
    return str(api.put(f"purchases/web/{number}/", body).json()["customer"])


def test_a_customer_tells_where_they_stand_in_every_journey(api: Program) -> None:
    customer = order_of(api, 1)

    stages = api.get(f"customers/{customer}/").json()["stages"]

    assert set(stages) == set(Journey.objects.active().values_list("slug", flat=True))
    assert {place["stage"] for place in stages.values()} == {"purchase"}
    assert all(place["since"] == "2026-03-02T12:00:00Z" for place in stages.values())


def test_the_stages_of_a_page_cost_one_query(
    api: Program, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(15):
        order_of(api, number)

    with django_assert_max_num_queries(12):
        rows = api.get("customers/?limit=100").json()["results"]

    assert len(rows) == 15
    assert all(row["stages"] for row in rows)


def test_journeys_are_listed_with_their_stages_in_order(api: Program) -> None:
    rows = api.get("journeys/").json()["results"]

    assert [row["slug"] for row in rows] == list(Journey.objects.order_by("pk").values_list("slug", flat=True))
    for row in rows:
        ranks = [stage["rank"] for stage in row["stages"]]
        assert ranks == sorted(ranks)
        assert api.get(f"journeys/{row['slug']}/").json() == row
    assert api.get("journeys/nowhere/").status_code == 404


def test_a_page_of_facts_is_processed_whole_with_every_app_listening(
    api: Program, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    def batch(prefix: str, size: int) -> dict[str, object]:
        return {
            "events": [
                {"customer": {"external": {"web": str(n % 40)}}, "event": "Product Viewed", "id": f"{prefix}-{n}"}
                for n in range(size)
            ]
        }

    for prefix in ("warm", "warmer", "warmest"):
        api.post("events/", batch(prefix, 200))
    costs = []
    for size in (100, 500):
        with django_assert_max_num_queries(100) as counted:
            api.post("events/", batch(str(size), size))
        costs.append(len(counted))

    assert costs[0] == costs[1]
