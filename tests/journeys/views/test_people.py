"""Every number of the map leads to exactly the people it counts."""

import re
from datetime import timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from crm.models import Customer, Purchase, Refund, Segment, SegmentMember, Shop, TouchpointVisit, User
from journeys.models import Health, Position, Stage
from journeys.stages import moves
from tests.crm.views.conftest import SignIn
from tests.factories.crm import CustomerFactory, PurchaseFactory, TouchpointFactory, UserFactory, sales_see_their_own
from tests.journeys.happenings import happens

pytestmark = pytest.mark.django_db

MAP = "/journeys/map/five-stage/"
PEOPLE = f"{MAP}people/"


def shop() -> list[Customer]:
    """Five people who came a while ago: two looked at something, two bought, one of them in two currencies."""
    now = timezone.now()
    people = [CustomerFactory(name=f"Person {n}", created_at=now - timedelta(days=20 + n)) for n in range(5)]
    for looker in people[1:3]:
        happens(looker, "Product Added", now - timedelta(days=10), known=now)
    for buyer in people[3:]:
        PurchaseFactory(customer=buyer, placed_at=now - timedelta(days=5), total_minor=50_000)
    order = PurchaseFactory(customer=people[4], placed_at=now - timedelta(days=3), total_minor=20_000)
    Refund.objects.create(
        customer=people[4], purchase=order, source="web", reference="r1", currency="THB", amount_minor=5_000,
        refunded_at=now,
    )  # fmt: skip
    PurchaseFactory(customer=people[4], placed_at=now - timedelta(days=2), currency="EUR", total_minor=1_000)
    PurchaseFactory(customer=people[4], status=Purchase.Status.CANCELLED, placed_at=now, cancelled_at=now)
    Position.objects.filter(customer=people[0]).update(health=Health.LAPSED)
    Position.objects.filter(customer=people[3]).update(health=Health.AT_RISK)
    aware = Stage.objects.get(journey__slug="five-stage", slug="awareness")
    moves.move_customers([people[1]], stage=aware, actor=None, now=now, hold_until=now + timedelta(days=9))
    happens(people[1], "Product Added", timezone.now())
    return people


def names(client: Client, url: str) -> list[str]:
    response = client.get(url)
    found = sorted(row.name for row in response.context["page"].rows)
    assert len(found) == response.context["total"]
    return found


def test_each_number_of_a_stage_is_as_long_as_its_list(manager: Client) -> None:
    shop()
    for entry in manager.get(MAP).context["stages"]:
        count = entry["count"]
        for what in ("here", "reached", "at_risk", "lapsed", "held"):
            assert len(names(manager, entry[what])) == getattr(count, what), (count.stage.slug, what)
        assert len(names(manager, entry["would"])) == count.would_have


def test_the_numbers_are_these(manager: Client) -> None:
    shop()
    entries = {entry["count"].stage.slug: entry for entry in manager.get(MAP).context["stages"]}
    assert names(manager, entries["awareness"]["lapsed"]) == ["Person 0"]
    assert names(manager, entries["awareness"]["held"]) == ["Person 1"]
    assert names(manager, entries["awareness"]["would"]) == ["Person 1"]
    assert names(manager, entries["purchase"]["at_risk"]) == ["Person 3"]
    assert names(manager, entries["retention"]["here"]) == ["Person 4"]


def test_the_value_of_a_stage_is_that_of_its_people(manager: Client) -> None:
    shop()
    entries = {entry["count"].stage.slug: entry for entry in manager.get(MAP).context["stages"]}
    said = {slug: [str(value.total) for value, _url in entry["values"]] for slug, entry in entries.items()}
    # Cancelled orders are no sale, and refunds are taken off, as on the customer's page.
    assert said == {
        "awareness": [], "consideration": [], "purchase": ["500.00 THB"], "retention": ["650.00 THB", "10.00 EUR"],
        "advocacy": [],
    }  # fmt: skip
    for entry in entries.values():
        for value, url in entry["values"]:
            page = manager.get(url)
            worth = page.context["worth"].values()
            assert sum(one.net.get(value.total.currency, 0) for one in worth) == value.total.minor
    euro = entries["retention"]["values"][1]
    assert (euro[0].people, str(euro[0].per_head)) == (1, "10.00 EUR")


def test_each_ribbon_and_each_node_leads_to_who_passed(manager: Client) -> None:
    shop()
    svg = str(manager.get(MAP).context["sankey"].svg)
    links = re.findall(r'<a href="([^"]+)" aria-label="[^"]*: (\d+)">', svg)
    assert len(links) > 5
    for url, n in links:
        assert len(names(manager, unescape(url))) == int(n), url


def test_so_does_each_figure_of_the_tables(manager: Client) -> None:
    shop()
    context = manager.get(MAP).context
    for chart in (context["funnel"], context["sankey"]):
        cells = re.findall(r'<a href="([^"]+)">(\d+)</a>', "".join(str(cell) for row in chart.rows for cell in row))
        assert len(cells) == len(chart.rows)
        for url, n in cells:
            assert len(names(manager, unescape(url))) == int(n), url


def test_who_was_moved_back_is_listed_too(manager: Client) -> None:
    shop()
    ((source, target, n, url),) = manager.get(MAP).context["back"]
    assert (source, target, n, names(manager, url)) == ("Consideration", "Awareness", 1, ["Person 1"])


