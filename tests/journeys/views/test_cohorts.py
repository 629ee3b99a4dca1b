from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tests.factories.crm import CustomerFactory, PurchaseFactory

pytestmark = pytest.mark.django_db

COHORTS = "/journeys/map/five-stage/cohorts/"


def test_each_cell_leads_to_its_people(manager: Client) -> None:
    now = timezone.now()
    for n in range(4):
        customer = CustomerFactory(created_at=now - timedelta(days=100))
        for order in range(n):
            PurchaseFactory(customer=customer, placed_at=now - timedelta(days=90 - 30 * order))
    for query in (
        "",
        "?by=week",
        "?reach=purchase&days=all",
        "?start=first-order",
        "?start=purchase&reach=order-again",
    ):
        page = manager.get(f"{COHORTS}{query}")
        rows = page.context["rows"]
        assert sum(row["cohort"].size for row in rows) in (3, 4)
        for row in rows:
            assert manager.get(row["url"]).context["total"] == row["cohort"].size
            for cell, url, _heat in row["cells"][:3]:
                assert manager.get(url).context["total"] == cell.reached


def test_the_last_cell_of_each_row_is_marked_as_open(manager: Client) -> None:
    CustomerFactory(created_at=timezone.now() - timedelta(days=40))
    page = manager.get(COHORTS)
    assert [cell.is_open for cell, _url, _heat in page.context["rows"][0]["cells"]][-1]
    assert "still open" in page.content.decode()


def test_a_stage_that_lies_behind_asks_for_what_comes_next(manager: Client) -> None:
    asked = manager.get(f"{COHORTS}?start=purchase&reach=consideration").context["asked"]
    assert (asked.chosen("start"), asked.chosen("reach")) == ("purchase", "retention")
    asked = manager.get(f"{COHORTS}?start=advocacy").context["asked"]
    assert asked.chosen("reach") == "order-again"


def test_nobody_is_told_so(manager: Client) -> None:
    assert "Nobody came in this time" in manager.get(COHORTS).content.decode()
    day = timezone.localdate() - timedelta(days=900)
    CustomerFactory(created_at=timezone.now() - timedelta(days=890))
    page = manager.get(f"{COHORTS}?from={day.isoformat()}&to={(day + timedelta(days=30)).isoformat()}")
    assert sum(row["cohort"].size for row in page.context["rows"]) == 1
    assert len(page.context["later"]) == 13


def test_the_table_can_be_taken_away(manager: Client) -> None:
    CustomerFactory(created_at=timezone.now())
    lines = manager.get(f"{COHORTS}?as=csv").content.decode("utf-8-sig").splitlines()
    month = timezone.localdate().replace(day=1).isoformat()
    assert lines == ["Cohort,Customers,0,Still open from", f"{month},1,0,0"]


@pytest.mark.parametrize(
    ("query", "status"), [("?start=lost", 400), ("?reach=awareness", 400), ("?by=day", 400), ("?days=2", 400)]
)
def test_an_address_that_says_nothing_is_refused(manager: Client, query: str, status: int) -> None:
    assert manager.get(f"{COHORTS}{query}").status_code == status


def test_a_lost_journey_has_no_cohorts(manager: Client) -> None:
    assert manager.get("/journeys/map/lost/cohorts/").status_code == 404
