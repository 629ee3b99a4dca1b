from datetime import timedelta

import pytest
from django.test import Client

from crm.models import Consent, ConsentEvent, Customer, Shop, User
from crm.services import consents
from tests.crm.views.conftest import SignIn
from tests.factories.crm import NOON, CustomerFactory, TopicFactory, UserFactory

pytestmark = pytest.mark.django_db
YES = {
    "channel": "sms", "topic": "promotions", "state": "in", "source": "on the phone",
    "wording": "May we text you offers?",
}  # fmt: skip


@pytest.fixture
def ploy() -> Customer:
    TopicFactory.create()
    return CustomerFactory.create(name="Ploy")


def url_of(customer: Customer) -> str:
    return f"{customer.get_absolute_url()}consents/"


@pytest.mark.parametrize("role", ["admin", "manager", "sales", "support"])
def test_a_yes_is_kept_with_its_evidence(ploy: Customer, sign_in: SignIn, role: str) -> None:
    client = sign_in(role, first_name="Mali")
    assert client.post(url_of(ploy), YES).status_code == 302
    event = ConsentEvent.objects.get()
    assert (event.state, event.via, event.detail, event.wording) == (
        "in", "staff", "on the phone", "May we text you offers?"
    )  # fmt: skip
    assert event.actor is not None
    assert event.actor.first_name == "Mali"
    page = client.get(url_of(ploy)).content.decode()
    assert "“May we text you offers?”" in page
    assert "Mali" in page


@pytest.mark.parametrize("missing", ["source", "wording"])
def test_a_yes_without_evidence_is_none(ploy: Customer, manager: Client, missing: str) -> None:
    answer = manager.post(url_of(ploy), {**YES, missing: " "})
    assert answer.status_code == 422
    assert answer.context["form"].errors == {missing: ["Is needed for a yes"]}
    assert not ConsentEvent.objects.exists()


def test_a_no_is_taken_at_its_word(ploy: Customer, manager: Client) -> None:
    manager.post(url_of(ploy), YES)
    manager.post(url_of(ploy), {**YES, "state": "out", "source": "", "wording": ""})
    assert Consent.objects.get().state == "out"
    assert ConsentEvent.objects.count() == 2


@pytest.mark.parametrize(("field", "value"), [("channel", "pigeon"), ("topic", "gossip"), ("state", "perhaps")])
def test_what_there_is_not_is_refused(ploy: Customer, manager: Client, field: str, value: str) -> None:
    answer = manager.post(url_of(ploy), {**YES, field: value})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert not ConsentEvent.objects.exists()


@pytest.mark.parametrize("role", ["marketer", "viewer"])
def test_who_may_not_record_reads_only(ploy: Customer, sign_in: SignIn, role: str) -> None:
    client = sign_in(role)
    assert client.post(url_of(ploy), YES).status_code == 403
    assert not ConsentEvent.objects.exists()
    page = client.get(url_of(ploy)).content.decode()
    assert "Record what they told you" not in page
    assert "/preferences/" not in page


def test_where_a_click_came_from_is_for_those_who_may_see_contacts(ploy: Customer, sign_in: SignIn) -> None:
    consents.record_consents(
        ploy, {"sms": {"promotions": "in"}}, via="link", now=NOON, ip="203.0.113.7", user_agent="Firefox"
    )
    assert "203.0.113.7 · Firefox" in sign_in(User.Role.SUPPORT).get(url_of(ploy)).content.decode()
    assert "203.0.113.7" not in sign_in(User.Role.MARKETER).get(url_of(ploy)).content.decode()


def test_the_log_goes_back_page_by_page(ploy: Customer, manager: Client) -> None:
    for number in range(26):
        consents.record_consents(
            ploy,
            {"sms": {"promotions": "in"}},
            via="form",
            now=NOON + timedelta(minutes=number),
            wording=f"Wording {number}.",
        )
    first = manager.get(url_of(ploy))
    assert [row.wording for row in first.context["page"].rows][:2] == ["Wording 25.", "Wording 24."]
    second = manager.get(url_of(ploy), {"page": first.context["page"].next})
    assert [row.wording for row in second.context["page"].rows] == ["Wording 0."]
    assert manager.get(url_of(ploy), {"page": "nonsense"}).status_code == 400


def test_a_colleagues_customer_is_not_found(ploy: Customer, sign_in: SignIn) -> None:
    Shop.objects.update_or_create(pk=1, defaults={"sales_see": Shop.SalesSee.OWN})
    theirs = CustomerFactory.create(owner=UserFactory.create(role=User.Role.SALES))
    client = sign_in(User.Role.SALES)
    assert client.get(url_of(theirs)).status_code == 404
    assert client.post(url_of(theirs), YES).status_code == 404


def test_without_an_address_there_is_nothing_to_record(manager: Client) -> None:
    nobody = CustomerFactory.create(phone="", email="", line_id="")
    page = manager.get(url_of(nobody)).content.decode()
    assert "No phone, email or LINE id to write to." in page
    assert "Record what they told you" not in page


def test_the_customers_page_leads_there(ploy: Customer, manager: Client) -> None:
    assert url_of(ploy) in manager.get(ploy.get_absolute_url()).content.decode()
