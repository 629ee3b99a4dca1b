from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.lib.money import Money
from crm.models import Customer, Event, Shop, Tag, User
from crm.services import merges, purchases
from tests.crm.views.conftest import SignIn
from tests.factories.crm import CustomerFactory, PurchaseFactory, TicketFactory, UserFactory

pytestmark = pytest.mark.django_db
LIST = "/customers/"


def names(client: Client, query: str = "") -> list[str]:
    response = client.get(LIST + query)
    assert response.status_code == 200
    return [customer.name for customer in response.context["page"].rows]


def seen(customer: Customer, days_ago: int) -> None:
    Customer.objects.filter(pk=customer.pk).update(last_seen_at=timezone.now() - timedelta(days=days_ago))


def test_a_stranger_is_sent_to_sign_in_and_comes_back(client: Client) -> None:
    response = client.get("/customers/?q=ploy")
    assert (response.status_code, response["Location"]) == (302, "/accounts/login/?next=/customers/%3Fq%3Dploy")


def test_the_list_begins_with_who_was_heard_of_last(manager: Client) -> None:
    for name, days in (("Old", 30), ("New", 1), ("Never", 0)):
        seen(CustomerFactory(name=name), days)
    Customer.objects.filter(name="Never").update(last_seen_at=None)
    CustomerFactory(name="", is_visitor=True)
    assert names(manager) == ["New", "Old", "Never"]
    assert names(manager, "?sort=name") == ["Never", "New", "Old"]


def test_a_search_finds_fragments_of_names_and_of_phones_as_people_write_them(manager: Client) -> None:
    CustomerFactory(name="พลอย ใจดี", phone="+66812345678")
    CustomerFactory(name="Somebody else", phone="+66899999999")
    assert names(manager, "?q=ใจดี") == ["พลอย ใจดี"]
    assert names(manager, "?q=081-234") == ["พลอย ใจดี"]
    assert names(manager, "?q=nobody") == []


def test_filters_narrow_and_can_be_taken_off(manager: Client) -> None:
    vip, other = CustomerFactory(name="Vip"), CustomerFactory(name="Other", owner=UserFactory(username="ton"))
    vip.tags.add(Tag.objects.create(name="vip"))
    TicketFactory(customer=other)
    assert names(manager, "?tag=vip") == ["Vip"]
    assert names(manager, "?owner=ton") == ["Other"]
    assert names(manager, "?owner=none") == ["Vip"]
    assert names(manager, "?ticket=open") == ["Other"]
    assert names(manager, "?ticket=none") == ["Vip"]
    page = manager.get(LIST + "?tag=vip&sort=name").content.decode()
    assert 'href="?sort=name"' in page  # the chip that takes the tag off keeps the order


@pytest.mark.parametrize("query", ["?tag=unheard-of", "?sort=money", "?page=%00", "?page=Zm9v"])
def test_what_the_list_does_not_offer_is_refused_in_words(manager: Client, query: str) -> None:
    response = manager.get(LIST + query)
    assert response.status_code == 400
    assert "<h1>" in response.content.decode()


def test_no_match_is_another_page_than_nobody_yet(manager: Client) -> None:
    assert "Nobody is on record yet" in manager.get(LIST).content.decode()
    CustomerFactory(name="Ploy")
    assert "No customer matches" in manager.get(LIST + "?q=zzz").content.decode()


def test_htmx_gets_the_rows_alone(manager: Client, htmx: Callable[[str], dict[str, str]]) -> None:
    CustomerFactory(name="Ploy")
    whole, rows = manager.get(LIST), manager.get(LIST, headers=htmx("rows"))
    assert b"<html" in whole.content
    assert b"<html" not in rows.content
    assert rows.content.decode().strip().startswith('<div id="rows"')
    assert "Ploy" in rows.content.decode()
    assert "HX-Target" in rows["Vary"]


def test_the_list_says_what_customers_are_worth_net_of_refunds(manager: Client) -> None:
    customer = CustomerFactory(name="Ploy")
    order = PurchaseFactory(customer=customer, total_minor=150_000)
    PurchaseFactory(customer=customer, total_minor=99_900, cancelled_at=timezone.now(), status="cancelled")
    purchases.record_refund(
        customer=customer, purchase=order, source="web", reference="R1", amount=Money(50_000, "THB"),
        refunded_at=timezone.now(), now=timezone.now(),
    )  # fmt: skip
    page = manager.get(LIST).content.decode()
    assert "1 order" in page
    assert "1,000.00 THB" in page


def test_sales_see_only_their_own_and_nobodys_when_the_shop_says_so(sign_in: SignIn) -> None:
    shop = Shop.current()
    shop.sales_see = Shop.SalesSee.OWN
    shop.save()
    hers = CustomerFactory(name="Hers", owner=UserFactory(username="nok"))
    CustomerFactory(name="Nobody's")
    client = sign_in(User.Role.SALES)
    assert names(client) == ["Nobody's"]
    assert client.get(hers.get_absolute_url()).status_code == 404
    assert client.post(reverse("crm:note_add", args=[hers.public_id]), {"note-body": "hi"}).status_code == 404


