from datetime import timedelta
from typing import Any

import pytest

from crm.models import ConsentEvent, Customer, Event, Ticket, TicketMessage
from messaging.inbound.receive import AlreadyReviewed, receive_text, review
from messaging.models import InboundMessage, Message, MessagingSettings, Suppression
from messaging.outbox.sender import send_due
from tests.factories.crm import NOON, CustomerFactory, PurchaseFactory, TicketFactory, UserFactory
from tests.factories.messaging import MessageFactory, opt_in, phone_of, topic

pytestmark = pytest.mark.django_db


def receive(customer: Customer | None, body: str, **values: Any) -> InboundMessage:
    fields = {
        "channel": "sms", "from_address": str(customer.phone) if customer else "+66899999999", "body": body,
        "provider": "sandbox", "provider_id": f"in-{InboundMessage.objects.count()}", "now": NOON,
    }  # fmt: skip
    return receive_text(**{**fields, **values})


def send(now: Any = NOON) -> None:
    send_due(now=now, limit=100)


class TestStop:
    @pytest.mark.parametrize("body", ["StOp.", " stop ", "STOP!", "หยุด", "please stop texting"])
    def test_a_stop_suppresses_the_address_withdraws_consent_and_is_confirmed(self, body: str) -> None:
        customer = CustomerFactory()
        opt_in(customer, "promotions")
        row = receive(customer, body)
        assert (row.reading, row.customer, row.ticket) == ("stop", customer, None)
        suppression = Suppression.objects.get()
        assert (suppression.scope, suppression.cause, suppression.channel) == ("all", "stop", "sms")
        states = customer.consents.filter(channel="sms").values_list("topic__slug", "state")
        assert dict(states) == {"promotions": "out", "brand_news": "out"}
        evidence = ConsentEvent.objects.filter(topic__slug="promotions").latest("pk")
        assert (evidence.via, evidence.wording) == ("keyword", body.strip())
        send()
        (answer,) = phone_of(customer)
        assert "you will get no more messages from us" in answer

    def test_five_stops_get_one_confirmation(self) -> None:
        customer = CustomerFactory()
        for body in ("StOp.", " stop ", "STOP!", "หยุด", "please stop texting"):
            receive(customer, body)
        send()
        assert len(phone_of(customer)) == 1
        assert Suppression.objects.count() == 1
        assert InboundMessage.objects.filter(reading="stop").count() == 5

    def test_what_may_mean_stop_is_filed_for_a_person_and_changes_nothing(self) -> None:
        customer = CustomerFactory()
        row = receive(customer, "STOPPED by yesterday")
        assert row.reading == "unclear"
        assert list(InboundMessage.objects.to_review()) == [row]
        assert row.ticket is not None
        assert row.ticket.messages.get().body == "STOPPED by yesterday"
        assert not Suppression.objects.exists()
        send()
        assert phone_of(customer) == []

    def test_nothing_more_goes_to_the_address_not_even_a_service_message(self) -> None:
        customer = CustomerFactory()
        receive(customer, "STOP")
        waiting = MessageFactory(customer=customer, queued_at=NOON)
        send()
        waiting.refresh_from_db()
        assert (waiting.state, waiting.reason) == ("withheld", "suppressed")

    def test_a_new_customer_with_the_same_number_is_not_written_to_either(self) -> None:
        receive(None, "STOP", from_address="081 999 9999")
        other = CustomerFactory(phone="")
        message = MessageFactory(customer=other, address="+66819999999", queued_at=NOON)
        send()
        message.refresh_from_db()
        assert message.reason == "suppressed"

    def test_the_confirmation_speaks_the_customers_language(self) -> None:
        customer = CustomerFactory(language="th")
        receive(customer, "หยุด")
        send()
        assert "เราจะไม่ส่งข้อความถึงคุณที่นี่อีก" in phone_of(customer)[0]

    def test_a_shop_that_wants_no_confirmation_sends_none(self) -> None:
        MessagingSettings.objects.update(replies={})
        customer = CustomerFactory()
        receive(customer, "STOP")
        send()
        assert phone_of(customer) == []
        assert Suppression.objects.exists()

    def test_the_timeline_tells_of_the_keyword(self) -> None:
        customer = CustomerFactory()
        receive(customer, "STOP")
        fact = Event.objects.get(name="Message Received")
        assert (fact.customer, fact.properties) == (customer, {"channel": "sms", "keyword": "stop", "text": "STOP"})
        assert not Ticket.objects.exists()


class TestStart:
    def test_start_gives_back_what_stop_took_and_no_more(self) -> None:
        customer = CustomerFactory()
        opt_in(customer, "promotions")
        receive(customer, "STOP")
        row = receive(customer, "start", now=NOON + timedelta(minutes=1))
        assert row.reading == "start"
        assert not Suppression.objects.standing().exists()
        states = customer.consents.filter(channel="sms").values_list("topic__slug", "state")
        assert dict(states) == {"promotions": "in", "brand_news": "out"}
        send(NOON + timedelta(minutes=1))
        assert len(phone_of(customer)) == 2
        assert "welcome back" in phone_of(customer)[1]

    def test_stop_and_start_again_are_each_confirmed(self) -> None:
        customer = CustomerFactory()
        for minute, body in enumerate(("STOP", "START", "STOP", "START")):
            receive(customer, body, now=NOON + timedelta(minutes=minute))
            send(NOON + timedelta(minutes=minute))
        assert len(phone_of(customer)) == 4

    def test_yes_from_somebody_who_never_stopped_is_an_answer_to_something_else(self) -> None:
        customer = CustomerFactory()
        row = receive(customer, "Yes")
        assert row.reading == "message"
        assert row.ticket is not None
        assert not customer.consents.exists()

    def test_a_number_that_does_not_exist_is_not_brought_back_by_start(self) -> None:
        customer = CustomerFactory()
        receive(customer, "STOP")
        Suppression.objects.create(
            channel="sms", address_hash=Suppression.objects.get().address_hash, scope="all", cause="unknown_address",
            since=NOON,
        )  # fmt: skip
        receive(customer, "START")
        assert Suppression.objects.standing().get().cause == "unknown_address"


