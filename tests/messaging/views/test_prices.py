"""The price table on its page."""

from typing import Any

import pytest
from django.test import Client

from crm.models import Shop
from messaging.models import Message, Price
from messaging.outbox import sender
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.messaging import MessageFactory

pytestmark = pytest.mark.django_db
URL = "/settings/prices/"


def test_a_price_is_written_as_an_amount_and_kept_in_millionths(manager: Client) -> None:
    answer = manager.post(f"{URL}new/", {"channel": "sms", "country": "th", "amount": "0.35"})
    assert answer.status_code == 302
    price = Price.objects.get()
    assert (price.channel, price.country, price.micros) == ("sms", "TH", 350_000)
    page = manager.get(URL).content.decode()
    assert "0.35 THB" in page
    assert 'value="0.35"' in manager.get(f"{URL}{price.pk}/").content.decode()


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"channel": "sms", "country": "XX", "amount": "1"}, "There is no such country."),
        ({"channel": "email", "country": "TH", "amount": "1"}, "Only SMS has a price of its own for a country."),
        ({"channel": "sms", "country": "", "amount": "-1"}, "greater than or equal to 0"),
        ({"channel": "sms", "country": "", "amount": "0.0000001"}, "no more than 6 decimal places"),
        ({"channel": "sms", "country": "", "amount": "much"}, "Enter a number."),
    ],
)
def test_what_is_no_price_is_refused(manager: Client, given: dict[str, str], fault: str) -> None:
    answer = manager.post(f"{URL}new/", given)
    assert answer.status_code == 422
    assert fault in answer.content.decode()
    assert not Price.objects.exists()


def test_one_price_for_a_channel_and_country(manager: Client) -> None:
    Price.objects.create(channel="sms", country="TH", micros=1)
    answer = manager.post(f"{URL}new/", {"channel": "sms", "country": "TH", "amount": "1"})
    assert answer.status_code == 422
    assert "already exists" in answer.content.decode()


def test_it_can_be_removed(manager: Client) -> None:
    price = Price.objects.create(channel="sms", micros=1)
    manager.post(f"{URL}{price.pk}/remove/")
    assert not Price.objects.exists()


def test_example_prices_are_offered_in_their_own_currency_only(manager: Client) -> None:
    assert "example prices for Thailand" in manager.get(URL).content.decode()
    manager.post(f"{URL}example/")
    assert Price.objects.get(channel="sms", country="TH").micros == 350_000
    Shop.objects.update(currency="EUR")
    assert "example prices for Thailand" not in manager.get(URL).content.decode()


def test_sales_cannot_see_or_set_prices(sign_in: Any) -> None:
    sales = sign_in("sales")
    assert sales.get(URL).status_code == 403
    assert sales.post(f"{URL}new/", {"channel": "sms", "amount": "1"}).status_code == 403


def test_the_log_adds_up_what_went_out_and_the_message_says_what_it_cost(manager: Client) -> None:
    for state, micros in (("sent", 350_000), ("delivered", 700_000), ("failed", 350_000), ("queued", 0)):
        MessageFactory(state=state, cost_micros=micros, segments=1)
    assert "What went out of these cost 1.05 THB." in manager.get("/messages/").content.decode()
    assert "What went out of these cost 0.70 THB." in manager.get("/messages/?state=delivered").content.decode()
    assert "What went out of these" not in manager.get("/messages/?state=queued").content.decode()
    dear = Message.objects.get(cost_micros=700_000)
    assert "0.70 THB" in manager.get(dear.get_absolute_url()).content.decode()


def test_the_meter_of_an_sms_says_what_it_costs(manager: Client) -> None:
    Price.objects.create(channel="sms", country="TH", micros=350_000)
    answer = manager.post("/messages/measure/", {"body": "x" * 161}).content.decode()
    assert "2 segments · 0.70 THB" in " ".join(answer.split())


def test_what_leaves_has_its_cost_on_it(manager: Client) -> None:
    Price.objects.create(channel="sms", country="TH", micros=350_000)
    message = MessageFactory(customer=CustomerFactory(phone="+66812345678"), body="x" * 161)
    sender.send_due(now=NOON, limit=10)
    message.refresh_from_db()
    assert (message.segments, message.cost_micros) == (2, 700_000)