@pytest.mark.parametrize("role", [User.Role.VIEWER, User.Role.MARKETER])
def test_addresses_are_masked_for_who_may_not_see_them_in_full(sign_in: SignIn, role: str) -> None:
    customer = CustomerFactory(name="", email="ploy@example.com", phone="+66812345678", line_id="U123456")
    for url in (LIST, customer.get_absolute_url(), "/search/?q=ploy", "/"):
        page = sign_in(role).get(url).content.decode()
        assert "ploy@example.com" not in page.replace('value="ploy"', "")
        assert "81 234 5678" not in page
        assert "812345678" not in page
        assert "U123456" not in page


def test_a_new_customer_needs_one_way_to_name_them(manager: Client) -> None:
    empty = manager.post("/customers/new/", {})
    assert (empty.status_code, Customer.objects.count()) == (422, 0)
    assert "A name or an address is needed" in empty.content.decode()
    made = manager.post("/customers/new/", {"name": "Ploy", "phone": "081 234 5678", "tags": "vip, gift buyer"})
    customer = Customer.objects.get()
    assert made["Location"] == customer.get_absolute_url()
    assert (str(customer.phone), customer.owner.first_name) == ("+66812345678", "Mali")
    assert [tag.name for tag in customer.tags.all()] == ["gift buyer", "vip"]


@pytest.mark.parametrize(
    ("field", "kept", "typed"),
    [
        ("email", "ploy@example.com", " Ploy@Example.com "),
        ("phone", "+66812345678", "081-234-5678"),
        ("line_id", "U123456", "U123456"),
    ],
)
def test_an_address_of_somebody_else_is_refused_beside_its_field_with_a_link_to_them(
    manager: Client, field: str, kept: str, typed: str
) -> None:
    ploy = CustomerFactory(name="Ploy <b>", **{field: kept})
    response = manager.post("/customers/new/", {"name": "Imposter", field: typed})
    assert response.status_code == 422
    said = f'Belongs to <a href="{ploy.get_absolute_url()}">Ploy &lt;b&gt;</a>.'
    assert response.context["form"].errors == {field: [said]}
    assert f"<li>{said}</li>" in response.content.decode()
    assert Customer.objects.count() == 1


def test_who_has_the_address_is_not_told_to_whom_it_may_not_be(sign_in: SignIn) -> None:
    Shop.objects.update_or_create(pk=Shop.current().pk, defaults={"sales_see": Shop.SalesSee.OWN})
    CustomerFactory(name="Hers", email="ploy@example.com", owner=UserFactory(username="nok"))
    response = sign_in(User.Role.SALES).post("/customers/new/", {"name": "Imposter", "email": "ploy@example.com"})
    assert response.context["form"].errors == {"email": ["Belongs to a customer whom a colleague looks after."]}
    assert "Hers" not in response.content.decode()


