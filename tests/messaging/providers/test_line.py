"""LINE, against a server that speaks its wire format, and against the checks of its own library."""

import base64
import hashlib
import hmac
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from django.test import Client
from linebot.v3.messaging import ImageMessage
from linebot.v3.webhook import SignatureValidator, WebhookParser

from messaging.channels import registry
from messaging.channels.base import (
    Accepted,
    AccountRefused,
    FileOut,
    Outcome,
    PermanentFailure,
    Provider,
    RateLimited,
    Uncertain,
)
from messaging.channels.calls import BadSignature, Call, FileThere, Kind, NoSuchDoor, Refused, UnreadableCall, What
from messaging.channels.reasons import Reason
from messaging.models import ChannelSettings, InboundMessage, ProviderCall, RefusedCalls
from messaging.providers.line import hearing
from messaging.providers.line.provider import LineProvider, split
from tests.messaging.providers.contract import AT
from tests.messaging.providers.gateway import Gateway, Hangup, Reply, Taken
from tests.messaging.providers.http_contract import HttpContract

SECRET = "the-channel-secret"
CONFIG = {"channel_access_token": "the-token", "channel_secret": SECRET}
USER = "U" + "4af4980629" * 3 + "ab"


def no(message: str, status: int = 400, **more: Any) -> Reply:
    """As LINE says no."""
    return Reply(status, json={"message": message, **more}, headers={"X-Line-Request-Id": "refused"})


BAD_TO = "The property, 'to', in the request body is invalid (line: -, column: -)"
QUOTA = "You have reached your monthly limit."


class TestSending(HttpContract):
    to = USER
    channel = "line"
    refusals = [
        (no(BAD_TO), PermanentFailure, Reason.UNKNOWN_ADDRESS),
        (
            no("The request body has 1 error(s)", details=[{"message": "May not be empty", "property": "to"}]),
            PermanentFailure,
            Reason.UNKNOWN_ADDRESS,
        ),
        (
            no("The request body has 1 error(s)", details=[{"message": "Size", "property": "messages[0].text"}]),
            PermanentFailure,
            Reason.REFUSED,
        ),
        (no("Failed to send messages"), PermanentFailure, Reason.REFUSED),
        (no("Authentication failed due to the following reason: expired", 401), AccountRefused, Reason.ACCOUNT_REFUSED),
        (no("Access to this API is not available for your account", 403), AccountRefused, Reason.ACCOUNT_REFUSED),
        (no(QUOTA, 429), RateLimited, Reason.RATE_LIMITED),
        (no("The API rate limit has been exceeded. Try again later.", 429), RateLimited, Reason.RATE_LIMITED),
        (no("not found", 404), Uncertain, Reason.NO_ANSWER),
    ]

    def elsewhere(self, address: str) -> Provider:
        return LineProvider({**CONFIG, "api_url": address})

    def answer(self, taken: Taken) -> Reply:
        number = self.key_of(taken) or f"reply-{len(self.gateway.taken)}"
        sent = [{"id": str(461230966842064897), "quoteToken": "q"}]
        return Reply(json={"sentMessages": sent}, headers={"X-Line-Request-Id": number})

    def key_of(self, taken: Taken) -> str:
        return taken.headers.get("x-line-retry-key", "")

    def text_of(self, taken: Taken) -> str:
        return "".join(message["text"] for message in taken.json["messages"])

    def test_the_request_is_what_the_messaging_api_wants(self) -> None:
        parcel = self.parcel()
        ((_, outcome),) = self.send(parcel)
        (taken,) = self.gateway.taken
        assert (taken.method, taken.path) == ("POST", "/v2/bot/message/push")
        assert taken.headers["authorization"] == "Bearer the-token"
        assert taken.json == {"to": USER, "messages": [{"type": "text", "text": "Hello"}]}
        key = uuid.UUID(taken.headers["x-line-retry-key"])
        assert (key.version, key) == (5, uuid.uuid5(uuid.NAMESPACE_OID, parcel.key))
        assert outcome == Accepted(str(key))

    def test_a_conflict_says_that_it_was_accepted_before(self) -> None:
        headers = {"X-Line-Request-Id": "second", "X-Line-Accepted-Request-Id": "first"}
        reply = Reply(409, json={"message": "The retry key is already accepted"}, headers=headers)
        assert self.outcome(reply) == Accepted("first")

    def test_a_used_up_month_is_not_a_matter_of_a_second(self) -> None:
        outcome = self.outcome(no(QUOTA, 429))
        assert isinstance(outcome, RateLimited)
        assert outcome.retry_after == timedelta(hours=1)
        assert QUOTA in outcome.detail

    def test_a_long_text_goes_as_several_in_one_call(self) -> None:
        body = "\n".join(["ก" * 4_000] * 3)
        self.send(self.parcel(body=body))
        (taken,) = self.gateway.taken
        assert [message["text"] for message in taken.json["messages"]] == ["ก" * 4_000] * 3

    def test_pictures_are_shown_and_other_files_are_only_in_the_text(self) -> None:
        picture = FileOut("leak.png", "image/png", 900, "", "https://shop.example/f/1/", is_shown=True)
        bill = FileOut("bill.pdf", "application/pdf", 900, "", "https://shop.example/f/2/")
        self.send(replace(self.parcel(), files=(picture, bill)))
        (taken,) = self.gateway.taken
        assert taken.json["messages"] == [
            {"type": "text", "text": "Hello"},
            {"type": "image", "originalContentUrl": picture.url, "previewImageUrl": picture.url},
        ]
        assert ImageMessage.from_dict(taken.json["messages"][1]).original_content_url == picture.url

    def test_more_texts_and_pictures_than_a_call_takes_are_refused(self) -> None:
        picture = FileOut("leak.png", "image/png", 900, "", "https://shop.example/f/1/", is_shown=True)
        ((_, outcome),) = self.send(replace(self.parcel(body="x" * 5_001), files=(picture,) * 4))
        assert isinstance(outcome, PermanentFailure)
        assert self.gateway.taken == []

    def test_what_fits_into_no_call_is_refused_and_nothing_leaves(self) -> None:
        ((_, outcome),) = self.send(self.parcel(body="x" * 25_001))
        assert isinstance(outcome, PermanentFailure)
        assert self.gateway.taken == []


