"""The doors of providers: who comes in, what is kept, and what of it is never lost."""

import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
import time_machine
from django.db import OperationalError
from django.test import Client

from messaging.channels.base import News, ReceiptIn
from messaging.channels.calls import (
    BadSignature,
    Call,
    FileIn,
    Heard,
    InboundIn,
    NoSuchDoor,
    StaleCall,
    Thanks,
    UnreadableCall,
    What,
)
from messaging.models import ChannelSettings, InboundMessage, Message, ProviderCall, Receipt, RefusedCalls
from messaging.services import calls, retention
from tests.factories.crm import NOON
from tests.factories.messaging import MessageFactory
from tests.messaging.fakes import FakeProvider

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def fake(fake: type[FakeProvider], monkeypatch: pytest.MonkeyPatch) -> type[FakeProvider]:
    """Hears what `heard` says; `calls_heard` are what it was asked about."""
    fake.heard, fake.calls_heard = Heard(), []  # type: ignore[attr-defined]

    def hear(self: Any, call: Call, *, now: Any) -> Heard:
        fake.calls_heard.append(call)  # type: ignore[attr-defined]
        if isinstance(fake.heard, Exception):  # type: ignore[attr-defined]
            raise fake.heard  # type: ignore[attr-defined]
        return fake.heard  # type: ignore[attr-defined]

    monkeypatch.setattr(fake, "hear", hear)
    return fake


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


def token(channel: str = "sms") -> str:
    return ChannelSettings.objects.get(channel=channel).hook_token


def knock(client: Client, door: str = "", body: bytes = b"{}", **more: Any) -> Any:
    path = f"/hooks/messages/{more.pop('token', None) or token()}/{door}"
    return client.post(path, body, content_type="application/json", **more)


def delivered(message: Message, event_id: str = "e1", **more: Any) -> ReceiptIn:
    fields = {"key": message.key, "reference": "ref", **more}
    return ReceiptIn(provider="fake", event_id=event_id, news=News.DELIVERED, at=NOON, **fields)


def text(body: str = "Hello?", provider_id: str = "m1", **more: Any) -> InboundIn:
    return InboundIn(provider="fake", provider_id=provider_id, from_address="+66812345678", at=NOON, body=body, **more)