class TestThePage:
    def test_it_shows_what_happened_by_day_and_what_is_open(self, manager: Client) -> None:
        customer = CustomerFactory(name="Ploy")
        PurchaseFactory(customer=customer, reference="WEB-7", promised_at=timezone.now() - timedelta(days=3, hours=1))
        TicketFactory(customer=customer, subject="Where is it?")
        response = manager.get(customer.get_absolute_url())
        page = response.content.decode()
        assert "3 days late" in page
        assert "Where is it?" in page
        entries = [entry for day in response.context["timeline"].days for entry in day.entries]
        titles = [str(entry.title) for entry in entries if entry.category != "stage"]
        assert sorted(titles) == ["Asked us something", "Became known", "Ordered"]
        assert f'href="{reverse("crm:purchase_detail", args=[customer.purchases.get().public_id])}"' in page

    def test_what_programs_call_something_is_written_as_people_do(self, manager: Client) -> None:
        customer = CustomerFactory(attributes={"shoe_size": "39"})
        assert "<dt>shoe size</dt><dd>39</dd>" in manager.get(customer.get_absolute_url()).content.decode()

    def test_a_chip_shows_one_kind_of_facts(self, manager: Client, htmx: Callable[[str], dict[str, str]]) -> None:
        customer = CustomerFactory()
        PurchaseFactory(customer=customer)
        response = manager.get(customer.get_absolute_url() + "?only=order", headers=htmx("timeline"))
        assert response.content.decode().strip().startswith('<section id="timeline"')
        assert [[str(e.title) for e in day.entries] for day in response.context["timeline"].days] == [["Ordered"]]
        assert manager.get(customer.get_absolute_url() + "?only=gossip").status_code == 400

    def test_older_rows_come_in_on_demand(self, manager: Client, htmx: Callable[[str], dict[str, str]]) -> None:
        customer = CustomerFactory()
        for number in range(60):
            PurchaseFactory(customer=customer, placed_at=timezone.now() - timedelta(days=number))
        orders = customer.get_absolute_url() + "?only=order"
        first = manager.get(orders)
        older = manager.get(f"{orders}&page={first.context['timeline'].next}", headers=htmx("older"))
        count = [sum(len(day.entries) for day in page.context["timeline"].days) for page in (first, older)]
        assert count == [40, 20]
        assert b"<html" not in older.content

    def test_an_old_link_finds_the_record_it_was_merged_into(self, manager: Client) -> None:
        stays, goes = CustomerFactory(name="Ploy"), CustomerFactory(name="Ploy J.")
        merges.merge_customers(survivor=stays, loser=goes, reason="same person", actor=None, now=timezone.now())
        response = manager.get(goes.get_absolute_url())
        assert (response.status_code, response["Location"]) == (302, stays.get_absolute_url())

    def test_one_field_is_edited_where_it_stands(self, manager: Client, htmx: Callable[[str], dict[str, str]]) -> None:
        customer = CustomerFactory(name="Ploy")
        url = reverse("crm:customer_field", args=[customer.public_id, "name"])
        form = manager.get(url, headers=htmx("field-name")).content.decode()
        assert form.strip().startswith("<form")
        assert b"<html" in manager.get(url).content  # and without htmx it is a page
        saved = manager.post(url, {"name": "Ploy Jaidee"}, headers=htmx("record"), follow=True)
        assert "Ploy Jaidee" in saved.content.decode()
        assert Customer.objects.get().history.count() == 2

    def test_a_faulty_field_keeps_its_form_where_it_stands(
        self, manager: Client, htmx: Callable[[str], dict[str, str]]
    ) -> None:
        customer = CustomerFactory(phone="+66812345678")
        url = reverse("crm:customer_field", args=[customer.public_id, "phone"])
        response = manager.post(url, {"phone": "not a number"}, headers=htmx("record"))
        assert (response.status_code, response["HX-Retarget"]) == (422, "#field-phone")
        assert Customer.objects.get().phone == "+66812345678"

    def test_a_field_with_somebody_elses_address_says_whose_it_is(
        self, manager: Client, htmx: Callable[[str], dict[str, str]]
    ) -> None:
        ploy, nok = CustomerFactory(name="Ploy", phone="+66812345678"), CustomerFactory(name="Nok")
        url = reverse("crm:customer_field", args=[nok.public_id, "phone"])
        response = manager.post(url, {"phone": "0812345678"}, headers=htmx("record"))
        assert response.status_code == 422
        assert f'Belongs to <a href="{ploy.get_absolute_url()}">Ploy</a>.' in response.content.decode()
        assert Customer.objects.get(pk=nok.pk).phone == nok.phone

    def test_an_owner_can_be_given_and_taken_away_by_leaders_only(self, manager: Client, sign_in: SignIn) -> None:
        ton = UserFactory(username="ton")
        customer = CustomerFactory()
        url = reverse("crm:customer_field", args=[customer.public_id, "owner"])
        manager.post(url, {"owner": "ton"})
        assert Customer.objects.get().owner == ton
        manager.post(url, {"owner": ""})
        assert Customer.objects.get().owner is None
        assert sign_in(User.Role.SALES).post(url, {"owner": "ton"}).status_code == 404

    def test_a_field_that_is_not_edited_by_hand_is_not_there(self, manager: Client) -> None:
        customer = CustomerFactory()
        assert manager.get(f"{customer.get_absolute_url()}edit/search_text/").status_code == 404

    def test_tags_go_on_and_off(self, sign_in: SignIn) -> None:
        customer, client = CustomerFactory(), sign_in(User.Role.MARKETER)
        url = reverse("crm:customer_tags", args=[customer.public_id])
        client.post(url, {"name": "vip"})
        assert [tag.name for tag in customer.tags.all()] == ["vip"]
        client.post(url, {"name": " "})
        client.post(url, {"remove": "vip"})
        assert list(customer.tags.all()) == []

    @pytest.mark.parametrize(
        "path", ["edit/name/", "tags/", "consents/", "notes/", "calls/", "tasks/", "tickets/new/", "reviews/new/"]
    )
    def test_a_viewer_changes_nothing(self, sign_in: SignIn, path: str) -> None:
        customer = CustomerFactory()
        before = Event.objects.count()
        assert sign_in(User.Role.VIEWER).post(customer.get_absolute_url() + path, {}).status_code == 403
        assert Event.objects.count() == before

    def test_a_viewer_is_offered_no_button_that_would_be_refused(self, sign_in: SignIn) -> None:
        page = sign_in(User.Role.VIEWER).get(CustomerFactory().get_absolute_url()).content.decode()
        record = page[page.index('id="record"') :]
        assert "<form" not in record
        assert "Edit:" not in record
