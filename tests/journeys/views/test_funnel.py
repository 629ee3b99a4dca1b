from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tests.factories.crm import CustomerFactory, PurchaseFactory

pytestmark = pytest.mark.django_db

FUNNEL = "/journeys/map/five-stage/funnel/"
PEOPLE = "/journeys/map/five-stage/people/?of=funnel"


def test_each_number_leads_to_its_people(manager: Client) -> None:
    now = timezone.now()
    buyer, looker = (CustomerFactory(name=name, created_at=now - timedelta(days=9)) for name in ("Buyer", "Looker"))
    PurchaseFactory(customer=buyer, placed_at=now - timedelta(days=1))

    rows = {row.stage.slug: (row, url) for row, url in manager.get(FUNNEL).context["rows"]}

    assert rows["awareness"][0].reached == 2
    assert (rows["purchase"][0].reached, rows["purchase"][0].share) == (1, 50)
    page = manager.get(rows["purchase"][1]).content.decode()
    assert "Buyer" in page
    assert "Looker" not in page
    assert looker.name in manager.get(rows["awareness"][1]).content.decode()
    # Too late for a window of a week.
    short = manager.get(f"{FUNNEL}?window=7").context["rows"]
    assert {row.stage.slug: row.reached for row, _url in short}["purchase"] == 0
    assert [manager.get(url).context["total"] for _row, url in short] == [2, 0, 0, 0, 0]


def test_an_empty_funnel_says_so(manager: Client) -> None:
    assert "Nobody came in this time" in manager.get(FUNNEL).content.decode()
    assert "Nobody yet" in manager.get(f"{PEOPLE}&stage=purchase").content.decode()


def test_the_table_can_be_taken_away(manager: Client) -> None:
    CustomerFactory(created_at=timezone.now() - timedelta(days=1))
    answer = manager.get(f"{FUNNEL}?as=csv")
    assert answer["Content-Disposition"] == 'attachment; filename="funnel-five-stage.csv"'
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines[0] == 'Stage,Reached,"Of all, %","Of the stage before, %","Half needed at most, hours"'
    assert lines[1:3] == ["Awareness,1,100,,", "Consideration,0,0,0,"]


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/journeys/map/lost/funnel/", 404), (f"{FUNNEL}?days=5", 400), (f"{FUNNEL}?window=x", 400),
        (f"{FUNNEL}?segment=lost", 400), (f"{FUNNEL}?touchpoint=lost", 400), (f"{FUNNEL}?from=yesterday", 400),
        (f"{FUNNEL}?from=2026-02-30", 400), (f"{FUNNEL}?from=0001-01-01", 400),
        (f"{FUNNEL}?from=2026-03-02&to=2026-03-01", 400),
        (f"{PEOPLE}&stage=lost", 404), (PEOPLE, 404), (f"{PEOPLE}&stage=purchase&window=x", 400),
    ],
)  # fmt: skip
def test_an_address_that_says_nothing_is_refused(manager: Client, address: str, status: int) -> None:
    assert manager.get(address).status_code == status
