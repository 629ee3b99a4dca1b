"""What nobody should send at the doors of email services: heard for what it can be, or refused, and never a crash."""

import json
from typing import Any

import pytest

from messaging.channels.base import Provider
from messaging.channels.calls import BadSignature, UnreadableCall, What
from messaging.channels.told import read_receipt, to_json
from messaging.providers.anymail.provider import AnymailProvider
from tests.messaging.providers.contract import AT
from tests.messaging.providers.test_anymail_hearing import KEY, SECRET, call

pytestmark = pytest.mark.filterwarnings("ignore:django-anymail has dropped official support for SendGrid")

KINDS = ("application/json", "text/plain", "application/x-www-form-urlencoded; charset=utf-7", "x; charset=\0")
DEEP = b"[" * 100_000 + b"]" * 100_000
ODD: list[Any] = [
    None, [], {}, "x", 7, True, 10**30, 1e308, "a\0b", "\ud83d", [[]], {"a": None}, "9" * 5_000,
    "0001-01-01T00:00:00+14:00",
]  # fmt: skip
EVENTS: dict[str, dict[str, Any]] = {
    "postmark": {
        "RecordType": "Bounce", "Type": "HardBounce", "ID": 1, "MessageID": "ref-1", "Email": "a@b.example",
        "BouncedAt": "2026-03-04T05:00:00Z", "Metadata": {"waymark_key": KEY}, "Details": "x", "Description": "y",
    },
    "brevo": {
        "event": "click", "email": "a@b.example", "ts_epoch": 1772600000000, "message-id": "ref-1", "link": "https://x/",
        "X-Mailin-custom": '{"waymark_key": "k"}', "tags": ["x"], "reason": "y",
    },
    "mailjet": {
        "event": "bounce", "time": 1772600000, "MessageID": 1, "email": "a@b.example", "Payload": "{}", "error": "x",
        "CustomID": "", "Message_GUID": "g", "hard_bounce": True,
    },
    "sparkpost": {
        "type": "bounce", "event_id": "1", "timestamp": "1772600000", "rcpt_to": "a@b.example", "rcpt_meta": {},
        "transmission_id": "1", "bounce_class": "10", "raw_reason": "x",
    },
    "sendgrid": {
        "event": "click", "timestamp": 1772600000, "email": "a@b.example", "sg_event_id": "1", "url": "https://x/",
        "anymail_id": "ref-1", "waymark_key": KEY, "useragent": "x", "reason": "x", "type": "bounce",
    },
}  # fmt: skip
WHOLE: dict[str, Any] = {
    "sparkpost": lambda event: [{"msys": {"message_event": event}}],
    "sendgrid": lambda event: [event],
}


def any_service(esp: str) -> Provider:
    settings = {
        "postmark": {"server_token": "k"}, "mailjet": {"api_key": "k", "secret_key": "s"},
        "mailgun": {"api_key": "k", "webhook_signing_key": "s"},
    }.get(esp, {"api_key": "k"})  # fmt: skip
    return AnymailProvider({"esp": esp, "settings": settings, "webhook_secret": SECRET})


@pytest.mark.parametrize("what", [What.RECEIPTS, What.INBOUND])
@pytest.mark.parametrize("esp", ["mailgun", *EVENTS])
def test_whatever_a_body_is_it_is_refused_or_heard(esp: str, what: What) -> None:
    for body in (b"", b"{}", b"[]", b"null", b"[null]", b"[{}]", b"{", b"\xff", DEEP, b'{"a":NaN}', b'"\\ud83d"', b"1"):
        for kind in KINDS:
            try:
                any_service(esp).hear(call(body, what, kind), now=AT)
            except (UnreadableCall, BadSignature):
                continue


@pytest.mark.parametrize(("esp", "name"), [(esp, name) for esp, event in EVENTS.items() for name in event])
def test_whatever_stands_in_a_field_it_is_refused_or_heard_and_can_be_kept(esp: str, name: str) -> None:
    for odd in ODD:
        whole = WHOLE.get(esp, dict)({**EVENTS[esp], name: odd})
        try:
            heard = any_service(esp).hear(call(json.dumps(whole).encode()), now=AT)
        except UnreadableCall:
            continue
        assert [read_receipt(to_json(receipt)).provider for receipt in heard.receipts] in ([], ["anymail"])


@pytest.mark.parametrize("esp", EVENTS)
def test_as_they_are_they_are_heard(esp: str) -> None:
    whole = WHOLE.get(esp, dict)(EVENTS[esp])
    assert len(any_service(esp).hear(call(json.dumps(whole).encode()), now=AT).receipts) == 1
