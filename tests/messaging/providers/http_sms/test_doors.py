"""What a gateway tells us. No network: a call is a value."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from messaging.channels.base import News, ReceiptIn
from messaging.channels.calls import BadSignature, Call, Heard, NoSuchDoor, UnreadableCall, What
from messaging.providers.http_sms.provider import HttpSmsProvider

NOW = datetime(2026, 3, 4, 5, tzinfo=UTC)
SECRET = "a-shared-secret"
STATES = {"DELIVRD": "delivered", "EXPIRED": "undelivered", "REJECT_MKT": "blocked", "0": "sent"}
RECEIPTS = {"secret": SECRET, "reference": "message_id", "status": "status", "states": STATES}
INBOUND = {"secret": SECRET, "from": "from", "text": "text", "id": "id", "at": "at", "to": "to"}


def hear(call: Call, **config: Any) -> Heard:
    return HttpSmsProvider({"url": "https://gateway.example/", **config}).hear(call, now=NOW)


def told(data: Any, what: What = What.RECEIPTS, **query: str) -> Call:
    """A POST with JSON, showing the secret in its address."""
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    return Call(what, "POST", "https://shop.example/x", {}, {"token": SECRET, **query}, body)


def receipt(data: Any, **door: Any) -> ReceiptIn:
    (found,) = hear(told(data), receipts={**RECEIPTS, **door}).receipts
    return found


# --- Receipts -------------------------------------------------------------------------------------


def test_a_receipt_is_read_by_the_paths_of_the_settings() -> None:
    found = receipt(
        {"data": {"id": 17, "key": "our-key", "event": "e-1", "at": "2026-03-04T11:30:00+07:00", "why": "ok"}, "s": 0},
        reference="data.id", key="data.key", status="s", event_id="data.event", at="data.at", detail="data.why",
    )  # fmt: skip
    assert (found.provider, found.event_id, found.news) == ("http_sms", "e-1", News.SENT)
    assert (found.reference, found.key, found.detail) == ("17", "our-key", "ok")
    assert found.at == datetime(2026, 3, 4, 4, 30, tzinfo=UTC)
    assert found.raw["data"]["id"] == 17


def test_our_key_is_known_in_both_ways_that_a_request_may_have_named_it() -> None:
    for said in ("01a1ffdd9bce7278a54630166c962838", "01a1ffdd-9bce-7278-a546-30166c962838"):
        found = receipt({"ref": said, "status": "DELIVRD"}, reference=None, key="ref")
        assert found.key == "01a1ffdd9bce7278a54630166c962838"


@pytest.mark.parametrize(
    "call",
    [
        told({"message_id": "m-1", "status": "DELIVRD"}),
        told(urlencode({"message_id": "m-1", "status": "DELIVRD"}).encode()),
        told(b"", message_id="m-1", status="DELIVRD"),
        replace(told(b"", message_id="m-1", status="delivrd"), method="GET"),
        told({"status": "DELIVRD"}, message_id="m-1"),
    ],
)
def test_json_forms_and_addresses_are_read_alike(call: Call) -> None:
    (found,) = hear(call, receipts=RECEIPTS).receipts
    assert (found.reference, found.news) == ("m-1", News.DELIVERED)
    assert SECRET not in json.dumps(dict(found.raw))


def test_many_come_in_one_list() -> None:
    call = told([{"message_id": "a", "status": "DELIVRD"}, {"message_id": "b", "status": "REJECT_MKT"}])
    found = hear(call, receipts=RECEIPTS).receipts
    assert [(one.reference, one.news) for one in found] == [("a", News.DELIVERED), ("b", News.BLOCKED)]


def test_a_state_nobody_mapped_is_named() -> None:
    with pytest.raises(UnreadableCall, match=r"receipts.states does not know 'ODD'"):
        receipt({"message_id": "a", "status": "ODD"})


def test_among_many_a_state_nobody_mapped_does_not_hold_up_the_rest() -> None:
    call = told([{"message_id": "a", "status": "ODD"}, {"message_id": "b", "status": "DELIVRD"}])
    heard = hear(call, receipts=RECEIPTS)
    assert [one.reference for one in heard.receipts] == ["b"]
    assert heard.unread == ["receipts.states does not know 'ODD'"]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-03-04T04:00:00Z", NOW - timedelta(hours=1)),
        ("1772596800", NOW - timedelta(hours=1)),
        ("1772596800000", NOW - timedelta(hours=1)),
        ("2026-03-04 11:00:00", NOW),  # whose clock?
        ("2026-03-05T04:00:00Z", NOW),  # ahead of ours
        ("yesterday", NOW),
        ("9" * 300, NOW),
        ("", NOW),
    ],
)
def test_times_are_read_or_are_now(text: str, at: datetime) -> None:
    assert receipt({"message_id": "a", "status": "DELIVRD", "t": text}, at="t").at == at


def test_a_name_longer_than_its_column_is_shortened_alike_each_time() -> None:
    data = {"message_id": "a", "status": "DELIVRD", "e": "x" * 500}
    assert receipt(data, event_id="e").event_id == receipt(data, event_id="e").event_id
    assert len(receipt(data, event_id="e").event_id) == 64


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({"status": "DELIVRD"}, "receipts.reference: the receipt does not say whose it is"),
        ({"message_id": "a"}, "receipts.status: there is no status"),
        ({"message_id": "a", "status": ["DELIVRD"]}, "receipts.status: there is no status"),
        ([], "it says nothing"),
        ({}, "it says nothing"),
        (b"", "it says nothing"),
        ([1], "a list of something other than objects"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b"[" * 10_000, "nested more than 20 levels deep"),
        (b"\xff", "codec can't decode"),
        ([{"message_id": "a", "status": "DELIVRD"}] * 1001, "more than 1000 at once"),
        ("&".join(f"a{number}=1" for number in range(300)).encode(), "Max number of fields exceeded"),
    ],
)
def test_what_makes_no_sense_is_named(data: Any, fault: str) -> None:
    with pytest.raises(UnreadableCall, match=fault):
        hear(told(data), receipts=RECEIPTS)


# --- Inbound --------------------------------------------------------------------------------------


def test_a_text_is_read_by_the_paths_of_the_settings() -> None:
    call = told({"from": "66812345678", "text": "หยุด", "id": "t-1", "at": 1772596800, "to": "4567"}, What.INBOUND)
    heard = hear(call, inbound=INBOUND)
    (text,) = heard.inbound
    assert (text.provider, text.provider_id) == ("http_sms", "t-1")
    assert (text.from_address, text.body, text.to) == ("+66812345678", "หยุด", "4567")
    assert text.at == NOW - timedelta(hours=1)
    assert heard.receipts == ()


@pytest.mark.parametrize(
    ("sender", "read"),
    [("+66812345678", "+66812345678"), ("0812345678", "0812345678"), ("081 234 5678", "081 234 5678"),
     ("2015550123", "2015550123"), ("12015550123", "+12015550123"), ("MyBank", "MyBank")],
)  # fmt: skip
def test_numbers_get_the_plus_that_gateways_leave_out(sender: str, read: str) -> None:
    (text,) = hear(told({"from": sender, "text": "a"}, What.INBOUND), inbound=INBOUND).inbound
    assert text.from_address == read


def test_without_an_id_the_same_words_within_the_hour_are_the_same_text() -> None:
    def provider_id(words: str, minutes: int) -> str:
        call = told({"from": "0812345678", "text": words}, What.INBOUND)
        found = HttpSmsProvider({"url": "https://gateway.example/", "inbound": INBOUND})
        return found.hear(call, now=NOW + timedelta(minutes=minutes)).inbound[0].provider_id

    assert provider_id("yes", 0) == provider_id("yes", 59)
    assert len({provider_id("yes", 0), provider_id("no", 0), provider_id("yes", 60)}) == 3


# --- Who calls ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("door", "headers", "query"),
    [
        ({}, {}, {}),
        ({}, {}, {"token": ""}),
        ({}, {}, {"token": SECRET + "x"}),
        ({}, {}, {"token": "รหัสลับ\udcff"}),
        ({}, {"token": SECRET}, {"Token": SECRET}),
        ({"secret_in": "header:X-Token"}, {}, {"token": SECRET, "X-Token": SECRET}),
        ({"secret_in": "header:X-Token"}, {"x-token": SECRET.upper()}, {}),
    ],
)
def test_who_does_not_show_the_secret_is_refused(
    door: dict[str, str], headers: dict[str, str], query: dict[str, str]
) -> None:
    call = replace(told({"message_id": "a", "status": "DELIVRD"}), headers=headers, query=query)
    with pytest.raises(BadSignature):
        hear(call, receipts={**RECEIPTS, **door})


@pytest.mark.parametrize("algorithm", ["sha256", "sha512", "sha1"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_a_signature_covers_the_body_as_it_came(algorithm: str, encoding: str) -> None:
    door = {
        "secret": None,
        "hmac": {"header": "X-Signature", "secret": SECRET, "algorithm": algorithm, "encoding": encoding},
    }
    body = b'{"message_id": "a",  "status": "DELIVRD"}'
    digest = hmac.new(SECRET.encode(), body, getattr(hashlib, algorithm)).digest()
    shown = digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()
    call = replace(told(body), headers={"x-signature": shown}, query={})
    assert len(hear(call, receipts={**RECEIPTS, **door}).receipts) == 1
    prefixed = replace(call, headers={"x-signature": f"{algorithm}={shown}"})
    assert len(hear(prefixed, receipts={**RECEIPTS, **door}).receipts) == 1
    for forged in (
        replace(call, body=body + b" "),
        replace(call, headers={}),
        replace(call, headers={"x-signature": ""}),
    ):
        with pytest.raises(BadSignature):
            hear(forged, receipts={**RECEIPTS, **door})


def test_a_signature_says_nothing_of_the_address() -> None:
    door = {"secret": None, "hmac": {"header": "X-Signature", "secret": SECRET}}
    shown = hmac.new(SECRET.encode(), b"", hashlib.sha256).hexdigest()
    call = replace(told(b"", message_id="a", status="DELIVRD"), headers={"x-signature": shown})
    with pytest.raises(UnreadableCall, match="it says nothing"):
        hear(call, receipts={**RECEIPTS, **door})


@pytest.mark.parametrize("what", [What.HOOK, What.INBOUND])
def test_a_door_that_was_not_set_up_is_none(what: What) -> None:
    with pytest.raises(NoSuchDoor):
        hear(told({"message_id": "a", "status": "DELIVRD"}, what), receipts=RECEIPTS)
    with pytest.raises(NoSuchDoor):
        hear(told({}, What.RECEIPTS), inbound=INBOUND)