def test_the_period_narrows_the_moves_and_their_lists(manager: Client) -> None:
    shop()
    page = manager.get(f"{MAP}?days=7")
    assert [row[:2] for row in page.context["sankey"].rows] == [("Awareness", "Purchase"), ("Purchase", "Retention")]
    day = (timezone.localdate(timezone=ZoneInfo(Shop.current().time_zone)) - timedelta(days=10)).isoformat()
    page = manager.get(f"{MAP}?from={day}&to={day}")
    assert [row[:2] for row in page.context["sankey"].rows] == [("Awareness", "Consideration")]
    assert page.context["asked"].kept == f"?from={day}&to={day}"


class TestNarrowing:
    def test_a_segment_narrows_every_number_and_stays_in_every_link(self, manager: Client) -> None:
        people = shop()
        segment = Segment.objects.create(slug="best", name="Best")
        SegmentMember.objects.create(segment=segment, customer=people[4], since=timezone.now())
        for address in (MAP, f"{MAP}board/", f"{MAP}funnel/", f"{MAP}cohorts/"):
            page = manager.get(f"{address}?segment=best")
            html = page.content.decode()
            assert "Segment: Best" in html
            hrefs = [unescape(href) for href in re.findall(r'href="(/journeys/map/five-stage/[^"]*)"', html)]
            # The chip that takes the segment off leads to the page itself.
            kept = [href for href in hrefs if not re.search("/(rules|edit)/", href) and href != address]
            assert kept
            assert all("segment=best" in href for href in kept), address
        counts = {e["count"].stage.slug: e["count"].here for e in manager.get(f"{MAP}?segment=best").context["stages"]}
        assert counts == {"awareness": 0, "consideration": 0, "purchase": 0, "retention": 1, "advocacy": 0}
        columns = manager.get(f"{MAP}board/?segment=best").context["columns"]
        assert [column.here for column, _url in columns] == [0, 0, 0, 1, 0]

    def test_a_touchpoint_narrows_to_who_met_us_there_or_ever_came(self, manager: Client) -> None:
        people, now = shop(), timezone.now()
        flyer, fair = TouchpointFactory(code="flyer"), TouchpointFactory(code="fair")
        for customer, where, days, bot in (
            (people[3], flyer, 9, False), (people[3], fair, 8, False), (people[4], fair, 9, False),
            (people[4], flyer, 12, True), (people[4], flyer, 2, False),
        ):  # fmt: skip
            TouchpointVisit.objects.create(
                touchpoint=where, customer=customer, visited_at=now - timedelta(days=days), is_bot=bot
            )
        reached = f"{PEOPLE}?of=reached&stage=awareness&touchpoint="
        assert names(manager, f"{reached}flyer") == ["Person 3"]
        assert names(manager, f"{reached}flyer&touch=any") == ["Person 3", "Person 4"]
        assert names(manager, f"{reached}fair") == ["Person 4"]
        assert manager.get(f"{reached}flyer&touch=x").status_code == 400

    def test_the_map_says_when_nobody_matches(self, manager: Client) -> None:
        shop()
        Segment.objects.create(slug="none", name="Nobody")
        assert "Nobody on this journey matches" in manager.get(f"{MAP}?segment=none").content.decode()

    def test_segments_are_only_for_who_may_see_them(self, sign_in: SignIn) -> None:
        Segment.objects.create(slug="best", name="Best")
        page = sign_in(User.Role.SUPPORT).get(f"{MAP}?segment=best")
        assert 'name="segment"' not in page.content.decode()


def test_sales_count_and_list_only_whom_they_may_know(sign_in: SignIn) -> None:
    people = shop()
    sales_see_their_own()
    Customer.objects.exclude(pk=people[0].pk).update(owner=UserFactory(role=User.Role.MANAGER))
    client = sign_in(User.Role.SALES)
    first = client.get(MAP).context["stages"][0]
    assert (first["count"].here, names(client, first["here"])) == (1, ["Person 0"])


def test_the_map_can_be_taken_away_as_a_table(manager: Client) -> None:
    shop()
    lines = manager.get(f"{MAP}?as=csv").content.decode("utf-8-sig").splitlines()
    assert lines[1].startswith("Awareness,2,5,,0,1,1,1,")
    assert lines[4].endswith(",650.00,650.00,THB")
    assert lines[5] == "Retention,,,,,,,,,10.00,10.00,EUR"


def test_a_map_costs_the_same_however_many_there_are(manager: Client, django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    shop()
    with django_assert_max_num_queries(24):
        manager.get(MAP)


@pytest.mark.parametrize(
    "query",
    [
        "", "?of=lost", "?of=here", "?of=here&stage=lost", "?of=here&stage=purchase&health=blue", "?of=moved",
        "?of=moved&source=new", "?of=moved&source=lost&target=purchase", "?of=through&stage=lost", "?of=value&stage=x",
        "?of=cohort", "?of=cohort&cohort=x", "?of=cohort&cohort=2020-01-01",
    ],
)  # fmt: skip
def test_a_number_that_no_page_shows_has_no_people(manager: Client, query: str) -> None:
    assert manager.get(f"{PEOPLE}{query}").status_code == 404


def test_the_page_leads_back_to_where_the_number_stands(manager: Client) -> None:
    shop()
    page = manager.get(f"{PEOPLE}?of=funnel&stage=purchase&window=7&days=365").content.decode()
    assert f'href="{MAP}funnel/?days=365&amp;window=7"' in page or f'href="{MAP}funnel/?window=7&amp;days=365"' in page
    assert "Within: 7 days" in page
