"""Letters that come in through Brevo, which keeps what is attached."""

import json
from dataclasses import replace
from typing import Any

import pytest

from messaging.channels.calls import BadSignature, Call, FileThere, Refused, What
from tests.messaging.providers.contract import AT
from tests.messaging.providers.test_anymail_hearing import call, service

BREVO_LETTER: dict[str, Any] = {
    "Uuid": ["aaaa-bbbb"], "MessageId": "<m3@example.com>", "Subject": "Hi", "RawTextBody": "Hello",
    "RawHtmlBody": "<p>Hello</p>", "SentAtDate": "Wed, 4 Mar 2026 05:00:00 +0000",
    "Headers": {
        "From": "Ploy Dee <ploy@example.com>", "To": "t-1@reply.shop.example", "Subject": "Hi",
        "Message-ID": "<m3@example.com>", "References": "<a@x.example>", "Received": ["one", "two"],
        "Delivered-To": "t-1@reply.shop.example", "Return-Path": "<ploy@example.com>",
    },
    "Attachments": [
        {"Name": "ใบเสร็จ.pdf", "ContentType": "application/pdf", "ContentID": "", "DownloadToken": "tok/1"},
        {"Name": None, "ContentType": None, "ContentID": "<c@1>", "DownloadToken": "tok2"},
    ],
}  # fmt: skip


class TestBrevoLetters:
    def letter(self, **more: Any) -> Call:
        return call(json.dumps({"items": [{**BREVO_LETTER, **more}]}).encode(), What.INBOUND)

    def test_a_letter_is_read_and_its_files_are_left_where_they_are(self) -> None:
        (inbound,) = service("brevo").hear(self.letter(), now=AT).inbound
        assert (inbound.from_address, inbound.from_name) == ("ploy@example.com", "Ploy Dee")
        assert (inbound.to, inbound.subject) == ("t-1@reply.shop.example", "Hi")
        assert (inbound.message_id, inbound.body, inbound.html) == ("<m3@example.com>", "Hello", "<p>Hello</p>")
        assert inbound.references == ["<a@x.example>"]
        assert inbound.files == []
        assert inbound.files_there == [FileThere("tok/1", "ใบเสร็จ.pdf"), FileThere("tok2", "file")]

    @pytest.mark.parametrize("body", [b"{}", b"[]", b'{"items": [1]}', b"\xff", b'{"event": "opened"}'])
    def test_what_makes_no_sense_is_refused_not_a_crash(self, body: bytes) -> None:
        with pytest.raises(Refused):
            service("brevo").hear(call(body, What.INBOUND), now=AT)

    def test_without_the_secret_it_is_refused(self) -> None:
        with pytest.raises(BadSignature):
            service("brevo").hear(replace(self.letter(), headers={"content-type": "application/json"}), now=AT)
