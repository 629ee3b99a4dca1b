"""
What every provider that speaks HTTP must do besides, checked against a real server that goes wrong on purpose.

    class TestMyProvider(HttpContract):
        def provider(self): return MyProvider({"url": self.gateway.address, …})
        def elsewhere(self, address): return MyProvider({"url": address, …})     # the same, calling another address
        def answer(self, taken): return Reply(json={"id": …})                   # what the real one says to a message
        def key_of(self, taken): return taken.json["key"]                       # "" when it is not told our key
        def text_of(self, taken): return taken.json["text"]
        refusals = [(Reply(400, json={"code": 21211}), PermanentFailure, Reason.UNKNOWN_ADDRESS), …]

`malformed` is what a gateway in trouble says under a status of success. Providers with a wire of another name, or none,
override `hurry`. `ReceiptsContract` is the same for what comes in.
"""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from messaging.channels.base import (
    Accepted,
    AccountRefused,
    Failure,
    NeverSent,
    Outcome,
    Parcel,
    Provider,
    RateLimited,
    Repeat,
    TemporaryFailure,
    Uncertain,
)
from messaging.channels.calls import BadSignature, Call, Refused
from messaging.channels.reasons import Reason
from tests.messaging.providers.contract import AT, ProviderContract
from tests.messaging.providers.gateway import Gateway, Hangup, Reply, Silence, Taken, nobody

HTML = "<html><body><h1>It works!</h1></body></html>"
Refusal = tuple[Reply, type[Failure], Reason]


class HttpContract(ProviderContract):
    """One test class per provider; `self.gateway` plays the other side."""

    refusals: ClassVar[list[Refusal]] = []
    malformed: ClassVar[list[Reply]] = [
        Reply(body=HTML),
        Reply(body=""),
        Reply(json={}),
        Reply(json=[1]),
        Reply(body="{"),
    ]

    @pytest.fixture(autouse=True)
    def _gateway(self) -> Iterator[None]:
        dedupes = self.elsewhere("http://127.0.0.1:9").traits.repeat == Repeat.KEY
        with Gateway(answer=self.answer, key_of=self.key_of, dedupes=dedupes) as self.gateway:
            yield

    def provider(self) -> Provider:
        return self.elsewhere(self.gateway.address)

    def elsewhere(self, address: str) -> Provider:
        """The provider, calling `address`."""
        raise NotImplementedError

    def answer(self, taken: Taken) -> Reply:
        raise NotImplementedError

    def key_of(self, taken: Taken) -> str:
        raise NotImplementedError

    def text_of(self, taken: Taken) -> str:
        raise NotImplementedError

    def hurry(self, provider: Provider) -> Provider:
        """Have it wait for answers for a blink only."""
        provider._wire._courier._timeout = 0.25  # type: ignore[attr-defined]
        return provider

    def arrived(self) -> list[str]:
        return [self.text_of(taken) for taken in self.gateway.accepted]

    def outcome(self, *steps: Any, provider: Provider | None = None) -> Outcome:
        """The outcome of one message when the gateway does `steps`."""
        self.gateway.will(*steps)
        ((_, outcome),) = (provider or self.provider()).send(iter([self.parcel()]))
        return outcome

    # --- Said no ----------------------------------------------------------------------------------

    def test_each_way_of_saying_no_is_understood(self) -> None:
        for reply, kind, reason in self.refusals:
            outcome = self.outcome(reply)
            assert type(outcome) is kind, f"{reply}: {outcome!r}"
            assert isinstance(outcome, Failure)
            assert (outcome.reason, bool(outcome.detail)) == (reason, True), reply
        assert self.arrived() == []

    def test_a_429_waits_as_long_as_it_says(self) -> None:
        outcome = self.outcome(Reply(429, body="slow down", headers={"Retry-After": "120"}))
        assert type(outcome) is RateLimited
        assert outcome.retry_after == timedelta(seconds=120)

    def test_a_429_may_name_a_date(self) -> None:
        outcome = self.outcome(Reply(429, body="slow down", headers={"Retry-After": "Wed, 04 Mar 2026 05:02:00 GMT"}))
        assert type(outcome) is RateLimited
        assert outcome.retry_after == timedelta(minutes=2)

    def test_a_429_that_names_no_time_leaves_it_to_us(self) -> None:
        for headers in ({}, {"Retry-After": "soon"}):
            outcome = self.outcome(Reply(429, body="slow down", headers=headers))
            assert type(outcome) is RateLimited
            assert outcome.retry_after is None

    def test_refused_credentials_are_about_the_account(self) -> None:
        for status in (401, 403):
            assert type(self.outcome(Reply(status, body="no"))) is AccountRefused

    def test_a_503_was_not_taken_and_is_tried_again(self) -> None:
        outcome = self.outcome(Reply(503, body="later", headers={"Retry-After": "30"}))
        assert type(outcome) is TemporaryFailure
        assert outcome.retry_after == timedelta(seconds=30)

    def test_a_redirect_is_not_followed(self) -> None:
        with Gateway(answer=self.answer, key_of=self.key_of) as other:
            outcome = self.outcome(Reply(307, body="there", headers={"Location": f"{other.address}/steal"}))
            assert other.taken == []
        assert isinstance(outcome, Failure)

    # --- Said nothing -----------------------------------------------------------------------------

    def test_a_500_leaves_it_unclear_and_is_not_repeated(self) -> None:
        for accepts in (False, True):
            assert type(self.outcome(Reply(500, body="oops", accepts=accepts))) is Uncertain
        assert len(self.gateway.taken) == 2

    def test_no_answer_leaves_it_unclear_whether_it_was_accepted_or_not(self) -> None:
        for accepts in (False, True):
            outcome = self.outcome(Silence(accepts), provider=self.hurry(self.provider()))
            assert type(outcome) is Uncertain
        assert len(self.gateway.taken) == 2

    def test_a_broken_connection_leaves_it_unclear_and_is_not_repeated(self) -> None:
        for step in (Hangup(), Hangup(accepts=False), Hangup(half=True)):
            assert type(self.outcome(step)) is Uncertain
        assert len(self.gateway.taken) == 3

    def test_a_connection_that_breaks_on_its_second_call_is_not_tried_again(self) -> None:
        self.gateway.will(Reply(), Hangup())
        provider = self.provider()
        first = list(provider.send(iter([self.parcel("a" * 32)])))
        second = list(provider.send(iter([self.parcel("b" * 32)])))
        assert [type(outcome) for _, outcome in first + second] == [Accepted, Uncertain]
        assert len(self.gateway.taken) == 2

    def test_an_answer_that_makes_no_sense_leaves_it_unclear(self) -> None:
        for reply in self.malformed:
            outcome = self.outcome(Reply(200, json=reply.json, body=reply.body or " "))
            assert type(outcome) is Uncertain, f"{reply}: {outcome!r}"

    def test_nobody_at_home_means_that_nothing_was_sent(self) -> None:
        with nobody() as address:
            assert type(self.outcome(provider=self.elsewhere(address))) is NeverSent

    def test_a_name_that_does_not_exist_means_that_nothing_was_sent(self) -> None:
        assert type(self.outcome(provider=self.elsewhere("http://gateway.invalid"))) is NeverSent

    # --- Many -------------------------------------------------------------------------------------

    def test_many_are_in_flight_at_once_and_share_their_connections(self) -> None:
        provider = self.provider()
        room = provider.traits.in_flight
        self.gateway.together(room)
        parcels = [self.parcel(f"{number:032x}", f"text {number}") for number in range(3 * room)]
        outcomes = list(provider.send(iter(parcels)))
        assert [outcome for _, outcome in outcomes if not isinstance(outcome, Accepted)] == []
        assert sorted(self.arrived()) == sorted(parcel.body for parcel in parcels)
        assert self.gateway.connections <= room

    def test_answers_come_in_any_order(self) -> None:
        held = threading.Event()
        keys = ["a" * 32, "b" * 32, "c" * 32]
        self.gateway.will(Reply(after=held), Reply(), Reply())
        answered: list[Parcel] = []
        for parcel, outcome in self.provider().send(iter([self.parcel(key, key[0]) for key in keys])):
            assert isinstance(outcome, Accepted)
            answered.append(parcel)
            if len(answered) == 2:
                held.set()
        assert sorted(parcel.key for parcel in answered) == keys
        assert answered[-1].body == self.text_of(self.gateway.taken[0])

    def test_one_that_fails_takes_no_other_along(self) -> None:
        self.gateway.will(Reply(), Reply(500, body="oops"), Hangup(), Reply(429, body="slow down"), Reply())
        outcomes = self.send(*(self.parcel(f"{number:032x}", f"text {number}") for number in range(5)))
        kinds = sorted(type(outcome).__name__ for _, outcome in outcomes)
        assert kinds == ["Accepted", "Accepted", "RateLimited", "Uncertain", "Uncertain"]


