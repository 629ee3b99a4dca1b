from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from crm.models import Customer, User
from messaging.models import ChannelSettings, Message
from tests.crm.views.conftest import SignIn
from tests.factories.crm import CustomerFactory, UserFactory, sales_see_their_own
from tests.factories.messaging import make_template

pytestmark = pytest.mark.django_db


def written(channel: str = "sms", **changes: str) -> dict[str, str]:
    fields = {"body": "Your lamp is ready", "topic": "after_sales", "once": str(uuid4()), **changes}
    return {f"{channel}-{name}": value for name, value in fields.items()}


def url(customer: Customer, channel: str = "sms") -> str:
    return f"{customer.get_absolute_url()}{channel}/"


def test_an_sms_is_queued_word_for_word(manager: Client) -> None:
    customer = CustomerFactory(phone="+66812345678")
    answer = manager.post(url(customer), written(body=" 50 % off {{ today }} "), follow=True)
    message = Message.objects.get()
    assert (message.state, message.channel, message.address) == ("queued", "sms", "+66812345678")
    assert (message.body, message.is_literal, message.topic.slug) == ("50 % off {{ today }}", True, "after_sales")
    assert (message.cause["kind"], message.cause["name"]) == ("staff", "Mali")
    assert "SMS queued." in answer.content.decode()


def test_a_form_sent_twice_is_one_message(manager: Client) -> None:
    customer = CustomerFactory()
    sent = written()
    manager.post(url(customer), sent)
    manager.post(url(customer), {**sent, "sms-body": "Once more"})
    assert Message.objects.values_list("body", flat=True).get() == "Your lamp is ready"
    manager.post(url(customer), written())
    assert Message.objects.count() == 2


def test_an_email_has_a_subject(manager: Client) -> None:
    customer = CustomerFactory(email="ploy@example.com")
    manager.post(url(customer, "email"), written("email", subject="Your lamp"))
    message = Message.objects.get()
    assert (message.channel, message.address, message.subject) == ("email", "ploy@example.com", "Your lamp")


@pytest.mark.parametrize(
    ("channel", "changes", "field", "fault"),
    [
        ("sms", {"body": " "}, "body", "This field is required."),
        ("sms", {"body": "ก" * 671}, "body", "Too long: an SMS of more than 10 segments is not sent"),
        ("sms", {"topic": "gossip"}, "topic", "Select a valid choice. gossip is not one of the available choices."),
        ("sms", {"once": "again"}, "once", "Enter a valid UUID."),
        ("email", {"subject": ""}, "subject", "This field is required."),
    ],
)
def test_a_text_that_cannot_go_keeps_its_form_open(
    manager: Client, channel: str, changes: dict[str, str], field: str, fault: str
) -> None:
    customer = CustomerFactory()
    answer = manager.post(url(customer, channel), written(channel, **{"subject": "About", **changes}))
    assert answer.status_code == 422
    (tab,) = [entry for entry in answer.context["tabs"] if entry["tab"].key == channel]
    assert tab["open"]
    assert tab["context"]["form"].errors == {field: [fault]}
    assert not Message.objects.exists()


def test_nobody_can_be_written_to_without_an_address(manager: Client) -> None:
    customer = CustomerFactory(phone="")
    assert "No phone number on record." in manager.get(customer.get_absolute_url()).content.decode()
    answer = manager.post(url(customer), written())
    assert answer.status_code == 422
    assert not Message.objects.exists()


def test_a_channel_that_is_not_set_up_takes_nothing(manager: Client) -> None:
    ChannelSettings.objects.filter(channel="sms").delete()
    assert manager.post(url(CustomerFactory()), written()).status_code == 422
    assert not Message.objects.exists()


def test_the_composer_offers_the_channels_to_those_who_may_write(sign_in: SignIn) -> None:
    customer = CustomerFactory()
    assert 'id="compose-sms"' in sign_in(User.Role.SUPPORT).get(customer.get_absolute_url()).content.decode()
    assert 'id="compose-sms"' not in sign_in(User.Role.MARKETER).get(customer.get_absolute_url()).content.decode()


