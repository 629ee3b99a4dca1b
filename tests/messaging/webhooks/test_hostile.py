"""
What nobody should send us, at every door that a key opens: never a crash, nothing lost beside it, and counted.

Each is signed as the provider would, since what is not signed gets no further than the signature.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
import time_machine
from django.test import Client

from crm.models import Ticket
from messaging.channels import registry
from messaging.models import ChannelSettings, InboundMessage, Message, ProviderCall, Receipt, RefusedCalls
from messaging.providers.twilio.hearing import signature
from tests.factories.crm import NOON
from tests.factories.messaging import MessageFactory

pytestmark = pytest.mark.django_db

SECRET = "a-shared-secret"
ACCOUNT = "AC" + "a" * 32
USER = "U" + "1" * 32
CONFIGS: dict[str, dict[str, Any]] = {
    "line": {"channel_access_token": "t", "channel_secret": SECRET},
    "twilio": {"account_sid": ACCOUNT, "auth_token": SECRET},
    "http_sms": {
        "url": "https://gateway.example/",
        "receipts": {
            "secret": SECRET, "reference": "id", "key": "key", "status": "status", "at": "at", "event_id": "event",
            "detail": "why", "states": {"DELIVRD": "delivered"},
        },
        "inbound": {"secret": SECRET, "from": "from", "text": "text", "id": "id", "at": "at", "to": "to"},
    },
}  # fmt: skip
DEEP = b"[" * 100_000 + b"]" * 100_000
NUL, HALF = "a\0b", "\ud83d"
LONG = "9" * 5_000

Door = Callable[..., Any]


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield
    registry._made.cache_clear()


def open_door(channel: str, provider: str) -> str:
    row, _ = ChannelSettings.objects.update_or_create(channel=channel, defaults={"provider": provider})
    row.config = CONFIGS[provider]
    row.save()
    return f"/hooks/messages/{row.hook_token}/"


# --- LINE -----------------------------------------------------------------------------------------


@pytest.fixture
def line(client: Client) -> Door:
    """Calls as LINE does, with events or a body."""
    path = open_door("line", "line")

    def knock(*events: Any, body: bytes | None = None) -> Any:
        raw = orjson.dumps({"destination": "Uxx", "events": list(events)}) if body is None else body
        digest = base64.b64encode(hmac.new(SECRET.encode(), raw, hashlib.sha256).digest()).decode()
        return client.post(path, raw, content_type="application/json", headers={"X-Line-Signature": digest})

    return knock


def said(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "type": "message", "timestamp": 1_772_600_000_000, "webhookEventId": f"event-{number}", "replyToken": "r",
        "source": {"type": "user", "userId": USER}, "message": {"id": "1", "type": "text", "text": "Hello"}, **more,
    }  # fmt: skip


class TestLine:
    @pytest.mark.parametrize(
        "body",
        [
            b"", b"[]", b"{}", b"null", b"\xff", b'{"events":{}}', b'{"events":[],"events":[]}', b'{"events":[NaN]}',
            DEEP, b'{"events":["\\ud83d"]}', b'{"events":["a\\u0000b"]}', b"[" * 200_000,
        ],
    )  # fmt: skip
    def test_a_body_that_makes_no_sense_is_refused_and_counted(self, line: Door, body: bytes) -> None:
        assert line(body=body).status_code == 400
        assert list(RefusedCalls.objects.values_list("channel", "code", "count")) == [("line", "invalid", 1)]
        assert not ProviderCall.objects.exists()

    @pytest.mark.parametrize(
        "event",
        [
            said(9, webhookEventId=None), said(9, timestamp="soon"), said(9, timestamp=2**62), said(9, timestamp=None),
            said(9, webhookEventId=["x"]),
        ],
    )  # fmt: skip
    def test_an_event_that_makes_no_sense_takes_no_other_with_it(self, line: Door, event: dict[str, Any]) -> None:
        assert line(said(1), event, said(2)).status_code == 200
        assert InboundMessage.objects.count() == 2
        assert list(RefusedCalls.objects.values_list("code", "count")) == [("invalid", 1)]

    @pytest.mark.parametrize(
        "message",
        [
            None, [], "text", {"type": "text"}, {"type": "text", "text": ["a"]}, {"type": ["text"]},
            {"type": "text", "text": 5},
            {"type": "location", "latitude": "x", "longitude": None}, {"type": "sticker", "keywords": {"a": 1}},
            {"type": "sticker", "keywords": [None, ["x"], {}]}, {"type": "file", "fileName": {"a": 1}},
            {"type": "image", "contentProvider": "line"}, {"type": "hologram"},
        ],
    )  # fmt: skip
    def test_whatever_a_message_is_made_of_it_is_kept(self, line: Door, message: Any) -> None:
        assert line(said(message=message)).status_code == 200
        assert ProviderCall.objects.get().fault == ""
        assert InboundMessage.objects.count() == 1

    @pytest.mark.parametrize(
        "event",
        [
            {"type": kind, "timestamp": 1, "webhookEventId": "e", "source": {"type": "user", "userId": USER}, **more}
            for kind, more in {
                "videoPlayComplete": {"videoPlayComplete": {}},
                "beacon": {"beacon": {"hwid": "d", "type": "enter"}}, "accountLink": {"link": {"result": "ok"}},
                "membership": {"membership": {"type": "joined"}}, "activated": {}, "deactivated": {},
                "botSuspended": {}, "module": {}, "things": {}, "delivery": {"delivery": {}}, "": {}, "unheard of": {},
            }.items()
        ]
        + [
            said(source={"type": "group", "groupId": "G", "userId": USER}), said(source={"type": "room"}),
            said(source=None), said(source=["user"]), said(source={"type": "user", "userId": 7}),
            {"type": "join", "source": {"type": "group", "groupId": "G"}}, {"type": "leave"}, {"type": "memberJoined"},
            {"type": "memberLeft"}, {}, None, 7, "event", [],
        ],
    )  # fmt: skip
    def test_what_is_not_said_to_us_is_taken_and_opens_nothing(self, line: Door, event: Any) -> None:
        assert line(event).status_code == 200
        assert not InboundMessage.objects.exists()
        assert not RefusedCalls.objects.exists()

    def test_one_event_twice_in_a_call_and_again_in_the_next_is_one(self, line: Door) -> None:
        again = said(deliveryContext={"isRedelivery": True})
        assert [line(said(), said()).status_code, line(again).status_code] == [200, 200]
        assert Ticket.objects.get().messages.count() == 1

    def test_a_thousand_friends_of_nobody_s_are_taken(self, line: Door) -> None:
        """Ids that are too long for anybody's are kept and filed under nobody."""
        assert line(said(source={"type": "user", "userId": "U" * 5_000})).status_code == 200
        assert (InboundMessage.objects.get().customer, ProviderCall.objects.get().fault) == (None, "")


