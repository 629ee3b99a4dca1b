from urllib.parse import urlsplit

import pytest
from django.test import Client

from crm.models import Customer, Shop
from messaging.selectors.filling import Filled, fill_in, template_choices
from tests.factories.crm import CustomerFactory, PurchaseFactory
from tests.factories.messaging import make_template

pytestmark = pytest.mark.django_db


def ploy(**fields: object) -> Customer:
    return CustomerFactory(name="Ploy Jaidee", language="en", **fields)


def filled(customer: Customer, body: str, **bodies: str) -> Filled:
    return fill_in(make_template("thanks", en=body, **bodies), customer=customer, shop=Shop.current())


def test_it_speaks_the_customers_language_and_calls_them_by_name() -> None:
    said = filled(ploy(), "Hello {{ customer.first_name }}", th="สวัสดี {{ customer.first_name }}")
    assert said == Filled(body="Hello Ploy")
    CustomerFactory(language="th")
    thai = CustomerFactory(name="สมชาย ใจดี", language="th")
    assert filled(thai, "Hello", th="สวัสดี {{ customer.first_name }}").body == "สวัสดี สมชาย"


def test_their_latest_order_is_at_hand() -> None:
    customer = ploy()
    PurchaseFactory(customer=customer, reference="WEB-7")
    assert filled(customer, "Order {{ event.order_id }}").body == "Order WEB-7"


def test_what_is_not_known_is_a_gap_in_square_brackets() -> None:
    customer = ploy()
    said = filled(customer, "Order {{ event.order_id }}, size {{ customer.attributes.size }}, {{ shop.name }}")
    assert said.missing == ("customer.attributes.size", "event.order_id")
    assert said.body == f"Order [order_id], size [size], {Shop.current().name}"
    assert customer.attributes == {}


def test_what_has_a_default_is_no_gap() -> None:
    said = filled(
        ploy(), "{% if event.order_id %}Order {{ event.order_id }}{% else %}Hi{% endif %} {{ cart.x | default: 1 }}"
    )
    assert said == Filled(body="Hi 1")


def test_a_text_that_asks_for_what_no_gap_can_stand_for_says_so() -> None:
    said = filled(ploy(), "{{ event.products[0].name }}")
    assert (said.body, said.missing) == ("", ("event.products.0.name",))
    assert said.fault


def test_the_way_out_leads_to_the_customers_own_page(client: Client) -> None:
    way_out = filled(ploy(), "{{ links.unsubscribe }}").body
    assert client.get(urlsplit(way_out).path).templates[0].name == "messaging/public/preferences.html"


def test_only_what_is_live_is_offered() -> None:
    make_template("thanks", en="Thank you")
    make_template("draft", published=False, en="Not yet")
    make_template("letter", "email", en="Dear")
    assert template_choices("sms") == [("thanks", "thanks")]
    assert (
        fill_in(make_template("draft", published=False, en="Not yet"), customer=ploy(), shop=Shop.current()).fault
        == "nothing is published"
    )
