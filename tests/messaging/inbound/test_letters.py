"""Email: which ticket a letter is on, who wrote it, and what of it is new."""

from collections.abc import Sequence
from typing import Any

import pytest

from crm.models import Customer, Event, Ticket, TicketMessage
from crm.services import tickets
from messaging.channels.calls import FileIn, InboundIn
from messaging.inbound.receive import receive
from messaging.models import ChannelSettings, InboundMessage, Message, Suppression
from messaging.rendering.reply_addresses import reply_address
from tests.factories.crm import NOON, CustomerFactory, PurchaseFactory, TicketFactory, UserFactory

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.fixture
def ploy() -> Customer:
    return CustomerFactory.create(name="Ploy", email="ploy@example.com")


def letter(body: str = "It leaks.", *, number: int = 1, **values: Any) -> InboundMessage:
    fields: dict[str, Any] = {
        "provider": "postmark", "provider_id": f"letter-{number}", "from_address": "ploy@example.com", "at": NOON,
        "body": body, "to": "hello@shop.example", "subject": "My kettle", "message_id": f"<{number}@mail.example>",
    }  # fmt: skip
    return receive(InboundIn(**{**fields, **values}), channel="email", now=NOON)


def bodies(ticket: Ticket) -> list[str]:
    return list(ticket.messages.values_list("body", flat=True))


def answered(ticket: Ticket) -> Message:
    tickets.add_message(ticket, author="staff", body="Which one?", staff=UserFactory.create(), now=NOON)
    return Message.objects.get(cause__ticket=ticket.pk)


def other_ticket_of(customer: Customer) -> Ticket:
    """Newer, so that what has no thread goes there."""
    return TicketFactory.create(customer=customer, channel="email", subject="Something else")


class TestNew:
    def test_a_letter_opens_a_ticket_by_its_subject(self, ploy: Customer) -> None:
        row = letter()
        assert row.ticket is not None
        assert (row.customer, row.ticket.subject, row.ticket.channel) == (ploy, "My kettle", "email")
        assert bodies(row.ticket) == ["It leaks."]

    def test_one_without_a_subject_goes_by_its_first_words(self, ploy: Customer) -> None:
        row = letter(subject=" ")
        assert row.ticket is not None
        assert row.ticket.subject == "It leaks."

    def test_one_of_a_subject_alone_says_that(self, ploy: Customer) -> None:
        row = letter("", subject="Are you open today?")
        assert row.ticket is not None
        assert bodies(row.ticket) == ["Are you open today?"]

    def test_an_unknown_sender_becomes_a_lead_by_the_name_they_give(self) -> None:
        row = letter(from_address="New@Example.com", from_name="Khun New")
        customer = Customer.objects.get()
        assert (customer.email, customer.name, customer.source) == ("new@example.com", "Khun New", "email")
        assert row.customer == customer
        names = Event.objects.filter(customer=customer).values_list("name", flat=True)
        assert {"Customer Created", "Enquiry Opened", "Ticket Message Received"} <= set(names)

    def test_the_name_on_a_letter_does_not_rename_a_customer(self, ploy: Customer) -> None:
        letter(from_name="The Prize Committee")
        ploy.refresh_from_db()
        assert ploy.name == "Ploy"

    def test_the_next_letter_continues_the_open_ticket(self, ploy: Customer) -> None:
        first, second = letter(), letter("And it is loud.", number=2)
        assert second.ticket == first.ticket
        assert Ticket.objects.count() == 1

    def test_a_buyer_asks_for_after_sales_help(self, ploy: Customer) -> None:
        PurchaseFactory.create(customer=ploy)
        row = letter()
        assert row.ticket is not None
        assert row.ticket.kind == "after_sales"

    def test_the_same_letter_again_is_one(self, ploy: Customer) -> None:
        files = [FileIn("a.png", "image/png", PNG)]
        assert letter(files=files) == letter(files=files)
        turn = TicketMessage.objects.get()
        assert turn.attachments.count() == 1


