"""LINE: people follow us, write, send pictures, block us and come back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from crm.models import Customer, Event, State, Ticket, TicketMessage
from messaging.channels.calls import FileIn, InboundIn, Kind
from messaging.inbound.receive import receive
from messaging.models import ChannelSettings, InboundMessage, Message, Suppression
from messaging.outbox.sender import send_due
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.messaging import MessageFactory, opt_in

pytestmark = pytest.mark.django_db
FRIEND = "U4af4980629"


def hear(kind: Kind = Kind.WROTE, *, number: int = 1, minutes: int = 0, **values: Any) -> InboundMessage:
    fields: dict[str, Any] = {"provider": "line", "provider_id": f"event-{number}", "from_address": FRIEND}
    at = NOON + timedelta(minutes=minutes)
    return receive(InboundIn(kind=kind, at=at, **{**fields, **values}), channel="line", now=at)


def facts(name: str) -> list[dict[str, Any]]:
    return [event.properties for event in Event.objects.filter(name=name)]


def test_a_new_friend_becomes_a_customer_whose_source_is_line() -> None:
    row = hear(Kind.FOLLOWED, from_name="พลอย")
    customer = Customer.objects.get()
    assert (customer.line_id, customer.name, customer.source) == (FRIEND, "พลอย", "line")
    assert (row.customer, row.reading, row.ticket) == (customer, "followed", None)
    assert facts("Channel Followed") == [{"channel": "line"}]
    assert not Ticket.objects.exists()


def test_a_customer_who_follows_is_the_same_customer() -> None:
    ploy = CustomerFactory.create(name="Ploy", line_id=FRIEND)
    assert hear(Kind.FOLLOWED, from_name="พลอย").customer == ploy
    ploy.refresh_from_db()
    assert ploy.name == "Ploy"


def test_nothing_goes_to_who_has_blocked_us_and_it_goes_on_when_they_come_back() -> None:
    ChannelSettings.objects.update_or_create(channel="line", defaults={"provider": "sandbox"})
    ploy = CustomerFactory.create(line_id=FRIEND)
    opt_in(ploy, "promotions", channel="line")
    row = hear(Kind.LEFT)
    assert (row.reading, row.customer) == ("left", ploy)
    suppression = Suppression.objects.get()
    assert (suppression.channel, suppression.scope, suppression.cause) == ("line", "all", "left")
    assert facts("Channel Left") == [{"channel": "line"}]
    message = MessageFactory.create(customer=ploy, channel="line", address=FRIEND, queued_at=NOON)
    send_due(now=NOON, limit=10)
    message.refresh_from_db()
    assert (message.state, message.reason) == ("withheld", "suppressed")

    hear(Kind.FOLLOWED, number=2, minutes=5)
    assert not Suppression.objects.standing().exists()
    assert ploy.consents.get().state == State.IN  # blocking says nothing about what they agreed to


def test_a_stranger_who_leaves_is_suppressed_and_nobody_is_made_of_them() -> None:
    assert hear(Kind.LEFT).customer is None
    assert Suppression.objects.get().cause == "left"
    assert not Customer.objects.exists()


def test_coming_back_does_not_lift_what_they_asked_for_with_a_word() -> None:
    hear(body="หยุด")
    hear(Kind.LEFT, number=2)
    hear(Kind.FOLLOWED, number=3)
    assert Suppression.objects.standing().get().cause == "stop"


def test_the_same_event_again_is_one() -> None:
    assert hear(Kind.FOLLOWED) == hear(Kind.FOLLOWED)
    assert len(facts("Channel Followed")) == 1


def test_a_picture_opens_an_enquiry() -> None:
    row = hear(files=[FileIn("", "image/jpeg", b"\xff\xd8\xff\xe0 ")])
    assert row.ticket is not None
    assert row.ticket.channel == "line"
    assert row.ticket.messages.get().attachments.get().name == "file.jpg"


def test_help_is_answered_with_the_reply_token_also_when_suppressed() -> None:
    hear(body="STOP")
    hear(body="help", number=2, reply_token="token-2")
    assert Message.objects.get(cause__keyword="help").is_answer
    assert InboundMessage.objects.get(provider_id="event-2").reply_token == "token-2"


@pytest.mark.django_db(transaction=True)
def test_many_deliveries_of_one_message_at_once_are_one() -> None:
    together = Barrier(6)

    def deliver(_number: int) -> int:
        try:
            together.wait(timeout=10)
            return hear(body="Hello?", from_name="Ploy").pk
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(deliver, range(6)))) == 1
    assert TicketMessage.objects.count() == 1
    assert Customer.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_messages_that_arrive_together_are_on_one_ticket() -> None:
    together = Barrier(6)

    def deliver(number: int) -> None:
        try:
            together.wait(timeout=10)
            hear(body=f"Line {number}", number=number)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(deliver, range(6)))
    assert Ticket.objects.count() == 1
    assert sorted(TicketMessage.objects.values_list("body", flat=True)) == [f"Line {number}" for number in range(6)]
