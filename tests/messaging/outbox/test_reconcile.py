"""What is done about messages whose worker died, or whose answer was lost."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from crm.models import Event
from messaging.channels.base import (
    Accepted,
    NeverSent,
    Outcome,
    Parcel,
    RateLimited,
    Repeat,
    TemporaryFailure,
    Uncertain,
)
from messaging.models import ChannelSettings, Message
from messaging.outbox.addresses import suppress
from messaging.outbox.reconcile import NotUnclear, reconcile, resolve_unclear
from messaging.outbox.sender import send_due
from tests.factories.crm import NOON, UserFactory
from tests.factories.messaging import MessageFactory
from tests.messaging.fakes import FakeProvider

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def in_hands(*, on_the_wire: bool, **values: Any) -> Message:
    """A message in the hands of a worker that has died: its lease ended a second before NOON."""
    row = {
        "state": "sending", "provider": "fake", "attempts": 1, "lease_token": "dead", "queued_at": NOON - 2 * MINUTE,
        "lease_until": NOON - timedelta(seconds=1), "wire_at": NOON - MINUTE if on_the_wire else None,
        "cleared_at": NOON - MINUTE,
    }  # fmt: skip
    message: Message = MessageFactory(**{**row, **values})
    return message


def unclear(**values: Any) -> Message:
    row = {
        "state": "unknown", "provider": "fake", "attempts": 1, "queued_at": NOON, "wire_at": NOON, "unknown_at": NOON,
        "reason": "no_answer",
    }  # fmt: skip
    message: Message = MessageFactory(**{**row, **values})
    return message


def fresh(message: Message) -> Message:
    message.refresh_from_db()
    return message


class TestLeases:
    def test_what_had_not_reached_the_wire_goes_back_in_line_and_is_sent_once(self, fake: type[FakeProvider]) -> None:
        message = in_hands(on_the_wire=False)
        assert reconcile(now=NOON) == {"queued": 1}
        assert (fresh(message).state, message.attempts, message.crashes, message.lease_token) == ("queued", 0, 1, "")
        assert send_due(now=NOON, limit=10) == {"sent": 1}
        assert [parcel.key for parcel in fake.calls] == [message.key]

    def test_what_was_on_the_wire_is_unclear_not_sent_again(self, fake: type[FakeProvider]) -> None:
        message = in_hands(on_the_wire=True)
        assert reconcile(now=NOON) == {"unknown": 1}
        assert (fresh(message).state, message.unknown_at, message.crashes) == ("unknown", NOON, 1)
        assert send_due(now=NOON + MINUTE, limit=10) == {}
        assert fake.calls == []

    def test_a_lease_that_still_runs_is_left_alone(self, fake: type[FakeProvider]) -> None:
        message = in_hands(on_the_wire=True, lease_until=NOON + timedelta(seconds=1))
        assert reconcile(now=NOON) == {}
        assert fresh(message).state == "sending"

    def test_the_fifth_worker_that_dies_with_it_is_the_last(self, fake: type[FakeProvider]) -> None:
        message = in_hands(on_the_wire=False, crashes=4)
        assert reconcile(now=NOON) == {"dead": 1}
        assert (fresh(message).reason, message.ended_at) == ("poison", NOON)
        assert list(Event.objects.filter(name__startswith="Message").values_list("name", flat=True)) == [
            "Message Failed"
        ]

    def test_a_suspect_is_tried_on_its_own_after_the_others(self, fake: type[FakeProvider]) -> None:
        suspect = MessageFactory(crashes=3, queued_at=NOON - MINUTE)
        others = MessageFactory.create_batch(3, queued_at=NOON)
        assert send_due(now=NOON, limit=10) == {"sent": 4}
        assert [parcel.key for parcel in fake.calls] == [*(other.key for other in others), suspect.key]


class TestByKey:
    @pytest.fixture(autouse=True)
    def dedupes(self, fake: type[FakeProvider]) -> None:
        fake.traits = replace(fake.traits, repeat=Repeat.KEY, key_life=timedelta(hours=24))

    def test_it_is_sent_again_under_the_same_key(self, fake: type[FakeProvider]) -> None:
        message = in_hands(on_the_wire=True)
        # Died and settled in one go: unknown, then back in line.
        assert reconcile(now=NOON) == {"unknown": 1, "queued": 1}
        assert fresh(message).may_be_out
        assert send_due(now=NOON, limit=10) == {"sent": 1}
        assert [parcel.key for parcel in fake.calls] == [message.key]

    def test_not_after_the_provider_has_forgotten_the_key(self, fake: type[FakeProvider]) -> None:
        message = unclear(wire_at=NOON - timedelta(hours=24))
        assert reconcile(now=NOON) == {"unknown_final": 1}
        assert (fresh(message).state, message.ended_at, fake.calls) == ("unknown_final", NOON, [])

    def test_a_repeat_that_the_policy_refuses_stays_unclear_since_it_may_be_out(self, fake: type[FakeProvider]) -> None:
        message = unclear(expires_at=NOON + MINUTE)
        reconcile(now=NOON)
        assert send_due(now=NOON + 5 * MINUTE, limit=10) == {"unknown_final": 1}
        assert (fresh(message).state, message.reason, fake.calls) == ("unknown_final", "expired", [])


class TestByLookUp:
    @pytest.fixture(autouse=True)
    def can_be_asked(self, fake: type[FakeProvider]) -> None:
        fake.traits = replace(fake.traits, repeat=Repeat.LOOKUP, timeout=timedelta(seconds=10))

    def test_not_before_a_slow_worker_has_surely_given_up(self, fake: type[FakeProvider]) -> None:
        message = unclear()
        assert reconcile(now=NOON + timedelta(seconds=69)) == {}
        assert fresh(message).state == "unknown"

    def test_what_the_provider_has_is_sent(self, fake: type[FakeProvider]) -> None:
        message = unclear()
        fake.known = {message.key: "SM7"}
        assert reconcile(now=NOON + timedelta(seconds=70)) == {"sent": 1}
        assert (fresh(message).state, message.provider_reference, message.sent_at) == ("sent", "SM7", NOON)
        assert list(Event.objects.filter(name__startswith="Message").values_list("name", flat=True)) == ["Message Sent"]
        assert fake.calls == []

    def test_what_it_has_not_is_sent_now(self, fake: type[FakeProvider]) -> None:
        message = unclear(attempts=0)
        assert reconcile(now=NOON + timedelta(seconds=70)) == {"queued": 1}
        assert (fresh(message).wire_at, message.may_be_out) == (None, False)
        assert send_due(now=NOON + timedelta(seconds=70), limit=10) == {"sent": 1}

    def test_what_it_has_not_and_killed_five_workers_is_given_up(self, fake: type[FakeProvider]) -> None:
        message = unclear(crashes=5)
        assert reconcile(now=NOON + timedelta(seconds=70)) == {"dead": 1}
        assert fresh(message).reason == "poison"

    def test_a_provider_that_does_not_answer_decides_nothing(
        self, fake: type[FakeProvider], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(self: FakeProvider, keys: Any) -> Any:
            raise OSError("no route")

        monkeypatch.setattr(FakeProvider, "look_up", refuse)
        message = unclear()
        assert reconcile(now=NOON + timedelta(hours=5)) == {}
        assert fresh(message).state == "unknown"


class TestByNeither:
    def test_it_waits_a_quarter_of_an_hour_for_a_receipt_and_then_for_a_person(self, fake: type[FakeProvider]) -> None:
        message = unclear()
        assert reconcile(now=NOON + timedelta(minutes=14, seconds=59)) == {}
        assert reconcile(now=NOON + timedelta(minutes=15)) == {"unknown_final": 1}
        assert fresh(message).state == "unknown_final"
        assert fake.calls == []

    def test_while_unclear_it_keeps_the_line_and_then_holds_nobody_up(self, fake: type[FakeProvider]) -> None:
        message = unclear()
        behind = MessageFactory(customer=message.customer, queued_at=NOON)
        assert send_due(now=NOON + MINUTE, limit=10) == {}
        reconcile(now=NOON + 15 * MINUTE)
        assert send_due(now=NOON + 15 * MINUTE, limit=10) == {"sent": 1}
        assert [parcel.key for parcel in fake.calls] == [behind.key]

    def test_a_provider_that_was_replaced_since_can_do_nothing_for_it(self, fake: type[FakeProvider]) -> None:
        message = unclear(provider="gone")
        assert reconcile(now=NOON + 16 * MINUTE) == {"unknown_final": 1}
        other = unclear()
        ChannelSettings.objects.filter(channel="sms").update(sealed_config="not sealed by us")
        assert reconcile(now=NOON + 16 * MINUTE) == {"unknown_final": 1}
        assert {fresh(message).state, fresh(other).state} == {"unknown_final"}


class TestByAPerson:
    def test_treat_it_as_sent(self, fake: type[FakeProvider]) -> None:
        message = unclear(state="unknown_final")
        resolve_unclear(message, verdict="sent", actor=UserFactory(username="mali"), now=NOON + MINUTE)
        assert (fresh(message).state, message.sent_at, message.detail, message.reason) == (
            "sent",
            NOON,
            "sent: mali",
            "",
        )
        assert fake.calls == []
        assert Event.objects.filter(name="Message Sent").count() == 1

    def test_send_it_again(self, fake: type[FakeProvider]) -> None:
        message = unclear(state="unknown_final", ended_at=NOON)
        resolve_unclear(message, verdict="again", actor=UserFactory(), now=NOON + MINUTE)
        assert send_due(now=NOON + MINUTE, limit=10) == {"sent": 1}
        assert [parcel.key for parcel in fake.calls] == [message.key]

    @pytest.mark.parametrize(("state", "verdict"), [("sent", "again"), ("delivered", "sent"), ("unknown", "perhaps")])
    def test_only_what_is_unclear_can_be_decided_on(self, state: str, verdict: str) -> None:
        message = unclear(state=state)
        with pytest.raises(NotUnclear):
            resolve_unclear(message, verdict=verdict, actor=UserFactory(), now=NOON)
        assert fresh(message).state == state


def test_with_nothing_unclear_a_round_costs_three_queries(django_assert_num_queries: Any) -> None:
    MessageFactory()
    with django_assert_num_queries(3):
        assert reconcile(now=NOON) == {}


@pytest.mark.parametrize("second", [TemporaryFailure("busy"), RateLimited("slow"), NeverSent("no line")])
def test_a_repeat_that_is_refused_for_now_leaves_the_doubt_about_the_first_call(
    fake: type[FakeProvider], second: Outcome
) -> None:
    fake.traits = replace(fake.traits, repeat=Repeat.KEY)
    message = MessageFactory()
    fake.answers = [Uncertain("lost"), second]
    send_due(now=NOON, limit=10)
    reconcile(now=NOON + MINUTE)
    assert send_due(now=NOON + 3 * MINUTE, limit=10) == {"queued": 1}
    message.refresh_from_db()
    assert (message.wire_at, message.may_be_out) == (NOON, True)
    # It is not for us to say that it was withheld.
    suppress("sms", message.address, scope="all", cause="stop", now=NOON + 4 * MINUTE)
    send_due(now=NOON + 90 * MINUTE, limit=10)
    message.refresh_from_db()
    assert (message.state, message.reason, len(fake.calls)) == ("unknown_final", "suppressed", 2)


def test_a_key_lives_from_the_first_call_that_may_have_got_through(fake: type[FakeProvider]) -> None:
    fake.traits = replace(fake.traits, repeat=Repeat.KEY, key_life=timedelta(hours=24))
    message = MessageFactory()
    fake.answers = [Uncertain("lost")] * 2
    send_due(now=NOON, limit=10)
    reconcile(now=NOON + timedelta(hours=23))
    send_due(now=NOON + timedelta(hours=23.5), limit=10)
    message.refresh_from_db()
    assert (message.state, message.wire_at, len(fake.calls)) == ("unknown", NOON, 2)
    # What it took at noon the provider has forgotten: the same again would be a second one.
    assert reconcile(now=NOON + timedelta(hours=24.5)) == {"unknown_final": 1}


def test_a_stop_just_before_a_repeat_does_not_say_that_the_first_call_was_withheld(fake: type[FakeProvider]) -> None:
    fake.traits = replace(fake.traits, repeat=Repeat.KEY, in_flight=1)
    first, second = MessageFactory(), MessageFactory()
    fake.answers = [Uncertain("lost")] * 2
    send_due(now=NOON, limit=10)
    reconcile(now=NOON + MINUTE)

    def answer(parcel: Parcel) -> Outcome:
        other = second if parcel.key == first.key else first
        suppress("sms", other.address, scope="all", cause="stop", now=NOON + 3 * MINUTE)
        return Accepted("ref")

    fake.answers = [answer]
    assert send_due(now=NOON + 3 * MINUTE, limit=10) == {"sent": 1, "unknown_final": 1}
    ended = Message.objects.get(state="unknown_final")
    assert (ended.reason, ended.wire_at, len(fake.calls)) == ("suppressed", NOON, 3)
    assert not Event.objects.filter(name="Message Withheld").exists()
