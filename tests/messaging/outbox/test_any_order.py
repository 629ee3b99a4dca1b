"""
The ledger against the truth: workers, receipts, crashes and people in any order, and a gateway that knows what it took.

A worker's way is taken step by step (claim, mark, call, result), so that anything may happen between two steps.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from crm.models import Customer
from messaging.channels.base import (
    Accepted,
    NeverSent,
    News,
    Outcome,
    PermanentFailure,
    ReceiptIn,
    Repeat,
    TemporaryFailure,
    Uncertain,
)
from messaging.models import ChannelSettings, Message
from messaging.outbox import claims, clearance, results
from messaging.outbox.addresses import suppress
from messaging.outbox.cancel import cancel_queued
from messaging.outbox.clock import Clock
from messaging.outbox.delivery import Delivery
from messaging.outbox.facts import Rules
from messaging.outbox.receipts import take_receipts
from messaging.outbox.reconcile import reconcile
from messaging.outbox.results import Call
from messaging.outbox.sender import send_due
from tests.factories.crm import CustomerFactory
from tests.factories.messaging import MessageFactory
from tests.messaging.fakes import FakeProvider

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 4, 5, tzinfo=UTC)
TIMEOUT = FakeProvider.traits.timeout
PEOPLE = 3
State = Message.State
ANSWERS = st.sampled_from(["accepted", "lost behind it", "lost before it", "busy", "no line", "never"])

SECONDS = st.sampled_from([0, 5, 90, 1000])


@dataclass
class Flight:
    """A call that was marked: not yet made, or made and not yet written down."""

    message: Message
    marked_at: datetime
    is_repeat: bool
    outcome: Outcome | None = None


@dataclass
class Worker:
    delivery: Delivery
    claim: claims.Claim
    flights: list[Flight] = field(default_factory=list)


class Outbox(RuleBasedStateMachine):
    workers: list[Worker]

    def __init__(self) -> None:
        super().__init__()
        self._undone = transaction.atomic()
        self._undone.__enter__()
        FakeProvider.reset()
        self.now = NOON
        self.people: list[Customer] = [CustomerFactory() for _ in range(PEOPLE)]
        self.workers = []
        self.accepted: dict[str, int] = {}  # how often the gateway took each key, in the order it did
        self.stopped: set[str] = set()
        self.receipts = self.written = 0

    @initialize(repeat=st.sampled_from(Repeat))
    def the_gateway_is_of_this_kind(self, repeat: Repeat) -> None:
        FakeProvider.traits = replace(FakeProvider.traits, repeat=repeat)
        self.repeat = repeat
        for who in range(PEOPLE):
            self.somebody_is_written_to(who=who)

    def teardown(self) -> None:
        try:
            self._come_to_an_end()
        finally:
            transaction.set_rollback(True)
            self._undone.__exit__(None, None, None)

    # --- What happens -----------------------------------------------------------------------------

    @rule(who=st.integers(0, PEOPLE - 1))
    def somebody_is_written_to(self, who: int) -> None:
        self.written += 1
        MessageFactory(customer=self.people[who], queued_at=self.now, public_id=UUID(int=self.written))

    @precondition(lambda self: len(self.workers) < 3)
    @rule(most=st.integers(1, 3))
    def a_worker_claims(self, most: int) -> None:
        self._claims(most)

    def _claims(self, most: int) -> bool:
        claim = claims.claim(channel="sms", lane=0, provider="fake", now=self.now, limit=most)
        if not claim.messages:
            return False
        channel = ChannelSettings.objects.get(channel="sms")
        rules = Rules.current()
        delivery = Delivery(channel, FakeProvider({}), claim, rules, clock=Clock(self.now))
        cleared, _ = clearance.clear(claim, rules, now=self.now)
        delivery._waiting.extend(delivery._compose(cleared))
        self.workers.append(Worker(delivery, claim))
        return True

    @precondition(lambda self: self.workers)
    @rule(which=st.integers(0, 2))
    def a_worker_marks_one(self, which: int) -> None:
        self._marks(self.workers[which % len(self.workers)])

    def _marks(self, worker: Worker) -> None:
        if worker.claim.until - self.now <= TIMEOUT or not worker.delivery._waiting:
            return
        worker.delivery._clock = Clock(self.now)
        for message, _letter in worker.delivery._mark(1):
            assert message.address not in self.stopped
            worker.flights.append(Flight(message, self.now, message.pk in worker.delivery._repeats))

    @precondition(lambda self: self._flights(called=False))
    @rule(which=st.integers(0, 5), answer=ANSWERS)
    def a_call_is_made(self, which: int, answer: str) -> None:
        open_ = self._flights(called=False)
        _worker, flight = open_[which % len(open_)]
        self._call(flight, answer)

    def _call(self, flight: Flight, answer: str) -> None:
        key = flight.message.key
        knows = self.repeat == Repeat.KEY and key in self.accepted
        if self.now - flight.marked_at > TIMEOUT:
            flight.outcome = Uncertain("the worker was away")  # longer than a call may take
        elif answer in ("accepted", "lost behind it") or (knows and answer == "never"):
            if not knows:
                self.accepted[key] = self.accepted.get(key, 0) + 1
            flight.outcome = Uncertain("lost") if answer == "lost behind it" else Accepted(f"ref-{key}")
        else:
            flight.outcome = {
                "lost before it": Uncertain("lost"), "busy": TemporaryFailure("busy"), "no line": NeverSent("no line"),
                "never": PermanentFailure("never"),
            }[answer]  # fmt: skip

    @precondition(lambda self: self._flights(called=True))
    @rule(which=st.integers(0, 5))
    def an_answer_is_written_down(self, which: int) -> None:
        landed = self._flights(called=True)
        self._land(*landed[which % len(landed)])

    def _land(self, worker: Worker, flight: Flight) -> None:
        worker.flights.remove(flight)
        assert flight.outcome
        call = Call(flight.message, flight.outcome, 20, flight.is_repeat)
        results.write_results([call], worker.claim.token, provider="fake", now=self.now)

    @rule(answer=ANSWERS, seconds=SECONDS)
    def a_worker_does_it_all(self, answer: str, seconds: int) -> None:
        self.a_worker_clears_up(seconds=seconds)
        self.time_passes(seconds=90)
        if not self._claims(PEOPLE):
            return
        worker = self.workers[-1]
        for _ in range(PEOPLE):
            self._marks(worker)
        for flight in list(worker.flights):
            self._call(flight, answer)
            self._land(worker, flight)
        self.workers.remove(worker)

    @precondition(lambda self: self.workers)
    @rule(which=st.integers(0, 2), dies=st.booleans())
    def a_worker_goes(self, which: int, dies: bool) -> None:
        worker = self.workers[which % len(self.workers)]
        if not dies and worker.flights:
            return
        self.workers.remove(worker)
        if not dies:
            worker.delivery._clock = Clock(self.now)
            worker.delivery._return_the_rest()

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(seconds=SECONDS)
    def a_worker_clears_up(self, seconds: int) -> None:
        FakeProvider.known = {key: f"ref-{key}" for key in self.accepted}
        self.now += timedelta(seconds=seconds)
        reconcile(now=self.now)

    @precondition(lambda self: self.accepted)
    @rule(
        which=st.integers(0, 9), news=st.sampled_from([News.SENT, News.DELIVERED, News.UNDELIVERED]), ours=st.booleans()
    )
    def a_receipt_comes(self, which: int, news: News, ours: bool) -> None:
        key = list(self.accepted)[which % len(self.accepted)]
        self.receipts += 1
        named = {"key": key} if ours else {"reference": f"ref-{key}"}
        take_receipts([ReceiptIn("fake", f"r{self.receipts}", news, self.now, **named)], now=self.now)

    @rule(who=st.integers(0, PEOPLE - 1))
    def what_waits_for_somebody_is_cancelled(self, who: int) -> None:
        cancel_queued(customer_ids=[self.people[who].pk], now=self.now)

    @rule()
    def somebody_says_stop(self) -> None:
        address = str(self.people[0].phone)
        suppress("sms", address, scope="all", cause="stop", now=self.now)
        self.stopped.add(address)

    @rule()
    def somebody_is_erased(self) -> None:
        Customer.objects.filter(pk=self.people[1].pk).update(erased_at=self.now)

    # --- What holds -------------------------------------------------------------------------------

    @invariant()
    def nothing_is_accepted_twice(self) -> None:
        assert set(self.accepted.values()) <= {1}

    @invariant()
    def what_is_said_never_to_have_left_has_not(self) -> None:
        for message in Message.objects.filter(public_id__in=list(self.accepted)):
            assert message.state not in (State.WITHHELD, State.CANCELLED, State.DEAD)
            assert message.state != State.QUEUED or message.may_be_out
            assert message.state != State.FAILED or message.reason == "undelivered"

    @invariant()
    def what_is_said_to_have_left_has(self) -> None:
        for message in Message.objects.filter(state__in=[State.SENT, State.DELIVERED]):
            assert message.key in self.accepted

    @invariant()
    def each_line_is_kept(self) -> None:
        numbers = {row.key: (row.customer_id, row.pk) for row in Message.objects.all()}
        for person in self.people:
            taken = [numbers[key][1] for key in self.accepted if numbers[key][0] == person.pk]
            assert taken == sorted(taken)

    def _flights(self, *, called: bool) -> list[tuple[Worker, Flight]]:
        return [
            (worker, flight)
            for worker in self.workers
            for flight in worker.flights
            if (flight.outcome is not None) == called
        ]

    def _come_to_an_end(self) -> None:
        """Everybody dies; workers of another day find an end for every message, and no news is lost."""
        self.workers = []
        FakeProvider.known = {key: f"ref-{key}" for key in self.accepted}
        before = dict(self.accepted)
        for _ in range(6):
            self.now += timedelta(minutes=70)
            reconcile(now=self.now)
            FakeProvider.calls = []
            send_due(now=self.now, limit=100)
            again = Counter(parcel.key for parcel in FakeProvider.calls)
            assert self.repeat == Repeat.KEY or not again.keys() & before.keys()
        assert not Message.objects.pending().exists()
        if self.repeat != Repeat.NEVER:
            ended = dict(Message.objects.filter(public_id__in=list(before)).values_list("public_id", "state"))
            assert set(ended.values()) <= {State.SENT, State.DELIVERED, State.FAILED, State.UNKNOWN_FINAL}


def test_whatever_happens_in_whatever_order(fake: Any) -> None:
    bounded = settings(
        max_examples=12, stateful_step_count=25, deadline=None, derandomize=True, database=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    run_state_machine_as_test(Outbox, settings=bounded)
