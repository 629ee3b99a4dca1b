"""From the ledger to the provider and back, one process; tests/faults kills some."""

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from messaging.channels.base import (
    Accepted,
    News,
    Parcel,
    ReceiptIn,
)
from messaging.models import Attempt, Message, Receipt
from messaging.outbox import receipts
from messaging.outbox.sender import send_due
from messaging.texts import liquid
from tests.factories.crm import CustomerFactory
from tests.factories.messaging import make_template, opt_in, phone_of, states
from tests.messaging.fakes import FakeProvider
from tests.messaging.outbox.sending import DAY, NIGHT, facts, message, promotion, send

pytestmark = pytest.mark.django_db


class TestTheWayThere:
    def test_a_due_message_arrives_on_the_sandbox_phone_and_its_receipt_on_the_timeline(self) -> None:
        sent = message(body="Your parcel is on its way")
        assert send() == {"delivered": 1}
        sent.refresh_from_db()
        assert phone_of(sent.customer) == ["Your parcel is on its way"]
        assert (sent.state, sent.reason, sent.provider) == ("delivered", "", "sandbox")
        assert (sent.sent_at, sent.delivered_at, sent.attempts, sent.segments) == (DAY, DAY, 1, 1)
        assert sent.provider_reference == f"sandbox-{sent.key}"
        assert facts(sent.customer) == ["Message Sent", "Message Delivered"]
        assert [(receipt.news, receipt.message_id) for receipt in Receipt.objects.all()] == [("delivered", sent.pk)]
        assert [(attempt.outcome, attempt.message_id) for attempt in Attempt.objects.all()] == [("accepted", sent.pk)]

    def test_what_is_not_due_yet_stays_where_it_is(self) -> None:
        message(due_at=DAY + timedelta(seconds=1))
        assert send() == {}
        assert states() == ["queued"]

    def test_running_again_sends_nothing_twice(self) -> None:
        sent = message()
        send()
        assert send(DAY + timedelta(hours=1)) == {}
        assert phone_of(sent.customer) == ["Hello"]

    def test_a_template_speaks_the_customers_language_and_says_which_version_left(self) -> None:
        name = "{{ customer.first_name }}"
        template = make_template("thanks", en=f"Thank you {name}", th=f"ขอบคุณ {name}")
        thai = CustomerFactory(name="Ploy Suk", language="th")
        german = CustomerFactory(name="Max Muster", language="de")
        for customer in (thai, german):
            message(customer=customer, template=template, is_literal=False, body="", language=customer.language)
        send()
        assert phone_of(thai) == ["ขอบคุณ Ploy"]
        assert phone_of(german) == ["Thank you Max"]  # no German: the shop's language
        assert {row.version for row in Message.objects.all()} == {template.live_version}

    def test_a_correction_published_while_a_message_waits_is_what_is_sent(self) -> None:
        template = make_template("thanks", en="Thnak you")
        sent = message(template=template, is_literal=False, body="")
        make_template("thanks", en="Thank you")
        send()
        assert phone_of(sent.customer) == ["Thank you"]

    def test_a_template_that_cannot_be_filled_in_fails_its_message_and_no_other(self) -> None:
        broken = message(is_literal=False, body="", source_body="Code {{ coupon.code }}")
        fine = message(is_literal=False, body="", source_body="Hello {{ customer.first_name }}")
        assert send() == {"failed": 1, "delivered": 1}
        broken.refresh_from_db()
        assert (broken.state, broken.reason) == ("failed", "template_error")
        assert broken.detail == "missing variable: 'coupon' is undefined"
        assert phone_of(broken.customer) == []
        assert len(phone_of(fine.customer)) == 1

    def test_the_order_of_one_customers_messages_is_kept(self) -> None:
        customer = CustomerFactory()
        for number in range(4):
            message(customer=customer, body=f"{number}", due_at=DAY - timedelta(seconds=number))
        send()
        assert phone_of(customer) == ["0", "1", "2", "3"]

    def test_a_message_planned_for_later_blocks_nobody_and_one_in_back_off_is_not_overtaken(self) -> None:
        customer = CustomerFactory()
        month = DAY + timedelta(days=30)
        message(customer=customer, body="next month", planned_at=month, due_at=month)
        message(customer=customer, body="trying again", due_at=DAY + timedelta(minutes=5))
        message(customer=customer, body="behind it")
        other = message(body="somebody else")
        send()
        assert phone_of(customer) == []
        assert phone_of(other.customer) == ["somebody else"]
        send(DAY + timedelta(minutes=5))
        assert phone_of(customer) == ["trying again", "behind it"]

    def test_a_held_promotion_does_not_hold_the_receipt_behind_it(self) -> None:
        customer = CustomerFactory()
        opt_in(customer, "promotions")
        promotion(customer, body="Sale", queued_at=NIGHT)
        message(customer=customer, body="Paid", queued_at=NIGHT)
        assert send(NIGHT) == {"held": 1, "delivered": 1}
        assert phone_of(customer) == ["Paid"]

    def test_the_higher_priority_goes_first(self) -> None:
        customer = CustomerFactory()
        message(customer=customer, body="later")
        message(customer=customer, body="sooner", priority=5)
        send()
        assert phone_of(customer) == ["sooner", "later"]

    def test_the_limit_is_kept(self) -> None:
        for _ in range(5):
            message()
        assert send_due(now=DAY, limit=3).total() == 3
        assert sorted(states()) == ["delivered"] * 3 + ["queued"] * 2

    def test_a_long_queue_of_one_channel_leaves_room_for_another(self, mailoutbox: list[Any]) -> None:
        for _ in range(10):
            message()
        mail = CustomerFactory(email="ploy@example.com")
        message(customer=mail, channel="email", address=mail.email, subject="Hi")
        send_due(now=DAY, limit=4)
        assert len(mailoutbox) == 1

    def test_the_number_of_queries_does_not_grow_with_the_batch(self) -> None:
        template = make_template("thanks", en="Thank you {{ customer.first_name }}")

        def queries(count: int) -> int:
            for customer in CustomerFactory.create_batch(count):
                opt_in(customer, "promotions")
                promotion(customer, template=template, is_literal=False, body="")
            with CaptureQueriesContext(connection) as captured:
                assert send_due(now=DAY, limit=1000)["delivered"] == count
            return len(captured)

        queries(1)  # makes the row of the shop
        # More than go first to see whether the provider is well.
        assert queries(20) == queries(40)

    def test_a_batch_takes_no_telephone_number_apart_and_reads_each_text_once(self) -> None:
        template = make_template("thanks", en="Thank you {{ customer.first_name }} of {{ customer.phone }}")
        for customer in CustomerFactory.create_batch(5):
            opt_in(customer, "promotions")
            promotion(customer, template=template, is_literal=False, body="")
        liquid.parse.cache_clear()
        with mock.patch("phonenumbers.parse") as parse:
            assert send() == {"delivered": 5}
        parse.assert_not_called()
        assert liquid.parse.cache_info().misses == 1


