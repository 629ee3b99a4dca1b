"""How much may go to a provider now, with several workers at it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from messaging.channels.base import Accepted, Parcel, RateLimited, Uncertain
from messaging.models import ChannelSettings, Message
from messaging.outbox import clock, flow
from messaging.outbox.sender import send_due
from tests.factories.messaging import MessageFactory, states
from tests.messaging.fakes import FakeProvider

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 4, 5, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def sms() -> ChannelSettings:
    """As a worker of its own reads it."""
    return ChannelSettings.objects.select_related("flow").get(channel="sms")


def queue(number: int) -> None:
    for _ in range(number):
        MessageFactory(queued_at=at(-60))


class TestTheRate:
    @pytest.fixture(autouse=True)
    def time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Time passes only while somebody waits."""
        passed = [1_000.0]
        monkeypatch.setattr(clock, "monotonic", lambda: passed[0])
        monkeypatch.setattr(clock, "sleep", lambda seconds: passed.__setitem__(0, passed[0] + seconds))

    @pytest.mark.parametrize(
        ("rate", "seconds"), [(1, [0, 1, 2, 3, 4, 5]), (2, [0, 0, 0.5, 1, 1.5, 2]), (4, [0, 0, 0, 0, 0.5, 0.5])]
    )
    def test_a_worker_goes_on_as_the_rate_allows(
        self, fake: type[FakeProvider], rate: int, seconds: list[float]
    ) -> None:
        ChannelSettings.objects.update(max_per_second=rate)
        queue(6)
        assert send_due(now=NOON, limit=100, runs_on=True) == {"sent": 6}
        rows = Message.objects.order_by("pk").values_list("wire_at", flat=True)
        assert list(rows) == [at(second) for second in seconds]

    def test_not_for_longer_than_a_round_may_take(self, fake: type[FakeProvider]) -> None:
        ChannelSettings.objects.update(max_per_second=1)
        queue(20)
        assert send_due(now=NOON, limit=100, runs_on=True) == {"sent": 10}

    def test_a_worker_that_finds_no_room_does_not_wait_for_it(self, fake: type[FakeProvider]) -> None:
        ChannelSettings.objects.update(max_per_second=1)
        queue(2)
        assert flow.reserve(sms(), 1, NOON) == 1  # by another
        assert send_due(now=NOON, limit=100, runs_on=True) == {}
        assert clock.monotonic() == 1_000

    def test_a_clock_that_is_behind_fills_no_second_twice(self, fake: type[FakeProvider]) -> None:
        ChannelSettings.objects.update(max_per_second=4)
        taken = [flow.reserve(sms(), 100, at(seconds)) for seconds in (10, 5, 10, 5, 10)]
        assert taken == [4, 0, 0, 0, 0]


class TestWhatAnotherWorkerMet:
    @pytest.fixture
    def first_of_two(self, fake: type[FakeProvider]) -> type[FakeProvider]:
        """One call at a time, and two messages."""
        fake.traits = replace(fake.traits, in_flight=1)
        queue(2)
        return fake

    def test_being_told_to_slow_down_stops_the_batch_of_every_worker(self, first_of_two: type[FakeProvider]) -> None:
        def answer(parcel: Parcel) -> Accepted:
            flow.note(sms(), flow.Calls(1, (RateLimited("slow", retry_after=timedelta(seconds=120)),)), NOON)
            return Accepted("ref")

        first_of_two.answers = [answer]
        assert send_due(now=NOON, limit=100) == {"sent": 1}
        assert (states(), len(first_of_two.calls)) == (["sent", "queued"], 1)
        assert set(Message.objects.filter(state="queued").values_list("attempts", "wire_at")) == {(0, None)}
        assert send_due(now=at(119), limit=100) == {}
        assert send_due(now=at(121), limit=100) == {"sent": 1}

    def test_so_does_an_open_circuit(self, first_of_two: type[FakeProvider]) -> None:
        def answer(parcel: Parcel) -> Accepted:
            flow.note(sms(), flow.Calls(20, (Uncertain("gone"),) * 20), NOON)
            return Accepted("ref")

        first_of_two.answers = [answer]
        assert send_due(now=NOON, limit=100) == {"sent": 1}
        assert (states(), len(first_of_two.calls)) == (["sent", "queued"], 1)

    def test_one_of_all_workers_makes_the_probe(self, first_of_two: type[FakeProvider]) -> None:
        flow.note(sms(), flow.Calls(20, (Uncertain("gone"),) * 20), NOON)
        one, other = sms(), sms()  # both have read that it is open
        assert [flow.reserve(worker, 100, at(31)) for worker in (one, other)] == [1, 0]
        assert flow.may_go_on(one, at(31))
        assert send_due(now=at(32), limit=100) == {}
        assert send_due(now=at(62), limit=100) == {"sent": 2}  # the probe, and all the others after it