class ReceiptsContract:
    """
    For providers that report. `receipt` is a signed call that tells of the message `reference`; `forged` the same with
    a wrong signature, `unsigned` without one.
    """

    def provider(self) -> Provider:
        raise NotImplementedError

    def receipt(self, reference: str = "ref-1", *, delivered: bool = True) -> Call:
        raise NotImplementedError

    def forged(self, call: Call) -> Call:
        raise NotImplementedError

    def unsigned(self, call: Call) -> Call:
        raise NotImplementedError

    def test_a_receipt_names_its_message_and_its_state(self) -> None:
        (receipt,) = self.provider().hear(self.receipt(), now=AT).receipts
        assert (receipt.reference or receipt.key) == "ref-1"
        assert receipt.news == "delivered"
        assert receipt.raw

    def test_the_same_receipt_again_is_the_same_event(self) -> None:
        provider = self.provider()
        (first,), (again,) = (provider.hear(self.receipt(), now=AT).receipts for _ in range(2))
        assert first.event_id == again.event_id

    def test_receipts_in_any_order_are_told_apart(self) -> None:
        provider = self.provider()
        events = {
            provider.hear(self.receipt(reference, delivered=delivered), now=AT).receipts[0].event_id
            for reference in ("ref-2", "ref-1")
            for delivered in (True, False)
        }
        assert len(events) == 4

    def test_what_is_not_signed_by_the_gateway_is_refused(self) -> None:
        for call in (self.forged(self.receipt()), self.unsigned(self.receipt())):
            with pytest.raises(BadSignature):
                self.provider().hear(call, now=AT)

    def test_what_makes_no_sense_is_refused_not_a_crash(self) -> None:
        call = self.receipt()
        for body in (b"", b"{", b"[]", b"\xff\xfe", b"null", b"[[[["):
            with pytest.raises(Refused):
                self.provider().hear(Call(call.what, call.method, call.url, call.headers, {}, body), now=AT)