def problem(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


class TestWhatIsTaken:
    def test_a_receipt_moves_its_message_in_the_same_request(self, client: Client, fake: Any) -> None:
        message = MessageFactory(state="sent", provider="fake", wire_at=NOON)
        fake.heard = Heard(receipts=[delivered(message, raw={"status": "DELIVRD"})])
        answer = knock(client, "receipts/", b'{"id": 1}')
        assert (answer.status_code, answer.content) == (200, b"{}")
        assert Message.objects.get().state == "delivered"
        row = ProviderCall.objects.get()
        assert (bytes(row.body), row.what, row.channel, row.provider) == (b'{"id": 1}', "receipts", "sms", "fake")
        assert (row.received_at, row.processed_at, row.told, row.fault) == (NOON, NOON, {}, "")

    def test_a_text_is_filed_and_the_provider_thanked_in_its_own_words(self, client: Client, fake: Any) -> None:
        fake.heard = Heard(inbound=[text()], thanks=Thanks("<Response/>", "text/xml"))
        answer = knock(client, "inbound/")
        assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"<Response/>", "text/xml")
        assert InboundMessage.objects.get().body == "Hello?"

    def test_the_call_is_given_to_the_provider_as_it_was_addressed_to_us(
        self, client: Client, fake: Any, settings: Any
    ) -> None:
        settings.SITE_URL = "https://crm.shop.example"
        knock(client, "receipts/?key=a%20b", b"raw", headers={"X-Sign": "s"})
        (call,) = fake.calls_heard
        assert call.url == f"https://crm.shop.example/hooks/messages/{token()}/receipts/?key=a%20b"
        assert (call.what, call.method, call.body) == (What.RECEIPTS, "POST", b"raw")
        assert (call.query, call.headers["x-sign"]) == ({"key": "a b"}, "s")

    @pytest.mark.parametrize(("door", "what"), [("", "hook"), ("receipts/", "receipts"), ("inbound/", "inbound")])
    def test_each_door_is_told_apart_by_post_and_by_get(self, client: Client, fake: Any, door: str, what: str) -> None:
        knock(client, door)
        client.get(f"/hooks/messages/{token()}/{door}")
        assert [(call.what, call.method) for call in fake.calls_heard] == [(what, "POST"), (what, "GET")]

    def test_no_credential_is_kept(self, client: Client, fake: Any) -> None:
        channel = ChannelSettings.objects.get(channel="sms")
        channel.config = {"hook": {"secret": "s3cret"}}
        channel.save()
        knock(client, "receipts/?secret=s3cret&id=7", headers={"Authorization": "Basic czNjcmV0", "X-Key": "s3cret"})
        row = ProviderCall.objects.get()
        assert (row.query, row.headers) == ({"id": "7"}, {"content-type": "application/json"})

    def test_the_same_call_three_times_is_one_receipt_and_one_text(self, client: Client, fake: Any) -> None:
        message = MessageFactory(state="sent", provider="fake")
        fake.heard = Heard(receipts=[delivered(message)], inbound=[text()])
        assert [knock(client).status_code for _ in range(3)] == [200] * 3
        assert (Receipt.objects.count(), InboundMessage.objects.count(), ProviderCall.objects.count()) == (1, 1, 3)

    def test_text_that_no_database_takes_is_cleaned(self, client: Client, fake: Any) -> None:
        message = MessageFactory(state="sent", provider="fake")
        fake.heard = Heard(
            receipts=[delivered(message, detail="a\0b\ud800", raw={"k\0": ["\0", float("nan"), 1]})],
            inbound=[text("Hel\0lo", files=[FileIn("a.bin", "application/x", b"\0\xff")])],
        )
        assert knock(client, body=b"\0\xff").status_code == 200
        receipt = Receipt.objects.get()
        assert (receipt.detail, receipt.raw) == ("ab?", {"k": ["", None, 1]})
        assert InboundMessage.objects.get().body == "Hello"
        assert ProviderCall.objects.get().fault == ""

    def test_a_provider_that_first_asks_whether_anybody_is_there_is_told_so(self, client: Client, fake: Any) -> None:
        assert client.head(f"/hooks/messages/{token()}/").status_code == 200
        assert fake.calls_heard == []


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("refusal", "status", "code"),
        [
            (BadSignature(), 403, "bad_signature"),
            (StaleCall(), 403, "stale_timestamp"),
            (UnreadableCall("no MessageSid"), 400, "invalid"),
            (NoSuchDoor(), 404, "not_found"),
        ],
    )
    def test_nothing_is_kept_but_a_count(
        self, client: Client, fake: Any, refusal: Exception, status: int, code: str
    ) -> None:
        fake.heard = refusal
        assert [problem(knock(client, REMOTE_ADDR="203.0.113.9")) for _ in range(2)] == [(status, code)] * 2
        assert not ProviderCall.objects.exists()
        counted = RefusedCalls.objects.values_list("channel", "code", "count", "last_at", "last_from")
        assert list(counted) == [("sms", code, 2, NOON, "203.0.113.9")]

    def test_the_log_does_not_tell_the_token(self, client: Client, fake: Any, caplog: pytest.LogCaptureFixture) -> None:
        fake.heard = BadSignature()
        with caplog.at_level("INFO"):
            knock(client)
        assert caplog.messages == ["a call to the doors of sms was refused: bad_signature"]

    def test_an_unreadable_call_says_what_is_wrong(self, client: Client, fake: Any) -> None:
        fake.heard = UnreadableCall("no MessageSid")
        assert knock(client).json()["detail"] == "no MessageSid"

    def test_an_unknown_address_looks_like_a_door_that_a_provider_does_not_have(
        self, client: Client, fake: Any
    ) -> None:
        fake.heard = NoSuchDoor()
        unknown = [knock(client, token="guess"), knock(client, "other/"), knock(client, token="a%00b")]
        assert {answer.content for answer in unknown} == {knock(client).content}
        assert list(RefusedCalls.objects.order_by("channel").values_list("channel", "count")) == [("", 2), ("sms", 2)]

    def test_a_channel_without_its_provider_has_no_door(self, client: Client, fake: Any) -> None:
        ChannelSettings.objects.update(provider="gone")
        assert problem(knock(client)) == (404, "not_found")

    def test_a_body_of_more_than_256_kb_is_not_read(self, client: Client, fake: Any) -> None:
        assert knock(client, body=b"x" * 256 * 1024).status_code == 200
        assert problem(knock(client, body=b"x" * (256 * 1024 + 1))) == (413, "too_large")
        assert len(fake.calls_heard) == 1

    def test_a_letter_may_be_larger_a_receipt_not(self, client: Client, fake: Any) -> None:
        ChannelSettings.objects.filter(channel="email").update(provider="fake")
        letter = b"x" * 2 * 1024 * 1024
        assert knock(client, "inbound/", letter, token=token("email")).status_code == 200
        assert problem(knock(client, "receipts/", letter, token=token("email"))) == (413, "too_large")

    def test_a_chunked_body_without_end_is_left_at_the_limit(self, client: Client, fake: Any) -> None:
        class Endless(io.RawIOBase):
            given = 0

            def read(self, size: int = -1) -> bytes:
                self.given += size
                return b"x" * size

        stream = Endless()
        answer = client.generic(
            "POST", f"/hooks/messages/{token()}/", headers={"Transfer-Encoding": "chunked"},
            **{"wsgi.input": stream, "CONTENT_LENGTH": ""},
        )  # fmt: skip
        assert problem(answer) == (413, "too_large")
        assert stream.given <= 256 * 1024 + 1

    def test_an_address_of_too_many_parameters_is_refused(self, client: Client, fake: Any) -> None:
        query = "&".join(f"a{number}=1" for number in range(1_001))
        answer = client.get(f"/hooks/messages/{token()}/receipts/?{query}")
        assert problem(answer) == (400, "invalid")
        assert list(RefusedCalls.objects.values_list("code", "count")) == [("invalid", 1)]

    def test_other_methods_are_refused(self, client: Client, fake: Any) -> None:
        answer = client.put(f"/hooks/messages/{token()}/")
        assert (problem(answer), answer["Allow"]) == ((405, "method_not_allowed"), "GET, POST, HEAD")

    def test_when_we_fail_the_provider_is_to_come_again(self, client: Client, fake: Any) -> None:
        fake.heard = RuntimeError("a bug, with the token s3cret")
        answer = knock(client)
        assert problem(answer) == (500, "internal")
        assert "s3cret" not in answer.content.decode()
        fake.heard = OperationalError("no connection")
        answer = knock(client)
        assert (problem(answer), answer["Retry-After"]) == ((503, "db_unavailable"), "5")
        assert not ProviderCall.objects.exists()


