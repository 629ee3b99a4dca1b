"""What ties an answer to what it answers, as the provider is told."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from crm.models import Customer, Ticket
from crm.services import tickets
from messaging.channels.base import Parcel
from messaging.channels.calls import InboundIn
from messaging.inbound.receive import receive
from messaging.models import ChannelSettings, InboundMessage, Message
from messaging.outbox.sender import send_due
from messaging.rendering.reply_addresses import read_ticket
from tests.factories.crm import NOON, CustomerFactory, TicketFactory, UserFactory
from tests.messaging.fakes import FakeProvider

pytestmark = pytest.mark.django_db


@pytest.fixture
def ploy() -> Customer:
    return CustomerFactory.create(email="ploy@example.com", line_id="U1")


@pytest.fixture(autouse=True)
def everything_goes_to_the_fake(fake: type[FakeProvider]) -> None:
    for channel in ("email", "line"):
        settings, _ = ChannelSettings.objects.update_or_create(channel=channel, defaults={"provider": "fake"})
        settings.config = {"reply_domain": "reply.shop.example"}
        settings.save()


def hear(channel: str, *, number: int = 1, **values: Any) -> Ticket:
    fields = {
        "provider": "p", "provider_id": f"{channel}-{number}", "at": NOON, "body": "It leaks.",
        "from_address": {"email": "ploy@example.com", "line": "U1"}[channel],
    }  # fmt: skip
    row = receive(InboundIn(**{**fields, **values}), channel=channel, now=NOON)
    assert row.ticket is not None
    return row.ticket


def answer(ticket: Ticket, body: str = "Which one?", now: datetime = NOON) -> None:
    tickets.add_message(ticket, author="staff", body=body, staff=UserFactory.create(), now=now)


def sent(fake: type[FakeProvider], now: datetime = NOON) -> list[Parcel]:
    fake.calls = []
    send_due(now=now, limit=10)
    return fake.calls


class TestEmail:
    def test_an_answer_is_in_the_thread_of_the_letter(self, ploy: Customer, fake: type[FakeProvider]) -> None:
        ticket = hear("email", subject="RE: ตอบ: My kettle", message_id="<2@mail>", references=["<0@mail>", "<1@mail>"])
        answer(ticket)
        (parcel,) = sent(fake)
        assert (parcel.in_reply_to, parcel.references) == ("<2@mail>", ("<0@mail>", "<1@mail>", "<2@mail>"))
        assert parcel.subject == f"Re: My kettle [{ticket.number}]"
        assert read_ticket(parcel.reply_to) == ticket.pk

    def test_the_newest_letter_is_the_one_that_is_answered(self, ploy: Customer, fake: type[FakeProvider]) -> None:
        ticket = hear("email", message_id="<1@mail>")
        hear("email", number=2, message_id="<2@mail>", references=["<1@mail>"])
        answer(ticket)
        assert sent(fake)[0].references == ("<1@mail>", "<2@mail>")

    def test_a_long_thread_is_cut_at_its_beginning(self, ploy: Customer, fake: type[FakeProvider]) -> None:
        answer(hear("email", message_id="<99@mail>", references=[f"<{number}@mail>" for number in range(40)]))
        references = sent(fake)[0].references
        assert (len(references), references[0], references[-1]) == (20, "<21@mail>", "<99@mail>")

    def test_what_answers_no_letter_has_only_the_address_to_answer_to(
        self, ploy: Customer, fake: type[FakeProvider]
    ) -> None:
        ticket = TicketFactory.create(customer=ploy, channel="email")
        answer(ticket)
        (parcel,) = sent(fake)
        assert (parcel.in_reply_to, parcel.references) == ("", ())
        assert read_ticket(parcel.reply_to) == ticket.pk

    def test_without_a_domain_for_answers_they_go_to_the_sender(self, ploy: Customer, fake: type[FakeProvider]) -> None:
        settings = ChannelSettings.objects.get(channel="email")
        settings.config = {}
        settings.save()
        answer(hear("email", message_id="<1@mail>"))
        (parcel,) = sent(fake)
        assert (parcel.reply_to, parcel.in_reply_to) == ("", "<1@mail>")

    def test_it_goes_to_the_address_that_the_customer_wrote_from(
        self, ploy: Customer, fake: type[FakeProvider]
    ) -> None:
        ploy.identities.create(kind="email", value="ploy@work.example")
        answer(hear("email", from_address="ploy@work.example"))
        assert sent(fake)[0].to == "ploy@work.example"

    def test_and_not_to_somebody_else_who_wrote_on_the_ticket(self, ploy: Customer, fake: type[FakeProvider]) -> None:
        ticket = hear("email", message_id="<1@mail>")
        answer(ticket)
        (parcel,) = sent(fake)
        hear("email", number=2, from_address="husband@example.com", to=parcel.reply_to, message_id="<h@mail>")
        answer(ticket, "Thank you both")
        assert sent(fake)[0].to == "ploy@example.com"


class TestLine:
    def test_the_reply_token_is_used_once(self, ploy: Customer, fake: type[FakeProvider]) -> None:
        ticket = hear("line", reply_token="token")
        answer(ticket, "One")
        answer(ticket, "Two")
        assert [(parcel.body, parcel.reply_token) for parcel in sent(fake)] == [("One", "token"), ("Two", "")]
        assert InboundMessage.objects.get().reply_token == ""

    @pytest.mark.parametrize(("seconds", "token"), [(49, "token"), (50, "")])
    def test_only_while_it_is_good(self, ploy: Customer, fake: type[FakeProvider], seconds: int, token: str) -> None:
        now = NOON + timedelta(seconds=seconds)
        answer(hear("line", reply_token="token"), now=now)
        assert [parcel.reply_token for parcel in sent(fake, now)] == [token]

    def test_the_newest_token_is_taken(self, ploy: Customer, fake: type[FakeProvider]) -> None:
        ticket = hear("line", reply_token="old")
        hear("line", number=2, reply_token="new")
        answer(ticket)
        assert sent(fake)[0].reply_token == "new"

    def test_a_keyword_is_answered_with_its_own(self, ploy: Customer, fake: type[FakeProvider]) -> None:
        stop = InboundIn(provider="p", provider_id="9", from_address="U1", at=NOON, body="STOP", reply_token="token")
        receive(stop, channel="line", now=NOON)
        assert [parcel.reply_token for parcel in sent(fake)] == ["token"]


def test_an_answer_goes_the_way_the_customer_last_wrote(ploy: Customer, fake: type[FakeProvider]) -> None:
    ticket = hear("line")
    answer(ticket)
    ours = Message.objects.get()
    sent(fake)
    hear("email", number=2, references=[f"<{ours.key}@shop.example>"])
    answer(ticket, "By mail now")
    (parcel,) = sent(fake)
    assert (parcel.channel, parcel.to) == ("email", "ploy@example.com")
