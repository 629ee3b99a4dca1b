"""LINE: people follow us, write, send pictures, block us and come back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection

from crm.models import Customer, Event, State, Ticket, TicketAttachment, TicketMessage
from messaging.channels.calls import FileIn, FileThere, InboundIn, Kind
from messaging.inbound.receive import receive
from messaging.models import ChannelSettings, FileToFetch, InboundMessage, Message, ProviderCall, Suppression
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


# --- Taken back -----------------------------------------------------------------------------------


def wrote(body: str = "My card is 4111", number: int = 1, **values: Any) -> InboundMessage:
    return hear(number=number, body=body, message_id="444", **values)


def took_back(number: int = 2, **values: Any) -> InboundMessage:
    return hear(Kind.UNSENT, number=number, minutes=1, message_id="444", **values)


def everything_kept() -> str:
    """All that we have of anybody's words."""
    kept: list[object] = []
    for model in (InboundMessage, TicketMessage, Ticket, Ticket.history.model, Event, ProviderCall, TicketAttachment):
        kept += model._default_manager.values()
    return repr(kept)


def a_call(body: str) -> None:
    ProviderCall.objects.create(
        channel="line", provider="line", what="hook", method="POST", body=body.encode(), received_at=NOON,
        processed_at=NOON, retry_at=NOON,
    )  # fmt: skip


def test_what_is_taken_back_is_forgotten_everywhere_and_the_ticket_says_so(
    django_capture_on_commit_callbacks: Any,
) -> None:
    a_call('{"events":[{"message":{"id":"444","text":"My card is 4111"}}]}')
    a_call('{"events":[{"message":{"id":"445","text":"Hello"}}]}')
    row = wrote(files=[FileIn("card-4111.png", "image/png", b"\x89PNG\r\n\x1a\n")])
    place = TicketAttachment.objects.get().file.name
    assert "4111" in everything_kept()

    with django_capture_on_commit_callbacks(execute=True):
        unsent = took_back()

    assert "4111" not in everything_kept()
    turn = TicketMessage.objects.get()
    assert (turn.gone, turn.body, turn.ticket.subject) == ("taken_back", "", "Message taken back")
    row.refresh_from_db()
    assert (row.reading, row.body, row.turn) == ("unsent", "", turn)
    assert (unsent.reading, unsent.customer, unsent.ticket) == ("unsent", row.customer, None)
    assert not default_storage.exists(place)
    assert [bytes(call.body)[:10] for call in ProviderCall.objects.order_by("pk")] == [b"", b'{"events":']
    assert len(facts("Ticket Message Received")) == 1  # that they wrote stays true


def test_only_the_turn_that_was_taken_back_goes() -> None:
    wrote("Is it there?", number=8)
    InboundMessage.objects.update(message_id="443")
    wrote(number=9, minutes=1)
    took_back(number=10)
    assert [turn.body for turn in TicketMessage.objects.all()] == ["Is it there?", ""]
    assert Ticket.objects.get().subject == "Is it there?"


def test_taken_back_twice_is_taken_back_once() -> None:
    wrote()
    took_back()
    took_back()
    took_back(number=3)
    assert TicketMessage.objects.get().gone == "taken_back"


@pytest.mark.parametrize("is_known", [True, False])
def test_a_message_that_was_taken_back_before_it_came_opens_nothing(is_known: bool) -> None:
    ploy = CustomerFactory.create(line_id=FRIEND) if is_known else None
    a_call('{"events":[{"message":{"id":"444","text":"My card is 4111"}}]}')
    took_back()
    row = wrote(files_there=[FileThere("444", "image")])
    assert (row.reading, row.body, row.ticket, row.customer) == ("unsent", "", None, ploy)
    assert "4111" not in everything_kept()
    assert not Ticket.objects.exists()
    assert not FileToFetch.objects.exists()


def test_nobody_takes_back_what_somebody_else_wrote() -> None:
    wrote()
    took_back(from_address="Usomebody")
    assert TicketMessage.objects.get().body == "My card is 4111"


def test_a_picture_that_is_still_to_be_fetched_is_not_fetched() -> None:
    wrote("", files_there=[FileThere("444", "image")])
    assert FileToFetch.objects.count() == 1
    took_back()
    assert not FileToFetch.objects.exists()
    assert not TicketAttachment.objects.exists()