@pytest.fixture
def line() -> Iterator[Gateway]:
    def answer(taken: Taken) -> Reply:
        return Reply(json={"sentMessages": []}, headers={"X-Line-Request-Id": f"request-{len(gateway.taken)}"})

    with Gateway(answer=answer) as gateway:
        yield gateway


def replied(gateway: Gateway, *steps: Any) -> tuple[Outcome, list[str]]:
    """The outcome of an answer to what somebody wrote, and what was called."""
    gateway.will(*steps)
    case = TestSending()
    parcel = replace(case.parcel(), reply_token="token-1")
    ((_, outcome),) = LineProvider({**CONFIG, "api_url": gateway.address}).send(iter([parcel]))
    return outcome, [taken.path.rpartition("/")[2] for taken in gateway.taken]


USED = no("Invalid reply token")


def test_an_answer_goes_by_its_reply_token(line: Gateway) -> None:
    assert replied(line) == (Accepted("request-1"), ["reply"])
    (taken,) = line.taken
    assert taken.json == {"replyToken": "token-1", "messages": [{"type": "text", "text": "Hello"}]}
    assert "x-line-retry-key" not in taken.headers  # replies with one are refused


def test_a_token_that_is_too_old_is_no_reason_to_say_nothing(line: Gateway) -> None:
    assert replied(line, USED) == (Accepted("request-2"), ["reply", "push"])


@pytest.mark.parametrize("lost", [Hangup(), Reply(500, accepts=True)])
def test_a_reply_whose_answer_was_lost_is_not_pushed_besides(line: Gateway, lost: Any) -> None:
    outcome, calls = replied(line, lost, USED)
    assert (outcome, calls) == (Accepted(f"reply-{TestSending().parcel().key}"), ["reply", "reply"])


def test_a_reply_that_was_lost_on_the_way_is_made_again(line: Gateway) -> None:
    assert replied(line, Hangup(accepts=False)) == (Accepted("request-2"), ["reply", "reply"])


def test_two_lost_answers_leave_it_unclear(line: Gateway) -> None:
    outcome, calls = replied(line, Hangup(), Hangup())
    assert (type(outcome), calls) == (Uncertain, ["reply", "reply"])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", [""]),
        ("x" * 5_000, ["x" * 5_000]),
        ("x" * 5_001, ["x" * 5_000, "x"]),
        ("x" * 4_999 + "😀", ["x" * 4_999, "😀"]),
        ("x" * 4_000 + " " + "y" * 4_000, ["x" * 4_000, "y" * 4_000]),
        (" " + "x" * 5_000, [" " + "x" * 4_999, "x"]),
        (" " * 5_001, [" " * 5_000, " "]),
    ],
)
def test_texts_are_split_where_line_counts(text: str, parts: list[str]) -> None:
    assert split(text) == parts


# --- Events ---------------------------------------------------------------------------------------


