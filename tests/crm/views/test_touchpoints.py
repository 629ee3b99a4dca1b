import pytest
from django.test import Client
from django.urls import reverse

from crm.models import Customer, Event, Identity, Touchpoint, TouchpointVisit, User
from crm.services.touchpoints import VISITOR_SOURCE
from crm.views.touchpoints import VISITOR_COOKIE
from tests.crm.views.conftest import SignIn
from tests.factories.crm import CustomerFactory, TouchpointFactory

pytestmark = pytest.mark.django_db
PHONE = {"User-Agent": "Mozilla/5.0 (iPhone)"}


class TestTheShortLink:
    def test_it_counts_the_visit_and_leads_on_with_the_campaign(self, client: Client) -> None:
        TouchpointFactory(
            code="fair", kind="flyer", campaign="spring", url="https://shop.example.com/a?x=1&utm_source=qr"
        )
        response = client.get("/t/fair", headers=PHONE | {"Referer": "https://line.me/"})
        visit = TouchpointVisit.objects.get()
        assert response.status_code == 302
        assert response["Location"] == (
            "https://shop.example.com/a?utm_source=qr&utm_medium=touchpoint&utm_campaign=spring&x=1"
            f"&wm_touchpoint=fair&wm_visitor={visit.visitor}"
        )
        assert (visit.referrer, visit.is_bot, visit.customer) == ("https://line.me/", False, None)
        assert response.cookies[VISITOR_COOKIE]["httponly"]
        assert response["Cache-Control"] == "no-store"

    def test_the_same_browser_is_the_same_visitor(self, client: Client) -> None:
        TouchpointFactory(code="fair")
        client.get("/t/fair", headers=PHONE)
        client.get("/t/fair", headers=PHONE)
        assert TouchpointVisit.objects.count() == 2
        assert TouchpointVisit.objects.values("visitor").distinct().count() == 1

    def test_a_browser_we_know_is_the_customers_own_visit_and_a_fact(self, client: Client) -> None:
        customer = CustomerFactory()
        Identity.objects.create(customer=customer, kind=Identity.Kind.ANONYMOUS, source=VISITOR_SOURCE, value="f" * 32)
        TouchpointFactory(code="fair")
        client.cookies[VISITOR_COOKIE] = "f" * 32
        client.get("/t/fair", headers=PHONE)
        assert TouchpointVisit.objects.get().customer == customer
        assert Event.objects.filter(name="Touchpoint Visited", customer=customer).count() == 1

    def test_robots_are_marked_and_no_fact(self, client: Client) -> None:
        TouchpointFactory(code="fair")
        client.get("/t/fair", headers={"User-Agent": "facebookexternalhit/1.1"})
        assert TouchpointVisit.objects.get().is_bot
        assert not Event.objects.filter(name="Touchpoint Visited").exists()

    def test_a_look_is_no_visit_and_nonsense_no_trouble(self, client: Client) -> None:
        TouchpointFactory(code="fair")
        client.cookies[VISITOR_COOKIE] = "<script>"
        assert client.head("/t/fair").status_code == 302
        assert not TouchpointVisit.objects.exists()
        client.get("/t/fair", headers={"User-Agent": "Mozilla\x00/5.0", "Referer": "x" * 3000})
        assert TouchpointVisit.objects.get().visitor.isalnum()
        assert client.get("/t/lost").status_code == 404
        assert client.post("/t/fair").status_code == 405


def test_a_touchpoint_is_made_with_a_code_of_its_own(sign_in: SignIn) -> None:
    client = sign_in(User.Role.MARKETER)
    said = {"name": "Flyer", "kind": "flyer", "url": "shop.example.com", "cost": "8000.50"}
    response = client.post("/reach/new/", said)
    touchpoint = Touchpoint.objects.get()
    assert response["Location"] == f"/reach/{touchpoint.public_id}/"
    assert (touchpoint.url, touchpoint.cost_minor, touchpoint.currency) == ("https://shop.example.com", 800_050, "THB")
    assert len(touchpoint.code) == 7


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"code": "taken"}, "code"),
        ({"code": "no spaces"}, "code"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"starts_on": "2026-03-02", "ends_on": "2026-03-01"}, "ends_on"),
        ({"cost": "-1"}, "cost"),
        ({"name": ""}, "name"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_beside_its_field(
    manager: Client, change: dict[str, str], field: str
) -> None:
    TouchpointFactory(code="taken")
    said = {"name": "Flyer", "kind": "flyer", "url": "https://shop.example.com"} | change
    response = manager.post("/reach/new/", said)
    assert (response.status_code, list(response.context["form"].errors)) == (422, [field])
    assert Touchpoint.objects.count() == 1


def test_the_page_tells_people_from_robots_and_what_each_customer_cost(manager: Client) -> None:
    touchpoint = TouchpointFactory(cost_minor=100_000, currency="THB")
    ploy = CustomerFactory(name="Ploy")
    for customer, robot in ((ploy, False), (ploy, False), (None, False), (None, True)):
        TouchpointVisit.objects.create(touchpoint=touchpoint, customer=customer, is_bot=robot)
    response = manager.get(f"/reach/{touchpoint.public_id}/")
    assert response.context["people"] == {"visits": 3, "customers": 1, "unknown": 1}
    assert str(response.context["cost_each"]) == "1,000.00 THB"
    assert [customer.name for customer in response.context["customers"]] == ["Ploy"]
    assert "1 visit by a robot is left out." in response.content.decode()
    row = manager.get("/reach/").context["page"].rows[0]
    assert (row.visited, row.people) == (3, 1)


@pytest.mark.parametrize(("kind", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_the_qr_code_can_be_taken_to_the_printer(manager: Client, kind: str, magic: bytes) -> None:
    touchpoint = TouchpointFactory(code="fair")
    response = manager.get(reverse("crm:touchpoint_qr", args=[touchpoint.public_id, kind]))
    assert response.content.startswith(magic)
    assert response["Content-Disposition"] == f'attachment; filename="fair.{kind}"'
    assert manager.get(reverse("crm:touchpoint_qr", args=[touchpoint.public_id, "gif"])).status_code == 404


def test_sales_may_look_and_make_none(sign_in: SignIn) -> None:
    client = sign_in(User.Role.SALES)
    assert client.get("/reach/").status_code == 200
    assert client.get("/reach/new/").status_code == 403
    assert not Customer.objects.exists()
