"""Switches, rates, pauses and the circuit, as sending meets them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from messaging.channels.base import (
    Accepted,
    AccountRefused,
    NeverSent,
    Parcel,
    RateLimited,
    Uncertain,
)
from messaging.models import ChannelSettings, Message, MessagingSettings, ProviderState
from messaging.outbox import flow
from messaging.outbox.addresses import suppress
from messaging.outbox.sender import next_due_at
from tests.factories.crm import CustomerFactory
from tests.factories.messaging import opt_in, states
from tests.messaging.fakes import FakeProvider
from tests.messaging.outbox.sending import DAY, message, promotion, send

pytestmark = pytest.mark.django_db


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
