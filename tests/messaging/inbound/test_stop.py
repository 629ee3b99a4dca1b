"""STOP and HELP on every channel, also while messages are on their way."""

from dataclasses import replace
from typing import Any

import pytest

from crm.models import Consent, Customer
from crm.services.merges import merge_customers
from messaging.channels.base import Accepted, Parcel
from messaging.channels.calls import InboundIn
from messaging.inbound.receive import receive
from messaging.models import ChannelSettings, InboundMessage, Message, Suppression
from messaging.outbox.addresses import address_of
from messaging.outbox.sender import send_due
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.messaging import MessageFactory, opt_in, topic
from tests.messaging.fakes import FakeProvider

pytestmark = [pytest.mark.django_db, pytest.mark.parametrize("channel", ["sms", "email", "line"])]


@pytest.fixture
def ploy(channel: str, fake: type[FakeProvider]) -> Customer:
    ChannelSettings.objects.update_or_create(channel=channel, defaults={"provider": "fake"})
    return CustomerFactory.create(phone="+66812345678", email="ploy@example.com", line_id="U1")


def say(ploy: Customer, channel: str, body: str) -> InboundMessage:
    said = InboundIn(
        provider="p", provider_id=f"in-{InboundMessage.objects.count()}", from_address=address_of(ploy, channel),
        at=NOON, body=body,
    )  # fmt: skip
    return receive(said, channel=channel, now=NOON)


def to(ploy: Customer, channel: str, **values: Any) -> Message:
    return MessageFactory.create(
        customer=ploy, channel=channel, address=address_of(ploy, channel), subject="News", queued_at=NOON, **values
    )


def test_every_form_of_stop_suppresses_and_one_confirmation_goes_out(ploy: Customer, channel: str) -> None:
    readings = []
    for body in ("StOp.", " stop ", "STOP!", "หยุด", "please stop texting"):
        Suppression.objects.all().delete()
        readings.append((say(ploy, channel, body).reading, Suppression.objects.get().cause))
    assert readings == [("stop", "stop")] * 5
    doubt = say(ploy, channel, "STOPPED by yesterday")
    assert list(InboundMessage.objects.to_review()) == [doubt]


def test_five_stops_are_confirmed_once(ploy: Customer, channel: str, fake: type[FakeProvider]) -> None:
    for body in ("StOp.", " stop ", "STOP!", "หยุด", "please stop texting"):
        say(ploy, channel, body)
    send_due(now=NOON, limit=10)
    assert [parcel.to for parcel in fake.calls] == [address_of(ploy, channel)]


def test_help_is_answered_once_also_when_suppressed(ploy: Customer, channel: str, fake: type[FakeProvider]) -> None:
    say(ploy, channel, "STOP")
    for _ in range(3):
        say(ploy, channel, "HELP")
    send_due(now=NOON, limit=10)
    assert [bool(parcel.body) for parcel in fake.calls] == [True, True]  # the confirmation, and the help


def test_a_stop_while_one_is_on_the_wire_lets_nothing_more_out(
    ploy: Customer, channel: str, fake: type[FakeProvider]
) -> None:
    fake.traits = replace(fake.traits, in_flight=1)
    first, second = to(ploy, channel), to(ploy, channel)

    def stop_meanwhile(parcel: Parcel) -> Accepted:
        say(ploy, channel, "STOP")
        return Accepted("ref")

    fake.answers = [stop_meanwhile]
    assert send_due(now=NOON, limit=10)["withheld"] == 1
    later = to(ploy, channel)
    send_due(now=NOON, limit=10)
    for message in (first, second, later):
        message.refresh_from_db()
    assert [message.state for message in (first, second, later)] == ["sent", "withheld", "withheld"]
    assert {second.reason, later.reason} == {"suppressed"}
    confirmation = Message.objects.get(is_answer=True)
    assert [parcel.key for parcel in fake.calls] == [first.key, confirmation.key]


def test_a_stop_from_somebody_who_was_merged_is_that_of_whom_they_are_now(
    ploy: Customer, channel: str, fake: type[FakeProvider]
) -> None:
    once = CustomerFactory.create(phone="+66899999999", email="once@example.com", line_id="U2")
    for customer in (ploy, once):
        opt_in(customer, "promotions", channel=channel)
    theirs = address_of(once, channel)
    merge_customers(survivor=ploy, loser=once, reason="the same person", actor=None, now=NOON)

    for _ in range(2):
        say(once, channel, "STOP")

    (confirmation,) = Message.objects.filter(is_answer=True)
    assert (confirmation.customer, confirmation.address) == (ploy, theirs)
    assert send_due(now=NOON, limit=10) == {"sent": 1}
    assert [parcel.to for parcel in fake.calls] == [theirs]
    assert list(ploy.consents.filter(channel=channel, state="in")) == []
    advert = to(ploy, channel, topic=topic("promotions"))
    receipt = to(ploy, channel)
    send_due(now=NOON, limit=10)
    for message in (advert, receipt):
        message.refresh_from_db()
    assert (advert.state, advert.reason) == ("withheld", "opted_out"), "it was they who asked, not their old number"
    assert receipt.state == "sent", "the number that they did not write from still gets what is no advert"


def test_a_stop_from_an_address_that_two_share_silences_it_for_both_and_is_confirmed_once(
    ploy: Customer, channel: str, fake: type[FakeProvider]
) -> None:
    her_mother = CustomerFactory.create(phone="+66812345678", email="ploy@example.com", line_id="U1")
    for customer in (ploy, her_mother):
        opt_in(customer, "promotions", channel=channel)

    say(ploy, channel, "STOP")

    send_due(now=NOON, limit=10)
    assert [parcel.to for parcel in fake.calls] == [address_of(ploy, channel)]
    assert Message.objects.get().customer == ploy, "whose the address is known to be"
    messages = [
        to(customer, channel, topic=topic(slug)) for customer in (ploy, her_mother)
        for slug in ("promotions", "order_updates")
    ]  # fmt: skip
    send_due(now=NOON, limit=10)
    for message in messages:
        message.refresh_from_db()
    assert {(message.state, message.reason) for message in messages} == {("withheld", "suppressed")}
    assert len(fake.calls) == 1
    # Nobody has asked her: should she get an address of her own, what she agreed to holds there.
    assert list(Consent.objects.filter(channel=channel, state="in").values_list("customer", flat=True)) == [
        her_mother.pk
    ]