def event(kind: str = "message", number: int = 1, source: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """As LINE's documentation shows it."""
    shared = {
        "type": kind, "mode": "active", "timestamp": 1462629479859,
        "webhookEventId": f"01FZ74A0TDDPYRVKNK77XKC3Z{number}",
        "source": source or {"type": "user", "userId": USER}, "deliveryContext": {"isRedelivery": False},
    }  # fmt: skip
    if kind in ("message", "follow"):
        shared["replyToken"] = "nHuyWiB7yP5Zw52FIkcQobQuGDXCTA"
    if kind == "message":
        shared["message"] = {"id": "444573844083572737", "type": "text", "quoteToken": "q3Plxr4AgKd", "text": "Hello"}
    return {**shared, **more}


def call(*events: Any, secret: str = SECRET, what: What = What.HOOK, body: bytes | None = None) -> Call:
    raw = orjson.dumps({"destination": "Uxx", "events": list(events)}) if body is None else body
    signature = base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()
    return Call(what, "POST", "https://x/hooks/messages/t/", {"x-line-signature": signature}, {}, raw)


def heard(*events: Any) -> Any:
    return LineProvider(CONFIG).hear(call(*events), now=AT).inbound


class TestEvents:
    def test_a_text(self) -> None:
        (inbound,) = heard(event())
        assert (inbound.provider, inbound.provider_id) == ("line", "01FZ74A0TDDPYRVKNK77XKC3Z1")
        assert (inbound.from_address, inbound.body, inbound.kind) == (USER, "Hello", Kind.WROTE)
        assert inbound.at == datetime(2016, 5, 7, 13, 57, 59, 859_000, tzinfo=UTC)
        assert inbound.reply_token == "nHuyWiB7yP5Zw52FIkcQobQuGDXCTA"

    @pytest.mark.parametrize(
        ("message", "body"),
        [
            ({"type": "sticker", "packageId": "1", "stickerId": "2", "keywords": ["hi", "wave", "a", "b"]},
             "[sticker: hi wave a]"),
            ({"type": "sticker", "packageId": "1", "stickerId": "2"}, "[sticker]"),
            ({"type": "image", "contentProvider": {"type": "external"}}, "[image]"),
            ({"type": "video", "duration": 60000, "contentProvider": {"type": "external"}}, "[video]"),
            ({"type": "audio", "id": ""}, "[audio]"),
            ({"type": "file", "fileName": "receipt.pdf", "fileSize": 2138, "id": ""}, "[file] receipt.pdf"),
            ({"type": "location", "title": "Shop", "address": "Silom", "latitude": 13.7, "longitude": 100.5},
             "[location] Shop Silom 13.7, 100.5"),
            ({"type": "location", "latitude": "x"}, "[location]"),
            ({}, ""),
        ],
    )  # fmt: skip
    def test_other_things_are_named(self, message: dict[str, Any], body: str) -> None:
        (inbound,) = heard(event(message={"id": "1", **message}))
        assert inbound.body == body

    @pytest.mark.parametrize(
        ("message", "there"),
        [
            ({"type": "image", "contentProvider": {"type": "line"}}, [FileThere("77", "image")]),
            ({"type": "video"}, [FileThere("77", "video")]),
            ({"type": "audio"}, [FileThere("77", "audio")]),
            ({"type": "file", "fileName": "receipt.pdf"}, [FileThere("77", "receipt.pdf")]),
            ({"type": "image", "contentProvider": {"type": "external", "originalContentUrl": "http://10.0.0.1/"}}, []),
            ({"type": "image", "id": "../../profile/U1"}, []),
            ({"type": "image", "id": None}, []),
            ({"type": "text", "text": "hi"}, []),
            ({"type": "sticker"}, []),
        ],
    )
    def test_what_line_keeps_is_to_be_fetched(self, message: dict[str, Any], there: list[FileThere]) -> None:
        (inbound,) = heard(event(message={"id": "77", **message}))
        assert inbound.files_there == there
        assert (inbound.body == "") == bool(there)

    def test_following_leaving_and_a_button(self) -> None:
        events = heard(
            event("follow", 1), event("unfollow", 2), event("postback", 3, postback={"data": "action=order"})
        )
        assert [(inbound.kind, inbound.body) for inbound in events] == [
            (Kind.FOLLOWED, ""), (Kind.LEFT, ""), (Kind.WROTE, "action=order"),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "ignored",
        [
            event(source={"type": "group", "groupId": "C1"}),
            event(source={"type": "group", "groupId": "C1", "userId": USER}),
            event(source={"type": "room", "roomId": "R1"}),
            event(source={"type": "user"}),
            event("join", source={"type": "group", "groupId": "C1"}),
            event("something new"),
            "no event",
        ],
    )
    def test_what_is_not_said_to_us_is_left_out(self, ignored: Any) -> None:
        assert [inbound.body for inbound in heard(ignored, event())] == ["Hello"]

    def test_the_console_s_verify_is_answered(self) -> None:
        assert heard() == []

    @pytest.mark.parametrize(
        "broken",
        [event(webhookEventId=""), event(timestamp="now"), event(timestamp=10**18), event(timestamp=-(10**18))],
    )
    def test_an_event_without_its_fields_makes_no_sense(self, broken: dict[str, Any]) -> None:
        with pytest.raises(UnreadableCall):
            heard(broken)

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"[[[[", b"{}", b'{"events": {}}'])
    def test_what_makes_no_sense_is_refused_not_a_crash(self, body: bytes) -> None:
        with pytest.raises(Refused):
            LineProvider(CONFIG).hear(call(body=body), now=AT)