class TestThread:
    def test_an_answer_to_the_signed_address_is_on_its_ticket(self, ploy: Customer) -> None:
        ticket = TicketFactory.create(customer=ploy, channel="email")
        other_ticket_of(ploy)
        assert letter(to=reply_address(ticket.pk, "reply.shop.example")).ticket == ticket

    def test_so_is_one_that_names_our_answer(self, ploy: Customer) -> None:
        ticket = TicketFactory.create(customer=ploy, channel="email")
        ours = answered(ticket)
        other_ticket_of(ploy)
        assert letter(references=[f"<{ours.key}@shop.example>"]).ticket == ticket

    @pytest.mark.parametrize("reference", ["<0100ab@ses.example>", "0100ab@ses.example"])
    def test_or_the_id_that_the_provider_gave_it(self, ploy: Customer, reference: str) -> None:
        ticket = TicketFactory.create(customer=ploy, channel="email")
        ours = answered(ticket)
        Message.objects.filter(pk=ours.pk).update(provider_reference=reference)
        other_ticket_of(ploy)
        assert letter(references=["<0100ab@ses.example>"]).ticket == ticket

    def test_or_a_letter_that_came_before(self, ploy: Customer) -> None:
        first = letter()
        other_ticket_of(ploy)
        assert letter(number=2, references=["<gone@x>", "<1@mail.example>"]).ticket == first.ticket

    def test_the_newest_that_it_names_decides(self, ploy: Customer) -> None:
        older, newer = TicketFactory.create_batch(2, customer=ploy, channel="email")
        names = [f"<{answered(ticket).key}@shop.example>" for ticket in (older, newer)]
        assert letter(references=names).ticket == newer

    def test_a_solved_ticket_opens_again(self, ploy: Customer) -> None:
        ticket = TicketFactory.create(customer=ploy, channel="email")
        tickets.set_status(ticket, "closed", now=NOON)
        row = letter(to=reply_address(ticket.pk, "reply.shop.example"))
        assert row.ticket == ticket
        assert row.ticket.status == "open"

    def test_a_forged_address_leads_to_the_senders_own_ticket(self, ploy: Customer) -> None:
        ticket = TicketFactory.create()
        forged = reply_address(ticket.pk, "reply.shop.example").replace("reply+a", "reply+b")
        row = letter(to=forged)
        assert row.ticket != ticket
        assert row.customer == ploy


class TestSomebodyElse:
    def test_on_a_signed_address_is_on_the_ticket_and_named(self, ploy: Customer) -> None:
        ticket = TicketFactory.create(customer=ploy, channel="email")
        row = letter(from_address="husband@example.com", to=reply_address(ticket.pk, "reply.shop.example"))
        assert (row.ticket, row.customer, row.from_address) == (ticket, ploy, "husband@example.com")
        turn = ticket.messages.get()
        assert (turn.sender, turn.author) == ("husband@example.com", "customer")
        assert Customer.objects.count() == 1
        assert not ploy.identities.filter(value="husband@example.com").exists()

    def test_another_customer_stays_who_they_are(self, ploy: Customer) -> None:
        nok = CustomerFactory.create(email="nok@example.com")
        ticket = TicketFactory.create(customer=ploy, channel="email")
        letter(from_address="nok@example.com", to=reply_address(ticket.pk, "reply.shop.example"))
        assert ticket.messages.get().sender == "nok@example.com"
        assert not nok.tickets.exists()

    def test_a_message_id_alone_opens_no_door(self, ploy: Customer) -> None:
        ticket = TicketFactory.create(customer=ploy, channel="email")
        row = letter(from_address="nosy@example.com", references=[f"<{answered(ticket).key}@shop.example>"])
        assert row.ticket != ticket
        assert row.customer != ploy

    def test_their_stop_is_about_their_own_address(self, ploy: Customer) -> None:
        ticket = TicketFactory.create(customer=ploy, channel="email")
        row = letter("STOP", from_address="nok@example.com", to=reply_address(ticket.pk, "reply.shop.example"))
        assert row.customer != ploy
        assert not ploy.consents.exists()
        assert Suppression.objects.count() == 1


class TestMachines:
    @pytest.mark.parametrize("body", ["I am away until Monday.", "STOP", "Undelivered Mail Returned to Sender"])
    def test_an_automatic_letter_is_kept_opens_nothing_and_gets_no_answer(self, ploy: Customer, body: str) -> None:
        row = letter(body, is_automatic=True, files=[FileIn("a.png", "image/png", PNG)])
        assert (row.reading, row.customer, row.ticket, row.body) == ("auto", ploy, None, body)
        assert not Ticket.objects.exists()
        assert not Message.objects.exists()
        assert not Suppression.objects.exists()

    def test_nor_makes_its_sender_a_customer(self) -> None:
        assert letter(from_address="mailer-daemon@mx.example", is_automatic=True).customer is None
        assert not Customer.objects.exists()

    def test_nor_wants_a_look_when_its_sender_is_no_address(self) -> None:
        assert letter(from_address="mailer-daemon", is_automatic=True).reading == "auto"

    def test_a_letter_of_nobody_is_for_a_person_to_look_at(self) -> None:
        row = letter(from_address="")
        assert (row.reading, row.customer, row.wants_a_look) == ("message", None, True)

    @pytest.mark.parametrize("address", ["Shop@localhost", "baan@shop.example", "t-1@reply.shop.example"])
    def test_a_letter_of_our_own_is_answered_by_nobody(self, address: str) -> None:
        row = ChannelSettings.objects.get(channel="email")
        row.sender, row.config = "Baan <baan@shop.example>", {"reply_domain": "reply.shop.example"}
        row.save()
        assert (letter("STOP", from_address=address).reading, Customer.objects.count()) == ("auto", 0)
        assert not Ticket.objects.exists()
        assert not Message.objects.exists()

    def test_so_is_a_text_from_our_own_number(self) -> None:
        ChannelSettings.objects.filter(channel="sms").update(sender="081 234 5678")
        text = InboundIn(provider="x", provider_id="1", from_address="+66812345678", at=NOON, body="STOP")
        assert receive(text, channel="sms", now=NOON).reading == "auto"


