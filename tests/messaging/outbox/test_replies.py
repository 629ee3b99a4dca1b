"""A reply on a ticket reaches the customer through the log: these go by way of crm's own service."""

from datetime import timedelta

import pytest

from crm.events import log
from crm.models import FailedReaction, Ticket, TicketMessage
from crm.services import tickets
from messaging.models import Message
from messaging.outbox.sender import send_due
from tests.factories.crm import NOON, TicketFactory, UserFactory
from tests.factories.messaging import phone_of

pytestmark = pytest.mark.django_db


def reply(ticket: Ticket, body: str = "It fits size M") -> TicketMessage:
    return tickets.add_message(ticket, author="staff", body=body, staff=UserFactory(), now=NOON)


def test_a_reply_on_a_text_ticket_goes_to_the_customers_phone() -> None:
    ticket = TicketFactory(channel="sms")
    turn = reply(ticket)
    message = Message.objects.get()
    assert (message.channel, message.topic.slug, message.body) == ("sms", "after_sales", "It fits size M")
    assert message.dedupe_key == f"ticket-message:{turn.public_id}"
    assert message.cause == {"kind": "ticket", "ticket": ticket.pk, "number": ticket.number}
    send_due(now=NOON, limit=10)
    assert phone_of(ticket.customer) == ["It fits size M"]
    assert not FailedReaction.objects.exists()


def test_a_reply_by_mail_has_the_tickets_subject_and_number() -> None:
    ticket = TicketFactory(channel="email", subject="Which size?")
    reply(ticket)
    assert Message.objects.get().subject == f"Re: Which size? [{ticket.number}]"


def test_a_long_reply_is_sent_whole_though_the_log_keeps_its_beginning() -> None:
    ticket = TicketFactory(channel="email")
    reply(ticket, "x" * 2000)
    assert len(Message.objects.get().body) == 2000


@pytest.mark.parametrize("channel", ["", "form", "facebook"])
def test_a_ticket_on_no_channel_of_ours_sends_nothing(channel: str) -> None:
    reply(TicketFactory(channel=channel))
    assert not Message.objects.exists()


def test_notes_and_what_the_customer_says_are_not_sent_back() -> None:
    ticket = TicketFactory(channel="sms")
    tickets.add_message(ticket, author="note", body="knows us well", now=NOON)
    tickets.add_message(ticket, author="customer", body="and the colour?", now=NOON, channel="sms")
    assert not Message.objects.exists()


def test_telling_the_log_again_sends_nothing_again() -> None:
    ticket = TicketFactory(channel="sms")
    turn = reply(ticket)
    log.record_many(turn.facts(), now=NOON)
    assert Message.objects.count() == 1


def test_a_reply_learnt_of_days_later_is_history() -> None:
    ticket = TicketFactory(channel="sms")
    turn = TicketMessage(ticket=ticket, author="staff", channel="sms", body="Done", created_at=NOON)
    turn.facts_deferred = True
    turn.save()
    log.record_many(turn.facts(), now=NOON + timedelta(days=1, seconds=1))
    assert not Message.objects.exists()
