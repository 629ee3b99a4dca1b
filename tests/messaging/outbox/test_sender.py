"""From the ledger to the provider and back, one process; tests/faults kills some."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.models import ConsentEvent, Customer, Event, Ticket
from crm.services import consents
from messaging.channels.base import (
    Accepted,
    AccountRefused,
    NeverSent,
    News,
    Parcel,
    PermanentFailure,
    RateLimited,
    ReceiptIn,
    TemporaryFailure,
    Uncertain,
)
from messaging.channels.reasons import Reason
from messaging.models import Attempt, ChannelSettings, Message, MessagingSettings, ProviderState, Receipt, Suppression
from messaging.outbox import flow, receipts
from messaging.outbox.addresses import suppress
from messaging.outbox.cancel import cancel_queued
from messaging.outbox.sender import next_due_at, send_due
from messaging.texts import liquid
from tests.factories.crm import CustomerFactory, TicketFactory
from tests.factories.messaging import MessageFactory, make_template, opt_in, phone_of, states, topic
from tests.messaging.fakes import FakeProvider

pytestmark = pytest.mark.django_db

DAY = datetime(2026, 3, 4, 5, tzinfo=UTC)  # a Wednesday, noon in Bangkok
NIGHT = datetime(2026, 3, 4, 16, tzinfo=UTC)  # 23:00 in Bangkok


def message(**values: Any) -> Message:
    return MessageFactory(**{"queued_at": DAY - timedelta(minutes=1), **values})


def promotion(customer: Customer, **values: Any) -> Message:
    return message(**{"customer": customer, "topic": topic("promotions"), **values})


def send(now: datetime = DAY) -> dict[str, int]:
    return dict(send_due(now=now, limit=1000))


def facts(customer: Customer) -> list[str]:
    events = Event.objects.filter(customer=customer, name__startswith="Message").order_by("pk")
    return list(events.values_list("name", flat=True))


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


class TestPolicy:
    def test_without_consent_a_promotion_is_withheld_with_its_inputs(self) -> None:
        unasked = promotion(CustomerFactory())
        assert send() == {"withheld": 1}
        unasked.refresh_from_db()
        assert (unasked.state, unasked.reason, unasked.ended_at, unasked.attempts) == ("withheld", "no_consent", DAY, 0)
        assert unasked.decision["verdict"] == "withhold"
        assert unasked.decision["inputs"]["consent"] is None
        assert phone_of(unasked.customer) == []
        assert not Attempt.objects.exists()
        fact = Event.objects.get(name="Message Withheld")
        assert (fact.properties["reason"], fact.properties["topic"]) == ("no_consent", "promotions")

    def test_quiet_hours_hold_a_promotion_until_the_morning(self) -> None:
        customer = CustomerFactory()
        opt_in(customer, "promotions")
        held = promotion(customer, queued_at=NIGHT)
        assert send(NIGHT) == {"held": 1}
        held.refresh_from_db()
        assert (held.state, held.reason, held.is_held, held.attempts) == ("queued", "quiet_hours", True, 0)
        assert held.due_at == datetime(2026, 3, 5, 2, tzinfo=UTC)
        assert send(held.due_at - timedelta(seconds=1)) == {}
        assert send(held.due_at) == {"delivered": 1}
        held.refresh_from_db()
        assert held.reason == ""

    def test_due_at_night_with_the_worker_down_it_goes_in_the_morning_or_not_at_all(self) -> None:
        evening = datetime(2026, 3, 4, 12, 59, tzinfo=UTC)  # 19:59
        deep_night = datetime(2026, 3, 4, 20, tzinfo=UTC)  # 03:00
        customer = CustomerFactory()
        opt_in(customer, "promotions")
        patient = promotion(customer, queued_at=evening)
        hurried = promotion(CustomerFactory(), queued_at=evening, expires_at=datetime(2026, 3, 5, 1, tzinfo=UTC))
        opt_in(hurried.customer, "promotions")
        service = message(queued_at=evening)
        assert send(deep_night) == {"delivered": 1, "held": 1, "withheld": 1}
        assert states(pk=service.pk) == ["delivered"]
        hurried.refresh_from_db()
        assert (hurried.state, hurried.reason) == ("withheld", "expired")
        assert send(datetime(2026, 3, 5, 2, tzinfo=UTC)) == {"delivered": 1}
        assert states(pk=patient.pk) == ["delivered"]

    def test_twenty_flows_fire_and_the_cap_lets_two_through(self) -> None:
        customer = CustomerFactory()
        opt_in(customer, "promotions")
        for number in range(20):
            promotion(customer, body=f"{number}")
        assert send() == {"delivered": 2, "withheld": 18}
        assert phone_of(customer) == ["0", "1"]
        assert Message.objects.filter(state="withheld", reason="capped").count() == 18

    def test_the_cap_counts_every_channel(self, mailoutbox: list[Any]) -> None:
        customer = CustomerFactory()
        opt_in(customer, "promotions")
        opt_in(customer, "promotions", channel="email")
        for channel, address in (("email", customer.email), ("sms", str(customer.phone))) * 2:
            promotion(customer, channel=channel, address=address, subject="Sale")
        assert sorted(states(state__in=["withheld"])) == []
        send()
        assert len(mailoutbox) + len(phone_of(customer)) == 2

    def test_a_failed_promotion_uses_up_nothing_of_the_cap(self, fake: type[FakeProvider]) -> None:
        fake.answers = [PermanentFailure("no adverts of this kind")] * 2
        customer = CustomerFactory()
        opt_in(customer, "promotions")
        for _ in range(4):
            promotion(customer)
        assert send() == {"failed": 2, "sent": 2}

    def test_over_the_cap_a_message_may_wait_for_tomorrow_instead(self) -> None:
        customer = CustomerFactory()
        opt_in(customer, "promotions")
        for _ in range(3):
            promotion(customer, over_cap="hold")
        assert send() == {"delivered": 2, "held": 1}
        waiting = Message.objects.get(state="queued")
        assert waiting.due_at == datetime(2026, 3, 4, 17, tzinfo=UTC)  # midnight in Bangkok
        assert send(waiting.due_at) == {"held": 1}  # at night
        assert send(datetime(2026, 3, 5, 2, tzinfo=UTC)) == {"delivered": 1}

    def test_an_open_complaint_pauses_promotions(self) -> None:
        customer = CustomerFactory()
        opt_in(customer, "promotions")
        TicketFactory(customer=customer, kind=Ticket.Kind.AFTER_SALES, is_complaint=True)
        promotion(customer)
        message(customer=customer)
        assert send() == {"withheld": 1, "delivered": 1}
        assert states(topic__slug="promotions", reason="complaint") == ["withheld"]

    def test_a_customer_merged_away_or_erased_gets_nothing(self) -> None:
        survivor = CustomerFactory()
        merged = CustomerFactory(merged_into=survivor)
        erased = CustomerFactory(erased_at=DAY)
        message(customer=merged)
        message(customer=erased)
        send()
        assert list(Message.objects.order_by("pk").values_list("reason", flat=True)) == ["merged", "erased"]

    def test_an_address_that_turned_up_since_is_used(self) -> None:
        late = message(address="")
        send()
        late.refresh_from_db()
        assert (late.state, late.address) == ("delivered", str(late.customer.phone))

    def test_a_suppressed_address_gets_nothing_whoever_owns_it(self) -> None:
        barred = message()
        suppress("sms", barred.address, scope="all", cause="stop", now=DAY)
        assert send() == {"withheld": 1}
        barred.refresh_from_db()
        assert barred.reason == "suppressed"


class TestBetweenTheDecisionAndTheWire:
    """What happens after the policy said yes still counts, until the call starts."""

    @pytest.fixture
    def meanwhile(self, fake: type[FakeProvider]) -> Any:
        """Let something happen while the first of two messages, one call at a time, is on the wire."""
        fake.traits = replace(fake.traits, in_flight=1)

        def script(act: Any) -> tuple[Message, Message]:
            first, second = message(), message()

            def answer(parcel: Parcel) -> Accepted:
                act(first, second)
                return Accepted("ref")

            fake.answers = [answer]
            return first, second

        return script

    def test_a_stop_is_heeded(self, meanwhile: Any, fake: type[FakeProvider]) -> None:
        first, second = meanwhile(
            lambda first, second: suppress("sms", second.address, scope="all", cause="stop", now=DAY)
        )
        assert send() == {"sent": 1, "withheld": 1}
        second.refresh_from_db()
        assert (second.state, second.reason, second.wire_at) == ("withheld", "suppressed", None)
        assert [parcel.key for parcel in fake.calls] == [first.key]

    def test_a_withdrawn_consent_is_heeded(self, meanwhile: Any, fake: type[FakeProvider]) -> None:
        def withdraw(first: Message, second: Message) -> None:
            consents.record_consents(
                second.customer, {"sms": {"order_updates": "out"}}, via=ConsentEvent.Via.STAFF, now=DAY
            )

        _, second = meanwhile(withdraw)
        assert send() == {"sent": 1, "withheld": 1}
        second.refresh_from_db()
        assert (second.reason, len(fake.calls)) == ("opted_out", 1)

    def test_a_cancelled_message_does_not_leave(self, meanwhile: Any, fake: type[FakeProvider]) -> None:
        _, second = meanwhile(lambda first, second: cancel_queued(customer_ids=[second.customer_id], now=DAY))
        send()
        second.refresh_from_db()
        assert (second.state, second.reason, len(fake.calls)) == ("cancelled", "stopped", 1)

    def test_a_kill_switch_stops_the_rest_of_the_batch_and_loses_nothing(
        self, meanwhile: Any, fake: type[FakeProvider]
    ) -> None:
        _, second = meanwhile(lambda first, second: ChannelSettings.objects.update(is_on=False))
        assert send() == {"sent": 1}
        second.refresh_from_db()
        assert (second.state, second.attempts, second.wire_at, len(fake.calls)) == ("queued", 0, None, 1)
        assert send(DAY + timedelta(hours=1)) == {}
        ChannelSettings.objects.update(is_on=True)
        assert send(DAY + timedelta(hours=1)) == {"sent": 1}

    def test_a_worker_whose_lease_went_to_another_sends_and_changes_nothing(
        self, meanwhile: Any, fake: type[FakeProvider]
    ) -> None:
        def take_over(first: Message, second: Message) -> None:
            Message.objects.update(lease_token="somebody else")

        first, _ = meanwhile(take_over)
        assert send() == {"fenced": 1}
        assert states() == ["sending", "sending"]
        assert len(fake.calls) == 1
        assert [(attempt.outcome, attempt.detail) for attempt in Attempt.objects.all()] == [("accepted", "fenced")]
        assert facts(first.customer) == []


class TestAnswers:
    def answered(self, fake: type[FakeProvider], *answers: Any) -> tuple[Message, dict[str, int]]:
        fake.answers = list(answers)
        sent = message()
        counts = send()
        sent.refresh_from_db()
        return sent, counts

    def test_accepted(self, fake: type[FakeProvider]) -> None:
        sent, counts = self.answered(fake, Accepted("SM123"))
        assert counts == {"sent": 1}
        assert (sent.state, sent.provider_reference, sent.lease_until) == ("sent", "SM123", None)
        assert facts(sent.customer) == ["Message Sent"]

    def test_refused_for_now_it_is_tried_again_after_a_while(self, fake: type[FakeProvider]) -> None:
        sent, counts = self.answered(fake, TemporaryFailure("queue full"))
        assert counts == {"queued": 1}
        assert (sent.state, sent.reason, sent.detail, sent.attempts) == ("queued", "temporary", "queue full", 1)
        assert timedelta(seconds=15) <= sent.due_at - DAY <= timedelta(seconds=45)
        assert sent.wire_at is None
        assert facts(sent.customer) == []

    def test_the_provider_may_name_the_time(self, fake: type[FakeProvider]) -> None:
        sent, _ = self.answered(fake, TemporaryFailure("busy", retry_after=timedelta(minutes=7)))
        assert sent.due_at == DAY + timedelta(minutes=7)

    def test_the_waits_grow_and_end(self, fake: type[FakeProvider]) -> None:
        sent, _ = self.answered(fake, *[TemporaryFailure("busy")] * 20)
        waits = [sent.due_at - DAY]
        while sent.state == "queued":
            now = sent.due_at
            send(now)
            sent.refresh_from_db()
            waits.append(sent.due_at - now)
        assert (sent.state, sent.reason, sent.attempts) == ("dead", "too_many_attempts", 8)
        assert len(fake.calls) == 8
        assert max(waits) <= timedelta(minutes=90)
        assert waits[5] > waits[0]
        assert facts(sent.customer) == ["Message Failed"]

    def test_it_is_not_tried_beyond_its_usefulness(self, fake: type[FakeProvider]) -> None:
        fake.answers = [TemporaryFailure("busy")] * 20
        sent = message(expires_at=DAY + timedelta(seconds=10))
        send()
        assert send(DAY + timedelta(minutes=2)) == {"withheld": 1}
        sent.refresh_from_db()
        assert (sent.reason, len(fake.calls)) == ("expired", 1)

    def test_refused_for_good_it_has_failed(self, fake: type[FakeProvider]) -> None:
        sent, counts = self.answered(fake, PermanentFailure("forbidden words"))
        assert counts == {"failed": 1}
        assert (sent.state, sent.reason, sent.detail, sent.ended_at) == ("failed", "refused", "forbidden words", DAY)
        assert facts(sent.customer) == ["Message Failed"]
        assert not Suppression.objects.exists()

    def test_a_number_that_does_not_exist_is_not_written_to_again(self, fake: type[FakeProvider]) -> None:
        sent, _ = self.answered(fake, PermanentFailure("21211", reason=Reason.UNKNOWN_ADDRESS))
        assert (sent.state, sent.reason) == ("failed", "unknown_address")
        message(customer=sent.customer)
        assert send() == {"withheld": 1}

    def test_a_number_that_blocks_adverts_still_gets_service_messages(self, fake: type[FakeProvider]) -> None:
        sent, _ = self.answered(fake, PermanentFailure("blocked", reason=Reason.BLOCKED))
        opt_in(sent.customer, "promotions")
        promotion(sent.customer)
        message(customer=sent.customer)
        assert send() == {"withheld": 1, "sent": 1}

    def test_a_lost_answer_is_unclear_and_not_sent_again(self, fake: type[FakeProvider]) -> None:
        sent, counts = self.answered(fake, Uncertain("timeout"))
        assert counts == {"unknown": 1}
        assert (sent.state, sent.reason, sent.unknown_at, sent.wire_at) == ("unknown", "no_answer", DAY, DAY)
        assert send(DAY + timedelta(hours=1)) == {}
        assert len(fake.calls) == 1

    def test_a_provider_that_breaks_off_leaves_the_rest_unclear_or_in_line(self, fake: type[FakeProvider]) -> None:
        fake.traits = replace(fake.traits, in_flight=2)

        def explode(parcel: Parcel) -> Any:
            raise RuntimeError("a bug in a provider")

        fake.answers = [Accepted("1"), explode]
        for _ in range(4):
            message()
        assert send() == {"sent": 1, "unknown": 1}
        assert states() == ["sent", "unknown", "queued", "queued"]


class TestFlowControl:
    def test_slow_down_pauses_the_account_and_costs_no_attempt(self, fake: type[FakeProvider]) -> None:
        fake.traits = replace(fake.traits, in_flight=1)
        fake.answers = [RateLimited("429", retry_after=timedelta(seconds=120))]
        for _ in range(3):
            message()
        send()
        assert len(fake.calls) == 1
        assert set(Message.objects.values_list("state", "attempts")) == {("queued", 0)}
        message()  # a new one waits as well
        assert send(DAY + timedelta(seconds=119)) == {}
        assert send(DAY + timedelta(seconds=120)) == {"sent": 4}

    def test_an_outage_opens_the_circuit_and_one_probe_closes_it(self, fake: type[FakeProvider]) -> None:
        fake.answers = [Uncertain("500")] * 10
        for _ in range(30):
            message()
        send()
        state = ProviderState.objects.get()
        assert (state.breaker, len(fake.calls)) == ("open", 10)
        assert Message.objects.filter(state="queued", attempts=0).count() == 20
        assert send(DAY + timedelta(seconds=29)) == {}
        fake.answers = [Uncertain("500")]
        assert send(DAY + timedelta(seconds=30)) == {"unknown": 1}  # one probe
        assert send(DAY + timedelta(seconds=59)) == {}
        assert send(DAY + timedelta(seconds=60)) == {"sent": 19}  # a probe that closes it, and the rest

    def test_a_claim_of_which_nothing_was_sent_does_not_show_that_the_provider_works(
        self, fake: type[FakeProvider]
    ) -> None:
        fake.traits = replace(fake.traits, in_flight=40)
        fake.answers = [Uncertain("500")] * 40
        barred = message()
        suppress("sms", barred.address, scope="all", cause="stop", now=DAY)
        message(is_literal=False, body="", source_body="Code {{ coupon.code }}")
        for _ in range(40):
            customer = CustomerFactory()
            opt_in(customer, "promotions")
            promotion(customer)
        assert send() == {"withheld": 1, "failed": 1, "unknown": 10}

    def test_a_few_calls_without_an_answer_do_not_show_it_either(self, fake: type[FakeProvider]) -> None:
        fake.traits = replace(fake.traits, in_flight=40)
        fake.answers = [Uncertain("500")] * 40
        for _ in range(3):
            message()
        for _ in range(40):
            customer = CustomerFactory()
            opt_in(customer, "promotions")
            promotion(customer)
        assert send() == {"unknown": 13}
        assert len(fake.calls) == 13

    def test_never_more_than_it_has_room_for_are_on_the_wire_for_all_that_the_database_knows(
        self, fake: type[FakeProvider]
    ) -> None:
        fake.traits = replace(fake.traits, in_flight=4)
        on_the_wire = []

        def count(parcel: Parcel) -> Accepted:
            on_the_wire.append(Message.objects.filter(state="sending", wire_at__isnull=False).count())
            return Accepted(f"ref-{parcel.key}")

        fake.answers = [count] * 20
        for _ in range(20):
            message()
        assert send() == {"sent": 20}
        assert len(on_the_wire) == 20
        assert max(on_the_wire) == 4

    def test_no_connection_costs_no_attempt(self, fake: type[FakeProvider]) -> None:
        fake.answers = [NeverSent("connection refused")] * 10
        for _ in range(30):
            message()
        assert send() == {"queued": 10}
        assert set(Message.objects.values_list("state", "attempts", "wire_at")) == {("queued", 0, None)}
        assert ProviderState.objects.get().breaker == "open"

    def test_refused_credentials_wait_for_a_person_and_fail_nothing(self, fake: type[FakeProvider]) -> None:
        fake.traits = replace(fake.traits, in_flight=1)
        for number in range(3):
            fake.answers = [AccountRefused("401")]
            message()
            send(DAY + timedelta(minutes=number))
        state = ProviderState.objects.get()
        assert (state.breaker, state.last_error) == ("tripped", "account_refused: 401")
        assert send(DAY + timedelta(days=1)) == {}
        assert set(states()) == {"queued"}
        flow.close_circuit(ChannelSettings.objects.get(channel="sms"))
        assert send(DAY + timedelta(days=1)) == {"sent": 3}

    def test_the_rate_of_a_channel_is_kept(self, fake: type[FakeProvider]) -> None:
        ChannelSettings.objects.update(max_per_second=3)
        for _ in range(10):
            message()
        assert send() == {"sent": 3}
        assert send() == {}
        assert send(DAY + timedelta(seconds=1)) == {"sent": 3}
        assert send(DAY + timedelta(seconds=10)) == {"sent": 3}  # the bucket holds one second's worth

    def test_the_switch_for_everything_stops_everything(self) -> None:
        MessagingSettings.objects.update(sending_on=False)
        message()
        assert send() == {}
        assert next_due_at() is None
        MessagingSettings.objects.update(sending_on=True)
        assert send() == {"delivered": 1}

    def test_one_broken_channel_leaves_the_others_going(self, mailoutbox: list[Any]) -> None:
        ChannelSettings.objects.filter(channel="sms").update(provider="gone")
        customer = CustomerFactory()
        message(customer=customer)
        message(customer=customer, channel="email", address=customer.email, subject="Hi")
        assert send() == {"sent": 1}
        assert len(mailoutbox) == 1

    def test_the_next_due_time_is_that_of_an_open_channel(self) -> None:
        assert next_due_at() is None
        message(due_at=DAY + timedelta(hours=2))
        message(channel="email", due_at=DAY + timedelta(hours=1))
        assert next_due_at() == DAY + timedelta(hours=1)
        ChannelSettings.objects.filter(channel="email").update(is_on=False)
        assert next_due_at() == DAY + timedelta(hours=2)


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