# --- Twilio ---------------------------------------------------------------------------------------


@pytest.fixture
def twilio(client: Client, settings: Any) -> Door:
    settings.SITE_URL = "https://crm.shop.example"
    path = open_door("sms", "twilio")

    def knock(door: str, form: Any, *, query: str = "", body: bytes | None = None) -> Any:
        raw = urlencode(form, errors="surrogatepass").encode() if body is None else body
        given = {name: [value] for name, value in dict(form).items()}
        digest = signature(f"https://crm.shop.example{path}{door}/{query}", given, SECRET)
        kind = "application/x-www-form-urlencoded"
        return client.post(f"{path}{door}/{query}", raw, content_type=kind, headers={"X-Twilio-Signature": digest})

    return knock


class TestTwilio:
    @pytest.mark.parametrize(
        ("more", "code"),
        [
            ({}, 200), ({"SmsStatus": ""}, 200), ({"ErrorCode": LONG}, 200), ({"ErrorCode": "²"}, 200),
            ({"MessageStatus": "beamed"}, 200), ({"MessageStatus": "delivered", "ErrorCode": "-1"}, 200),
            ({"ErrorMessage": NUL}, 200), ({"ErrorMessage": "x" * 100_000}, 200),
            ({"MessageStatus": ""}, 400), ({"MessageSid": ""}, 400), ({"MessageSid": LONG}, 400),
        ],
    )  # fmt: skip
    def test_a_receipt_is_taken_or_refused(self, twilio: Door, more: dict[str, str], code: int) -> None:
        assert twilio("receipts", {"MessageSid": "SM1", "MessageStatus": "sent", **more}).status_code == code
        assert ProviderCall.objects.filter(fault="").count() == (code == 200)

    @pytest.mark.parametrize("count", ["0", "1", LONG, "-1", "x", "²", "10.5", ""])
    def test_a_text_with_so_many_pictures(self, twilio: Door, count: str) -> None:
        form = {"MessageSid": "SM1", "From": "+66812345678", "Body": "Hello", "NumMedia": count}
        assert twilio("inbound", form).status_code == 200
        assert InboundMessage.objects.get().body.startswith("Hello")

    @pytest.mark.parametrize("text", [NUL, "x" * 100_000, "\u202e\u200b", "😀" * 5_000])
    def test_a_text_of_anything(self, twilio: Door, text: str) -> None:
        assert twilio("inbound", {"MessageSid": "SM1", "From": "+66812345678", "Body": text}).status_code == 200
        assert ProviderCall.objects.get().fault == ""
        assert InboundMessage.objects.count() == 1

    @pytest.mark.parametrize("sender", ["AIS-Info", NUL, "+" + LONG, "whatsapp:+66812345678", "22655", "0"])
    def test_from_anybody(self, twilio: Door, sender: str) -> None:
        assert twilio("inbound", {"MessageSid": "SM1", "From": sender, "Body": "Hello"}).status_code == 200
        assert (InboundMessage.objects.count(), ProviderCall.objects.get().fault) == (1, "")

    @pytest.mark.parametrize("body", [b"", b"\xff", DEEP[:1000], b"a=1&" * 1_000, b"%", b"=&=&", b"{}"])
    def test_another_body_than_was_signed_is_refused(self, twilio: Door, body: bytes) -> None:
        form = {"MessageSid": "SM1", "MessageStatus": "sent"}
        assert twilio("receipts", form, body=body).status_code == 403
        assert RefusedCalls.objects.get().code == "bad_signature"

    @pytest.mark.parametrize("key", ["", "x", "0" * 32, "%00", LONG, "%ED%A0%80"])
    def test_any_key_in_the_address(self, twilio: Door, key: str) -> None:
        form = {"MessageSid": "SM1", "MessageStatus": "sent"}
        assert twilio("receipts", form, query=f"?key={key}").status_code == 200
        assert (Receipt.objects.get().message, ProviderCall.objects.get().fault) == (None, "")

    def test_the_key_of_another_channel_s_message_moves_nothing(self, twilio: Door) -> None:
        letter = MessageFactory(channel="email", state="sent", provider="anymail", provider_reference="<a@b>")
        form = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30005"}
        assert twilio("receipts", form, query=f"?key={letter.key}").status_code == 200
        assert (Message.objects.get().state, Receipt.objects.get().message) == ("sent", None)