class TestWhatFailsBehindTheDoor:
    def break_receiving(self, monkeypatch: pytest.MonkeyPatch, bad: str) -> None:
        real = calls.receive

        def receive(inbound: InboundIn, **more: Any) -> Any:
            if inbound.body == bad:
                raise RuntimeError("out of order")
            return real(inbound, **more)

        monkeypatch.setattr(calls, "receive", receive)

    def test_it_is_answered_200_kept_and_the_rest_is_worked_off(
        self, client: Client, fake: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        message = MessageFactory(state="sent", provider="fake")
        fake.heard = Heard(receipts=[delivered(message)], inbound=[text("poison", "m1"), text("Hello", "m2")])
        with monkeypatch.context() as patch:
            self.break_receiving(patch, "poison")
            assert knock(client).status_code == 200
        row = ProviderCall.objects.get()
        assert (row.processed_at, row.fault, row.attempts) == (None, "RuntimeError: out of order", 1)
        assert [told["provider_id"] for told in row.told["inbound"]] == ["m1"]
        assert Message.objects.filter(pk=message.pk, state="delivered").exists()
        assert list(InboundMessage.objects.values_list("body", flat=True)) == ["Hello"]

        assert calls.work_off_calls(now=NOON, limit=10) == 0  # not before its time
        assert calls.work_off_calls(now=NOON + MINUTE, limit=10) == 1
        row.refresh_from_db()
        assert (row.processed_at, row.fault, row.attempts, row.told) == (NOON + MINUTE, "", 2, {})
        assert set(InboundMessage.objects.values_list("body", flat=True)) == {"Hello", "poison"}
        assert calls.work_off_calls(now=NOON + timedelta(days=1), limit=10) == 0

    def test_it_is_tried_less_and_less_often_and_never_given_up(
        self, client: Client, fake: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.break_receiving(monkeypatch, "poison")
        fake.heard = Heard(inbound=[text("poison")])
        knock(client)
        waits, now = [], NOON
        for _ in range(8):
            row = ProviderCall.objects.get()
            waits.append((row.retry_at - now) // MINUTE)
            now = row.retry_at
            assert calls.work_off_calls(now=now, limit=10) == 1
        assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
        assert retention.forget_some(now=NOON + timedelta(days=90)).total() == 0
        assert ProviderCall.objects.get().told["inbound"][0]["body"] == "poison"

    def test_the_secret_may_have_changed_since(
        self, client: Client, fake: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            self.break_receiving(patch, "Hello?")
            fake.heard = Heard(inbound=[text()])
            knock(client)
        fake.heard = BadSignature()
        assert calls.work_off_calls(now=NOON + MINUTE, limit=10) == 1
        assert InboundMessage.objects.get().body == "Hello?"


class TestUnknownReferences:
    def test_they_are_kept_and_found_when_the_reference_is_learnt(self, client: Client, fake: Any) -> None:
        fake.heard = Heard(receipts=[ReceiptIn("fake", "e1", News.DELIVERED, NOON, reference="unheard-of")])
        assert knock(client, "receipts/").status_code == 200
        assert Receipt.objects.get().message is None

    def test_after_72_hours_they_are_orphans_and_after_30_days_forgotten(self, client: Client, fake: Any) -> None:
        fake.heard = Heard(receipts=[ReceiptIn("fake", "e1", News.DELIVERED, NOON, reference="unheard-of")])
        knock(client, "receipts/")
        assert Receipt.objects.orphaned(NOON + timedelta(hours=72)).count() == 0
        assert Receipt.objects.orphaned(NOON + timedelta(hours=72, seconds=1)).count() == 1
        retention.forget_some(now=NOON + timedelta(days=30, seconds=1))
        assert not Receipt.objects.exists()


def test_calls_are_deleted_after_thirty_days(client: Client, fake: Any) -> None:
    fake.heard = Heard(receipts=[delivered(MessageFactory(state="sent", provider="fake"))])
    knock(client, body=orjson.dumps({"a": 1}))
    assert retention.forget_some(now=NOON + timedelta(days=30)).total() == 0
    assert retention.forget_some(now=NOON + timedelta(days=30, seconds=1))["calls of providers"] == 1
    assert not ProviderCall.objects.exists()
    assert Receipt.objects.count() == 1  # it has a message