@pytest.mark.parametrize("role", [User.Role.MARKETER, User.Role.VIEWER])
def test_others_may_not_write(sign_in: SignIn, role: str) -> None:
    assert sign_in(role).post(url(CustomerFactory()), written()).status_code == 403
    assert not Message.objects.exists()


def test_a_customer_one_may_not_see_cannot_be_written_to(sign_in: SignIn) -> None:
    client = sign_in(User.Role.SALES)
    customer = CustomerFactory(owner=UserFactory())
    sales_see_their_own()
    assert client.post(url(customer), written()).status_code == 404
    assert not Message.objects.exists()


def test_the_meter_counts_what_is_being_typed(manager: Client) -> None:
    def meter(text: str) -> Any:
        return manager.post("/messages/measure/", {"sms-body": text}).context["measure"]

    assert (meter("hello").encoding, meter("hello").segments, meter("hello").remaining) == ("GSM-7", 1, 155)
    assert (meter("สวัสดี").encoding, meter("สวัสดี").segments, meter("สวัสดี").remaining) == ("UCS-2", 1, 64)
    assert meter("x" * 161).segments == 2
    assert manager.post("/messages/measure/", {"v2_body": "Hello"}).context["measure"].segments == 1
    assert manager.post("/messages/measure/").context["measure"].segments == 0


class TestStartingFromATemplate:
    def test_the_page_offers_it_without_script(self, manager: Client) -> None:
        customer = CustomerFactory(name="Ploy", phone="+66812345678", language="en")
        make_template("thanks", en="Thank you {{ customer.first_name }}")
        assert f'href="{url(customer)}"' in manager.get(customer.get_absolute_url()).content.decode()
        offered = manager.get(url(customer))
        assert offered.status_code == 200
        assert '<option value="thanks">' in offered.content.decode()
        answer = manager.get(url(customer), {"template": "thanks"})
        (tab,) = [entry for entry in answer.context["tabs"] if entry["tab"].key == "sms"]
        assert (answer.status_code, tab["open"]) == (200, True)
        assert tab["context"]["form"]["body"].value() == "Thank you Ploy"
        assert not Message.objects.exists()

    def test_what_was_filled_in_is_sent_as_the_writer_left_it(self, manager: Client) -> None:
        customer = CustomerFactory(phone="+66812345678")
        make_template("thanks", en="Thank you")
        body = manager.get(url(customer), {"template": "thanks"}).context["tabs"][1]["context"]["form"]["body"].value()
        manager.post(url(customer), written(body=f"{body}, and see you"))
        assert Message.objects.get().body == "Thank you, and see you"

    def test_htmx_gets_the_form_alone(self, manager: Client, htmx: Callable[[str], dict[str, str]]) -> None:
        customer = CustomerFactory(language="en", email="ploy@example.com")
        make_template("thanks", "email", en="Thank you")
        answer = manager.get(url(customer, "email"), {"template": "thanks"}, headers=htmx("write-email"))
        page = answer.content.decode()
        assert page.startswith('<div class="stack-s" id="write-email">')
        assert 'value="About thanks"' in page
        assert "Thank you</textarea>" in page

    def test_what_is_not_known_is_named(self, manager: Client) -> None:
        customer = CustomerFactory()
        make_template("thanks", en="Order {{ event.order_id }}")
        page = manager.get(url(customer), {"template": "thanks"}).content.decode()
        assert "Order [order_id]</textarea>" in page
        assert "<code>event.order_id</code>" in page

    def test_a_template_that_is_not_offered_is_refused_in_words(self, manager: Client) -> None:
        customer = CustomerFactory()
        make_template("thanks", "email", en="Thank you")
        assert manager.get(url(customer), {"template": "thanks"}).status_code == 400

    @pytest.mark.parametrize("role", [User.Role.MARKETER, User.Role.VIEWER])
    def test_it_is_for_those_who_may_write(self, sign_in: SignIn, role: str) -> None:
        assert sign_in(role).get(url(CustomerFactory())).status_code == 403

    def test_a_customer_one_may_not_see_is_not_shown(self, sign_in: SignIn) -> None:
        client, customer = sign_in(User.Role.SALES), CustomerFactory(owner=UserFactory())
        sales_see_their_own()
        assert client.get(url(customer)).status_code == 404
