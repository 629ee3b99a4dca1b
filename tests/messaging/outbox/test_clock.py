"""A round takes seconds: what is written down about its calls is when they were, and an opt-out among them counts."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crm.lib.audits import Breach, Case
from crm.models import ConsentEvent
from crm.services import consents
from messaging import invariants
from messaging.channels.base import Accepted, Parcel
from messaging.models import Attempt, Message
from messaging.outbox import clock, delivery
from messaging.outbox.addresses import suppress
from messaging.outbox.sender import send_due
from tests.factories.messaging import MessageFactory
from tests.messaging.fakes import FakeProvider

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 4, 5, tzinfo=UTC)
Seconds = Callable[[float], None]


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def message() -> Message:
    return MessageFactory(queued_at=at(-60))


def send() -> dict[str, int]:
    return dict(send_due(now=NOON, limit=100, runs_on=True))


def breaches() -> list[str]:
    """What `audit` says of wishes."""
    said = list(invariants.nobody_is_written_to_against_their_wish(Case(now=at(3600))))
    return [finding.message for finding in said if isinstance(finding, Breach)]


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    """Time passes only as it is told to."""
    passed = [1_000.0]

    def let_pass(more: float) -> None:
        passed[0] += more

    monkeypatch.setattr(clock, "monotonic", lambda: passed[0])
    return let_pass


@pytest.fixture
def slowly(fake: type[FakeProvider], seconds: Seconds) -> Callable[..., None]:
    """One call at a time; each takes two seconds, in the middle of which something may happen."""
    fake.traits = replace(fake.traits, in_flight=1)

    def script(*happenings: Callable[[], Any] | None) -> None:
        def answer(act: Callable[[], Any] | None) -> Callable[[Parcel], Accepted]:
            def call(parcel: Parcel) -> Accepted:
                seconds(1)
                if act:
                    act()
                seconds(1)
                return Accepted(f"ref-{parcel.key}")

            return call

        fake.answers = [answer(act) for act in happenings]

    return script


class TestWhatIsDated:
    def test_each_call_begins_when_it_begins_and_ends_when_it_ends(self, slowly: Callable[..., None]) -> None:
        for _ in range(3):
            message()
        slowly(None, None, None)
        assert send() == {"sent": 3}
        rows = Message.objects.order_by("pk").values_list("wire_at", "sent_at")
        assert list(rows) == [(at(0), at(2)), (at(2), at(4)), (at(4), at(6))]
        assert list(Attempt.objects.order_by("pk").values_list("started_at", flat=True)) == [at(0), at(2), at(4)]

    def test_a_history_that_is_played_again_stands_still(self, slowly: Callable[..., None]) -> None:
        message(), message()
        slowly(None, None)
        assert send_due(now=NOON, limit=100) == {"sent": 2}
        assert set(Message.objects.values_list("wire_at", "sent_at")) == {(NOON, NOON)}
        assert set(Attempt.objects.values_list("started_at", flat=True)) == {NOON}

    def test_a_claim_late_in_the_round_has_its_whole_lease(
        self, slowly: Callable[..., None], fake: type[FakeProvider]
    ) -> None:
        fake.traits = replace(fake.traits, batch=1)
        first, second = message(), message()
        until = []
        slowly(
            lambda: until.append(Message.objects.get(pk=first.pk).lease_until),
            lambda: until.append(Message.objects.get(pk=second.pk).lease_until),
        )
        assert send() == {"sent": 2}
        assert until == [at(60), at(62)]

    def test_no_call_begins_that_could_outlast_the_lease(
        self, slowly: Callable[..., None], fake: type[FakeProvider], seconds: Seconds
    ) -> None:
        _first, second = message(), message()
        slowly(lambda: seconds(48.5), None)  # of 60 s there are 9.5 left, and a call may take 10
        assert send() == {"sent": 1}
        second.refresh_from_db()
        assert (second.state, second.wire_at, second.attempts, len(fake.calls)) == ("queued", None, 0, 1)


class TestAnOptOut:
    def test_between_claim_and_wire_it_is_heeded(self, slowly: Callable[..., None], fake: type[FakeProvider]) -> None:
        first, second = message(), message()
        slowly(lambda: suppress("sms", second.address, scope="all", cause="stop", now=at(1)), None)
        assert send() == {"sent": 1, "withheld": 1}
        second.refresh_from_db()
        assert (second.state, second.reason, second.ended_at) == ("withheld", "suppressed", at(2))
        assert [parcel.key for parcel in fake.calls] == [first.key]
        assert breaches() == []

    def test_during_the_call_that_message_is_out_and_nothing_after_it(
        self, slowly: Callable[..., None], fake: type[FakeProvider]
    ) -> None:
        first = message()
        slowly(lambda: suppress("sms", first.address, scope="all", cause="stop", now=at(1)))
        assert send() == {"sent": 1}
        MessageFactory(customer=first.customer, queued_at=at(-60))
        assert dict(send_due(now=at(10), limit=100, runs_on=True)) == {"withheld": 1}
        assert [parcel.key for parcel in fake.calls] == [first.key]
        assert breaches() == []

    def test_a_withdrawn_consent_is_heeded_as_well(self, slowly: Callable[..., None], fake: type[FakeProvider]) -> None:
        _first, second = message(), message()
        out = {"sms": {"order_updates": "out"}}
        slowly(lambda: consents.record_consents(second.customer, out, via=ConsentEvent.Via.STAFF, now=at(1)), None)
        assert send() == {"sent": 1, "withheld": 1}
        second.refresh_from_db()
        assert (second.state, second.reason, len(fake.calls)) == ("withheld", "opted_out", 1)
        assert breaches() == []

    def test_the_audit_would_see_a_worker_that_did_not_look(
        self, slowly: Callable[..., None], seconds: Seconds, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(delivery, "_wishes", lambda messages: {})
        _first, second = message(), message()

        def stop() -> None:
            suppress("sms", second.address, scope="all", cause="stop", now=at(1))
            seconds(6)

        slowly(stop, None)
        assert send() == {"sent": 2}
        assert breaches() == ["attempts began after the address was suppressed"]
