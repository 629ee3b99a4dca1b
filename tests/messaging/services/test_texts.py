from typing import Any

import pytest

from crm.models import Customer
from messaging.models import Message, MessagingSettings
from messaging.services.texts import CannotWrite, send_text
from tests.factories.crm import NOON, CustomerFactory, UserFactory

pytestmark = pytest.mark.django_db


def send(customer: Customer, **changes: Any) -> Message:
    values = {"channel": "sms", "topic": "after_sales", "body": "Hello", "once": "1", "actor": UserFactory()}
    return send_text(customer=customer, now=NOON, **{**values, **changes})


def test_the_cause_names_who_wrote() -> None:
    actor = UserFactory(first_name="Mali")
    message = send(CustomerFactory(), actor=actor)
    assert message.cause == {"kind": "staff", "user": actor.pk, "name": "Mali"}


def test_two_people_may_say_the_same_thing() -> None:
    customer = CustomerFactory()
    send(customer)
    send(customer)
    assert Message.objects.count() == 2


def test_marketing_is_queued_and_asked_about_when_it_is_due() -> None:
    message = send(CustomerFactory(), topic="promotions")
    assert (message.state, message.lane) == ("queued", Message.Lane.MARKETING)


@pytest.mark.parametrize(
    ("changes", "field", "fault"),
    [
        ({"channel": "line"}, "address", "there is no address to write to"),
        ({"topic": "gossip"}, "topic", "there is no such topic"),
        ({"body": " \n"}, "body", "there is nothing to say"),
        ({"channel": "email"}, "subject", "an email needs a subject"),
        ({"body": "x" * 1531}, "body", "too long: an SMS of more than 10 segments is not sent"),
    ],
)
def test_what_cannot_be_written_says_why(changes: dict[str, str], field: str, fault: str) -> None:
    with pytest.raises(CannotWrite) as refused:
        send(CustomerFactory(), **changes)
    assert (refused.value.field, refused.value.message) == (field, fault)
    assert not Message.objects.exists()


def test_ten_segments_still_go() -> None:
    assert send(CustomerFactory(), body="x" * 1530).state == "queued"


def test_a_text_that_links_to_a_domain_that_is_not_registered_is_refused_and_the_link_named() -> None:
    MessagingSettings.objects.update(registered_domains=["shop.example"])
    with pytest.raises(CannotWrite) as refused:
        send(CustomerFactory(), body="Look: bit.ly/abc")
    assert refused.value.message == "links to a domain that is not registered: bit.ly/abc"
    assert send(CustomerFactory(), body="Look: https://shop.example/a").state == "queued"


def test_an_address_that_will_be_short_may_be_longer_than_a_text() -> None:
    MessagingSettings.objects.update(link_domain="https://go.shop.example")
    assert send(CustomerFactory(), body=f"https://shop.example/{'a' * 1600}").state == "queued"
