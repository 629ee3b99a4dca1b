import pytest

from crm.models import ConsentEvent, Event
from messaging.inbound.preferences import Visitor, choices, choose, unsubscribe
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.messaging import MessageFactory, opt_in, topic

pytestmark = pytest.mark.django_db

VISITOR = Visitor(ip="203.0.113.7", user_agent="Browser")


def test_unsubscribing_opts_out_of_the_topic_on_the_channel_with_evidence() -> None:
    customer = CustomerFactory()
    opt_in(customer, "promotions", "brand_news", channel="email")
    message = MessageFactory(customer=customer, channel="email", topic=topic("promotions"))
    unsubscribe(message, now=NOON, visitor=VISITOR)
    states = customer.consents.values_list("channel", "topic__slug", "state")
    assert set(states) == {("email", "promotions", "out"), ("email", "brand_news", "in")}
    evidence = ConsentEvent.objects.get()
    assert (evidence.via, evidence.ip, evidence.user_agent) == ("link", "203.0.113.7", "Browser")
    assert evidence.detail == f"message {message.public_id}"
    assert Event.objects.get(name="Message Unsubscribed").customer == customer


def test_doing_it_again_changes_nothing() -> None:
    message = MessageFactory(topic=topic("promotions"))
    for _ in range(3):
        unsubscribe(message, now=NOON, visitor=VISITOR)
    assert ConsentEvent.objects.count() == 1
    assert Event.objects.filter(name="Message Unsubscribed").count() == 1


def test_the_choices_are_the_topics_on_the_channels_that_reach_the_customer() -> None:
    customer = CustomerFactory(phone="", email="ploy@example.com")
    opt_in(customer, "promotions", channel="email")
    assert [(choice.name, choice.chosen) for choice in choices(customer)] == [
        ("email.brand_news", False),
        ("email.promotions", True),
        ("email.after_sales", True),
        ("email.order_updates", True),
    ]


def test_choosing_records_only_what_changed() -> None:
    customer = CustomerFactory(phone="")
    opt_in(customer, "promotions", channel="email")
    wanted = {"email.brand_news", "email.order_updates"}
    assert choose(customer, wanted, wording="Which messages?", now=NOON, visitor=VISITOR) == 3
    assert {(event.topic.slug, event.state) for event in ConsentEvent.objects.all()} == {
        ("promotions", "out"), ("brand_news", "in"), ("after_sales", "out"),
    }  # fmt: skip
    assert {event.wording for event in ConsentEvent.objects.all()} == {"Which messages?"}
    assert choose(customer, wanted, wording="Which messages?", now=NOON, visitor=VISITOR) == 0
    assert ConsentEvent.objects.count() == 3


def test_a_name_that_is_no_choice_is_ignored() -> None:
    customer = CustomerFactory(phone="")
    choose(
        customer,
        {"pigeon.gossip", "csrf", "email.order_updates", "email.after_sales"},
        wording="",
        now=NOON,
        visitor=VISITOR,
    )
    assert not ConsentEvent.objects.exists()