class TestHelp:
    def test_help_is_answered_once_an_hour_also_when_suppressed(self) -> None:
        customer = CustomerFactory()
        receive(customer, "STOP")
        send()
        for minute in range(5):
            receive(customer, "HELP", now=NOON + timedelta(minutes=minute))
            send(NOON + timedelta(minutes=minute))
        assert len(phone_of(customer)) == 2
        assert "reply with your question" in phone_of(customer)[1]
        receive(customer, "HELP", now=NOON + timedelta(hours=1))
        send(NOON + timedelta(hours=1))
        assert len(phone_of(customer)) == 3


class TestFiling:
    def test_a_reply_continues_the_ticket_that_is_open(self) -> None:
        customer = CustomerFactory()
        ticket = TicketFactory(customer=customer, channel="sms")
        row = receive(customer, "Any news?")
        assert row.ticket == ticket
        assert ticket.messages.get().author == TicketMessage.Author.CUSTOMER

    def test_somebody_who_has_bought_gets_after_sales_help_and_others_enquire(self) -> None:
        buyer, other = CustomerFactory.create_batch(2)
        PurchaseFactory(customer=buyer)
        kinds = [receive(customer, "Hello?").ticket for customer in (buyer, other)]
        assert [ticket and ticket.kind for ticket in kinds] == ["after_sales", "enquiry"]

    def test_an_unknown_number_becomes_a_customer_with_the_channel_as_source(self) -> None:
        row = receive(None, "How much is the kettle?", from_address="๐๘๙ ๙๙๙ ๙๙๙๙")
        customer = Customer.objects.get()
        assert (str(customer.phone), customer.source) == ("+66899999999", "sms")
        assert (row.customer, row.from_address) == (customer, "+66899999999")
        assert Event.objects.filter(customer=customer, name="Customer Created").count() == 1
        assert Event.objects.filter(customer=customer, name="Enquiry Opened").count() == 1

    def test_the_same_delivery_again_is_one_message(self) -> None:
        customer = CustomerFactory()
        first = receive(customer, "Hello?", provider_id="x1")
        assert receive(customer, "Hello?", provider_id="x1") == first
        assert TicketMessage.objects.count() == 1

    def test_a_sender_that_cannot_be_answered_is_kept_and_filed_under_nobody(self) -> None:
        row = receive(None, "Your bank", from_address="AIS-Info")
        assert (row.customer, row.ticket, row.from_address) == (None, None, "AIS-Info")
        assert not Customer.objects.exists()

    def test_an_empty_text_opens_no_ticket(self) -> None:
        assert receive(CustomerFactory(), " \0 ").ticket is None
        assert not Ticket.objects.exists()

    def test_mail_and_line_find_their_customer_too(self) -> None:
        customer = CustomerFactory(email="ploy@example.com", line_id="U1")
        assert receive(None, "Hi", channel="email", from_address="Ploy@Example.com ").customer == customer
        assert receive(None, "Hi", channel="line", from_address="U1").customer == customer


class TestReview:
    def test_a_person_may_decide_that_it_was_a_stop(self) -> None:
        customer = CustomerFactory()
        row = receive(customer, "STOPPED by yesterday")
        mali = UserFactory()
        review(row, means_stop=True, actor=mali, now=NOON)
        assert Suppression.objects.get().cause == "stop"
        row.refresh_from_db()
        assert (row.reviewed_by, row.reviewed_at) == (mali, NOON)
        assert not InboundMessage.objects.to_review().exists()

    def test_or_that_it_was_not(self) -> None:
        row = receive(CustomerFactory(), "my watch stopped")
        review(row, means_stop=False, actor=UserFactory(), now=NOON)
        assert not Suppression.objects.exists()
        assert not InboundMessage.objects.to_review().exists()

    def test_once(self) -> None:
        row = receive(CustomerFactory(), "my watch stopped")
        review(row, means_stop=False, actor=UserFactory(), now=NOON)
        with pytest.raises(AlreadyReviewed):
            review(row, means_stop=True, actor=UserFactory(), now=NOON)
        assert not Suppression.objects.exists()


def test_a_stop_between_queueing_and_sending_withholds_the_promotion() -> None:
    customer = CustomerFactory()
    opt_in(customer, "promotions")
    promotion = MessageFactory(customer=customer, topic=topic("promotions"), queued_at=NOON)
    receive(customer, "STOP")
    send()
    promotion.refresh_from_db()
    assert (promotion.state, promotion.reason) == ("withheld", "suppressed")
    assert Message.objects.filter(state="delivered", is_answer=True).count() == 1