class TestSignatures:
    """`SignatureValidator` and `WebhookParser` of LINE's library are the other side."""

    def test_the_library_reads_what_we_read(self) -> None:
        ours = call(event(), event("follow", 2))
        signature, body = ours.headers["x-line-signature"], ours.body.decode()
        assert SignatureValidator(SECRET).validate(body, signature)
        theirs = WebhookParser(SECRET).parse(body, signature)
        assert [it.webhook_event_id for it in theirs] == [
            it.provider_id for it in hearing.hear(ours, channel_secret=SECRET).inbound
        ]

    def test_ours_is_accepted_by_the_library(self) -> None:
        body = '{"events": [], "x": "สวัสดี"}'
        assert SignatureValidator(SECRET).validate(body, hearing.signature(body.encode(), SECRET))

    @pytest.mark.parametrize(
        "broken", [{"headers": {}}, {"headers": {"x-line-signature": "ü"}}, {"body": b'{"events": [] }'}]
    )
    def test_one_thing_changed_is_refused(self, broken: dict[str, Any]) -> None:
        with pytest.raises(BadSignature):
            LineProvider(CONFIG).hear(replace(call(event()), **broken), now=AT)

    def test_another_channel_s_is_refused(self) -> None:
        with pytest.raises(BadSignature):
            LineProvider(CONFIG).hear(call(event(), secret="another"), now=AT)

    def test_there_is_no_door_for_receipts(self) -> None:
        with pytest.raises(NoSuchDoor):
            LineProvider(CONFIG).hear(call(event(), what=What.RECEIPTS), now=AT)


@pytest.mark.parametrize(
    ("config", "paths"),
    [
        (CONFIG, []),
        ({}, ["channel_access_token", "channel_secret"]),
        ({**CONFIG, "channel_secret": ""}, ["channel_secret"]),
        ({**CONFIG, "colour": "red"}, ["colour"]),
    ],
)
def test_settings_are_checked(config: dict[str, Any], paths: list[str]) -> None:
    assert [fault.path for fault in LineProvider.check(config)] == paths


# --- At the door ----------------------------------------------------------------------------------


@pytest.fixture
def door(db: None) -> Iterator[str]:
    """The address that is entered in the LINE Developers console."""
    row = ChannelSettings(channel="line", provider="line")
    row.config = CONFIG
    row.save()
    yield f"/hooks/messages/{row.hook_token}/"
    registry._made.cache_clear()


def knock(client: Client, door: str, sent: Call) -> Any:
    headers = {"X-Line-Signature": sent.headers["x-line-signature"]}
    return client.post(door, sent.body, content_type="application/json; charset=utf-8", headers=headers)


def test_a_redelivered_event_is_one_message(client: Client, door: str) -> None:
    again = event(deliveryContext={"isRedelivery": True})
    assert [knock(client, door, call(it)).status_code for it in (event(), again)] == [200, 200]
    row = InboundMessage.objects.get()
    assert (row.body, row.channel, row.from_address) == ("Hello", "line", USER)
    assert row.customer is not None
    assert row.customer.line_id == USER


def test_verify_is_answered_200(client: Client, door: str) -> None:
    assert knock(client, door, call()).status_code == 200
    assert not InboundMessage.objects.exists()


def test_a_wrong_signature_is_refused_and_counted(client: Client, door: str) -> None:
    answer = knock(client, door, call(event(), secret="another"))
    assert (answer.status_code, answer.json()["code"]) == (403, "bad_signature")
    assert (RefusedCalls.objects.get().count, ProviderCall.objects.count()) == (1, 0)