class TestWords:
    @pytest.mark.parametrize(
        ("subject", "body", "reading"),
        [
            ("unsubscribe", "", "stop"),
            ("Unsubscribe", "Sent from my iPhone", "stop"),
            ("Re: our news", "STOP", "stop"),
            ("Re: our news", "Stop.\n\nOn 21 Nov 2026 at 10:15, Baan <a@shop.example> wrote:\n> Our news", "stop"),
            ("ยกเลิก", "คำสั่งซื้อ 1041 ค่ะ", "unclear"),
            ("My order", "Please answer.\n\n> Reply STOP to opt out", "message"),
        ],
    )
    def test_what_is_read_as_a_stop(self, ploy: Customer, subject: str, body: str, reading: str) -> None:
        assert letter(body, subject=subject).reading == reading
        assert Suppression.objects.exists() == (reading == "stop")

    def test_a_stop_by_mail_is_confirmed_once(self, ploy: Customer) -> None:
        letter("STOP")
        letter("stop", number=2)
        answer = Message.objects.get()
        assert (answer.address, answer.is_answer, answer.channel) == ("ploy@example.com", True, "email")

    def test_only_the_new_words_are_shown_and_the_rest_is_kept(self, ploy: Customer) -> None:
        row = letter("Yes.\n\nOn 21 Nov 2026 at 10:15, Baan <a@shop.example> wrote:\n> Is it red?")
        assert row.ticket is not None
        turn = row.ticket.messages.get()
        assert (turn.body, turn.quoted[:14]) == ("Yes.", "On 21 Nov 2026")
        assert "Is it red?" in row.body

    def test_html_is_read_off_and_never_kept(self, ploy: Customer) -> None:
        row = letter("", html="<p>It <b>leaks</b>.</p><img src=x onerror=alert(1)><script>alert(1)</script>")
        assert row.body == "It leaks."

    def test_what_a_database_cannot_hold_is_left_out(self, ploy: Customer) -> None:
        row = letter("a\0b\ud800c", subject="x\r\nBcc: y\0", from_name="\udfff", to="a\nb@x")
        assert (row.body, row.subject, row.to_address) == ("abc", "x Bcc: y", "a b@x")

    @pytest.mark.parametrize("names", [["<a@b>\r\nBcc: x@y"], ["no brackets"], ["<a b@c>"], ["<>"]])
    def test_only_message_ids_are_taken_for_ids(self, ploy: Customer, names: Sequence[str]) -> None:
        assert letter(references=names, message_id=names[0]).references in ([], ["<a@b>"])


class TestFiles:
    def test_files_come_along_and_what_is_refused_is_named(self, ploy: Customer) -> None:
        row = letter(files=[FileIn("leak.png", "image/png", PNG), FileIn("run.exe", "image/png", b"MZ")])
        assert row.ticket is not None
        found = row.ticket.messages.get().attachments.values_list("name", "content_type", "refusal")
        assert list(found) == [("leak.png", "image/png", ""), ("run.exe", "", "kind")]

    def test_a_photograph_alone_is_a_turn(self, ploy: Customer) -> None:
        row = letter("", subject="", files=[FileIn("leak.png", "image/png", PNG)])
        assert row.ticket is not None
        assert row.ticket.subject == "\N{PAPERCLIP} leak.png"
        assert row.ticket.messages.get().body == ""


class TestForms:
    """Letters that a form on the web wrote for whoever filled it in."""

    def test_they_open_a_ticket_of_that_person(self) -> None:
        row = letter(from_address="mali@example.com", from_name="Mali", posted_by="noreply@forms.example")
        assert row.ticket is not None
        assert (row.customer, row.ticket.customer.email) == (Customer.objects.get(), "mali@example.com")

    def test_a_word_in_one_opts_nobody_out(self, ploy: Customer) -> None:
        row = letter("STOP", subject="unsubscribe", posted_by="noreply@forms.example")
        assert (row.reading, row.ticket is not None) == ("message", True)
        assert not Suppression.objects.exists()
        assert not Message.objects.exists()

    def test_one_that_wants_ourselves_answered_opens_nothing(self) -> None:
        ChannelSettings.objects.filter(channel="email").update(sender="Shop <hello@shop.example>")
        row = letter(from_address="hello@shop.example", posted_by="noreply@forms.example")
        assert (row.reading, row.ticket) == ("auto", None)
        assert not Customer.objects.exists()