# --- http_sms -------------------------------------------------------------------------------------


@pytest.fixture
def gateway(client: Client) -> Door:
    path = open_door("sms", "http_sms")

    def knock(door: str, body: Any = b"", *, content_type: str = "application/json", **query: str) -> Any:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        address = f"{path}{door}/?{urlencode({'token': SECRET, **query}, errors='surrogatepass')}"
        return client.post(address, raw, content_type=content_type)

    return knock


class TestGateway:
    @pytest.mark.parametrize("door", ["receipts", "inbound"])
    @pytest.mark.parametrize(
        "body",
        [
            b"", b"{}", b"[]", b"[[]]", b"null", b"[null]", b"\xff", b"{", DEEP, b"[" * 200_000, b'{"id":NaN}',
            b'{"id":1,"id":2}', b'{"id":"\\ud83d"}', b'{"id":"a\\u0000b"}', b"x=1", b"%ff=%ff", b"a=1&" * 300,
            b'{"status":["DELIVRD"],"id":"1","from":{"a":1}}', b'{"status":{},"id":[],"from":[]}',
            b"[" + b"{}," * 1_000 + b"{}]", b'{"id":1,"status":"DELIVRD","from":"1"},"x":{}',
            b"--b\r\nContent-Disposition: form-data; name=id\r\n\r\n1",
        ],
    )  # fmt: skip
    def test_a_body_that_makes_no_sense_is_refused_and_counted(self, gateway: Door, door: str, body: bytes) -> None:
        assert gateway(door, body).status_code == 400
        assert list(RefusedCalls.objects.values_list("channel", "code", "count")) == [("sms", "invalid", 1)]
        assert not ProviderCall.objects.exists()

    @pytest.mark.parametrize(
        "more",
        [
            {"at": "0001-01-01T00:00:00+14:00"}, {"at": "9999-12-31T23:59:59-12:00"}, {"at": 0}, {"at": -1},
            {"at": 2**62}, {"at": "9" * 400}, {"at": "1e400"}, {"at": "yesterday"}, {"at": [1]}, {"at": None},
            {"id": "x" * 5_000}, {"id": 1.5}, {"id": True}, {"id": -5}, {"event": "x" * 5_000}, {"why": "x" * 5_000},
            {"extra": {"a": [[[[[[[[[1]]]]]]]]]}}, {"key": "not a key"},
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("door", ["receipts", "inbound"])
    def test_odd_values_are_taken_for_what_they_can_be(self, gateway: Door, door: str, more: dict[str, Any]) -> None:
        said = {"id": "m-1", "status": "DELIVRD", "from": "+66812345678", "text": "Hello", **more}
        assert gateway(door, said).status_code == 200
        assert ProviderCall.objects.get().fault == ""
        assert Receipt.objects.count() + InboundMessage.objects.count() == 1
        for receipt in Receipt.objects.all():
            assert (receipt.occurred_at.year >= 2000, receipt.occurred_at <= NOON) == (True, True)

    def test_what_makes_no_sense_in_a_list_takes_nothing_with_it(self, gateway: Door) -> None:
        good = [{"id": f"m-{number}", "status": "DELIVRD"} for number in range(3)]
        bad = [{"id": "m-9"}, {"status": "DELIVRD"}, {"id": "m-8", "status": "ODD"}]
        assert gateway("receipts", [*good, *bad]).status_code == 200
        assert sorted(Receipt.objects.values_list("reference", flat=True)) == ["m-0", "m-1", "m-2"]
        assert list(RefusedCalls.objects.values_list("code", "count")) == [("invalid", 3)]

    def test_the_same_receipt_by_get_form_and_json_is_one(self, gateway: Door, client: Client) -> None:
        said = {"id": "m-1", "status": "DELIVRD"}
        form = "application/x-www-form-urlencoded"
        answers = [
            gateway("receipts", said), gateway("receipts", [said, said]), gateway("receipts", **said),
            gateway("receipts", urlencode(said).encode(), content_type=form),
            gateway("receipts", said, content_type="text/plain"), gateway("receipts", said, content_type="x;\0"),
        ]  # fmt: skip
        assert {answer.status_code for answer in answers} == {200}
        assert Receipt.objects.count() == 1

    def test_a_receipt_for_another_channel_s_message_moves_nothing(self, gateway: Door) -> None:
        letter = MessageFactory(channel="email", state="sent", provider="anymail", provider_reference="ref-1")
        assert gateway("receipts", {"id": "ref-1", "key": letter.key, "status": "DELIVRD"}).status_code == 200
        assert (Message.objects.get().state, Receipt.objects.get().message) == ("sent", None)
