"""What the policy says when a message is due, and what changes between that and the call."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm.models import ConsentEvent, Event, Ticket
from crm.services import consents
from messaging.channels.base import (
    Accepted,
    Parcel,
    PermanentFailure,
)
from messaging.models import Attempt, ChannelSettings, Message
from messaging.outbox.addresses import suppress
from messaging.outbox.cancel import cancel_queued
from tests.factories.crm import CustomerFactory, TicketFactory
from tests.factories.messaging import opt_in, phone_of, states
from tests.messaging.fakes import FakeProvider
from tests.messaging.outbox.sending import DAY, NIGHT, facts, message, promotion, send

pytestmark = pytest.mark.django_db


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