class TestEarlyReceipts:
    def test_a_receipt_that_overtakes_the_answer_is_not_undone_by_it(self, fake: type[FakeProvider]) -> None:
        def answer(parcel: Parcel) -> Accepted:
            receipts.take_receipts([ReceiptIn("fake", "r1", News.DELIVERED, DAY, key=parcel.key)], now=DAY)
            return Accepted("SM1")

        fake.answers = [answer]
        sent = message()
        assert send() == {"delivered": 1}
        sent.refresh_from_db()
        assert (sent.state, sent.provider_reference, sent.delivered_at) == ("delivered", "SM1", DAY)
        assert sorted(facts(sent.customer)) == ["Message Delivered", "Message Sent"]

    def test_a_receipt_for_a_reference_we_do_not_know_yet_is_matched_later(self, fake: type[FakeProvider]) -> None:
        def answer(parcel: Parcel) -> Accepted:
            receipts.take_receipts([ReceiptIn("fake", "r1", News.DELIVERED, DAY, reference="SM1")], now=DAY)
            return Accepted("SM1")

        fake.answers = [answer]
        sent = message()
        send()
        sent.refresh_from_db()
        assert sent.state == "delivered"
        assert Receipt.objects.get().message == sent


def test_with_nothing_to_do_a_tick_costs_three_queries(django_assert_num_queries: Any) -> None:
    message(due_at=DAY + timedelta(days=1))
    with django_assert_num_queries(3):
        assert send() == {}
