"""Letters as the world writes them, and as somebody writes them who means us harm."""

import base64
import hashlib
import hmac
import time

import pytest
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from messaging.channels.calls import Call, InboundIn, Refused, UnreadableCall, What
from messaging.providers.anymail.provider import AnymailProvider
from tests.messaging.providers.contract import AT

SIGNING_KEY = "mailgun-signing-key"
THAI = "สวัสดีค่ะ"
HEAD = b"From: Ploy <ploy@example.com>\r\nTo: hello@shop.example\r\nSubject: Hi\r\nMessage-ID: <m1@example.com>\r\n"


def form(**texts: str) -> dict[str, str]:
    timestamp, token = str(int(AT.timestamp())), "a" * 50
    digest = hmac.new(SIGNING_KEY.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {"timestamp": timestamp, "token": token, "signature": digest, "recipient": "hello@shop.example", **texts}


def heard(raw: bytes, sender: str = "ploy@example.com") -> InboundIn:
    """`raw` as Mailgun hands it over: a whole letter as one text of a form."""
    body = encode_multipart(BOUNDARY, form(**{"body-mime": "@letter@", "sender": sender}))
    sent = Call(
        What.INBOUND, "POST", "https://x/hooks/", {"content-type": MULTIPART_CONTENT}, {},
        body.replace(b"@letter@", raw),
    )  # fmt: skip
    provider = AnymailProvider({"esp": "mailgun", "settings": {"api_key": "k", "webhook_signing_key": SIGNING_KEY}})
    (inbound,) = provider.hear(sent, now=AT).inbound
    return inbound


def with_part(head: bytes, content: bytes = b"hi") -> bytes:
    return b"".join(
        [
            HEAD, b"Content-Type: multipart/mixed; boundary=bb\r\n\r\n",
            b"--bb\r\nContent-Type: text/plain\r\n\r\nHello\r\n",
            b"--bb\r\n", head, b"\r\n\r\n", content, b"\r\n--bb--\r\n",
        ]
    )  # fmt: skip


def attached(name: bytes, kind: bytes = b"image/png") -> bytes:
    return b"Content-Type: " + kind + b"\r\nContent-Disposition: attachment; " + name


class TestThai:
    @pytest.mark.parametrize("really", ["cp874", "utf-8"])
    @pytest.mark.parametrize("declared", ["tis-620", "windows-874", "iso-8859-11", "utf-8", "us-ascii", "x-klingon"])
    def test_a_text_is_read_whatever_it_says_that_it_is(self, declared: str, really: str) -> None:
        kind = f"Content-Type: text/plain; charset={declared}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        assert heard(HEAD + kind.encode() + THAI.encode(really)).body == THAI

    @pytest.mark.parametrize(("charset", "codec"), [("tis-620", "cp874"), ("windows-874", "cp874"), ("utf-8", "utf-8")])
    def test_headers_are_decoded(self, charset: str, codec: str) -> None:
        word = f"=?{charset}?B?{base64.b64encode(THAI.encode(codec)).decode()}?="
        inbound = heard(f"From: {word} <ploy@example.com>\r\nSubject: {word}\r\n\r\nhi".encode())
        assert (inbound.from_address, inbound.from_name, inbound.subject) == ("ploy@example.com", THAI, THAI)

    @pytest.mark.parametrize("codec", ["cp874", "utf-8"])
    def test_even_where_nobody_encoded_them(self, codec: str) -> None:
        inbound = heard(f"From: {THAI} <ploy@example.com>\r\nSubject: {THAI}\r\n\r\nhi".encode(codec))
        assert (inbound.from_name, inbound.subject) == (THAI, THAI)

    @pytest.mark.parametrize(
        "name",
        [
            b"filename*=utf-8''%E0%B9%83%E0%B8%9A.png",
            b"filename*=windows-874''%E3%BA.png",
            b"filename*0*=utf-8''%E0%B9%83; filename*1*=%E0%B8%9A; filename*2=.png",
            b'filename="=?windows-874?B?47o=?=.png"',
        ],
    )
    def test_names_of_files_are(self, name: bytes) -> None:
        assert [file.name for file in heard(with_part(attached(name))).files] == ["ใบ.png"]


class TestSenders:
    @pytest.mark.parametrize(
        ("head", "address"),
        [
            (b"From: nok@example.com, ploy@example.com\r\n", "nok@example.com"),
            (b"From: nok@example.com\r\nFrom: ploy@example.com\r\n", "nok@example.com"),
            (b"Subject: none\r\n", "bounce@mx.example"),
            (b"From: <>\r\n", "bounce@mx.example"),
            (b"From: undisclosed-recipients:;\r\n", "bounce@mx.example"),
            (b"From: MAILER-DAEMON (Mail Delivery)\r\n", "bounce@mx.example"),
            (b"From: a\0b <a\0@x.example>\r\n", "bounce@mx.example"),
            (b"From: " + b"(" * 20_000 + b"\r\n", "bounce@mx.example"),
        ],
    )
    def test_the_first_that_makes_sense_else_the_envelope_s(self, head: bytes, address: str) -> None:
        assert heard(head + b"\r\nhi", sender="bounce@mx.example").from_address == address

    def test_a_letter_of_nobody_is_no_reason_to_lose_it(self) -> None:
        inbound = heard(b"Subject: none\r\n\r\nhi", sender="")
        assert (inbound.from_address, inbound.body, inbound.is_automatic) == ("", "hi", True)

    @pytest.mark.parametrize("sender", ["no-reply", "noreply", "do-not-reply", "MAILER-DAEMON", "bounce+x=y"])
    def test_machines_by_their_names(self, sender: str) -> None:
        assert heard(f"From: {sender}@x.example\r\n\r\nhi".encode()).is_automatic is True

    @pytest.mark.parametrize("sender", ["replynow", "postmasters", "bouncer", "ploy.noreply"])
    def test_and_people_who_are_only_called_so(self, sender: str) -> None:
        assert heard(f"From: {sender}@x.example\r\n\r\nhi".encode()).is_automatic is False


class TestContents:
    @pytest.mark.parametrize(
        ("head", "name", "kind"),
        [
            (b"Content-Type: text/calendar; method=REQUEST", "invite.ics", "text/calendar"),
            (b"Content-Type: application/pdf; name=a.pdf", "a.pdf", "application/pdf"),
            (b"Content-Type: message/rfc822", "message.eml", "message/rfc822"),
            (attached(b"filename=d.txt", b"message/delivery-status"), "d.txt", "message/delivery-status"),
            (attached(b"filename=winmail.dat", b"application/ms-tnef"), "winmail.dat", "application/ms-tnef"),
            (b"Content-Type: text/plain; name=notes.txt", "notes.txt", "text/plain"),
            (b"Content-Type: image/png\r\nContent-Disposition: inline", "", "image/png"),
        ],
    )
    def test_whatever_is_not_said_is_a_file(self, head: bytes, name: str, kind: str) -> None:
        inbound = heard(with_part(head, b"Subject: old\r\n\r\nold"))
        assert inbound.body == "Hello"
        assert [(file.name, file.content_type) for file in inbound.files] == [(name, kind)]
        assert b"old" in inbound.files[0].content

    def test_what_cannot_be_made_out_is_empty(self) -> None:
        whole = HEAD + b"Content-Type: image/png\r\nContent-Transfer-Encoding: x-nonsense\r\n\r\n"
        assert [file.content for file in heard(whole).files] == [b""]

    def test_words_behind_a_picture_are_words(self) -> None:
        inbound = heard(with_part(b"Content-Type: text/plain", b"And more"))
        assert (inbound.body, inbound.files) == ("Hello\nAnd more", [])

    def test_a_letter_in_a_letter_does_not_speak_for_it(self) -> None:
        inner = HEAD + b"Content-Type: text/plain\r\n\r\nold words"
        inbound = heard(HEAD + b"Content-Type: message/rfc822\r\n\r\n" + inner)
        assert (inbound.body, len(inbound.files)) == ("", 1)

    @pytest.mark.parametrize("raw", [b"", HEAD + b"\r\n", HEAD])
    def test_an_empty_letter_is_one(self, raw: bytes) -> None:
        assert heard(raw).body == ""

    def test_html_alone_is_html(self) -> None:
        page = b"Content-Type: text/html; charset=windows-874\r\n\r\n<p>" + THAI.encode("cp874")
        assert (heard(HEAD + page).body, heard(HEAD + page).html) == ("", f"<p>{THAI}")


MANY = 100_000


class TestHarm:
    @pytest.mark.parametrize(
        "head",
        [
            b"Message-ID: <" + b"a" * 1_000_000 + b"@x>\r\n",
            b"References: " + b" ".join(b"<a%d@x>" % number for number in range(MANY)) + b"\r\n",
            b"References: " + b"\r\n ".join(b"<a%d@x>" % number for number in range(MANY)) + b"\r\n",
            b"Subject: " + b"=?utf-8?q?a?= " * MANY + b"\r\n",
            b"To: " + b", ".join(b"a%d@x.example" % number for number in range(MANY)) + b"\r\n",
            b"Content-Type: text/plain" + b"".join(b"; a%d=b" % number for number in range(MANY)) + b"\r\n",
            b"X-A: b\r\n" * MANY,
        ],
    )
    def test_endless_headers_are_read_as_far_as_anybody_would(self, head: bytes) -> None:
        began = time.process_time()
        assert heard(b"From: ploy@example.com\r\n" + head + b"\r\nhi").body == "hi"
        assert time.process_time() - began < 3

    def test_of_references_the_newest_are_read(self) -> None:
        names = [f"<a{number}@x>" for number in range(MANY)]
        inbound = heard(HEAD + f"References: {' '.join(names)}\r\n\r\nhi".encode())
        assert list(inbound.references) == names[-len(inbound.references) :]
        assert len(inbound.references) > 50

    @pytest.mark.parametrize(
        "raw",
        [
            HEAD + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(1_000)),
            HEAD + b"Content-Type: message/rfc822\r\n\r\n" * 1_000,
            HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 20_000,
        ],
    )  # fmt: skip
    def test_a_letter_that_nobody_could_have_written_is_refused(self, raw: bytes) -> None:
        began = time.process_time()
        with pytest.raises(UnreadableCall):
            heard(raw)
        assert time.process_time() - began < 5

    def test_paths_and_nul_in_a_name_are_handed_on_to_be_cleaned(self) -> None:
        (file,) = heard(with_part(attached(b'filename="../../etc/passwd\0.png"'))).files
        assert file.name == "../../etc/passwd\0.png"

    def test_a_form_that_breaks_off_is_refused(self) -> None:
        body = encode_multipart(BOUNDARY, form(**{"body-plain": "hi"}))[:-400]
        provider = AnymailProvider({"esp": "mailgun", "settings": {"api_key": "k", "webhook_signing_key": SIGNING_KEY}})
        for content_type in (MULTIPART_CONTENT, "multipart/form-data", "multipart/form-data; boundary=\xff"):
            sent = Call(What.INBOUND, "POST", "https://x/hooks/", {"content-type": content_type}, {}, body)
            with pytest.raises(Refused):
                provider.hear(sent, now=AT)
