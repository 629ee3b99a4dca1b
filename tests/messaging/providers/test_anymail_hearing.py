"""What email services tell at our doors, in their own wire formats."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from messaging.channels import registry
from messaging.channels.base import News, Provider
from messaging.channels.calls import BadSignature, Call, InboundIn, NoSuchDoor, Refused, StaleCall, UnreadableCall, What
from messaging.models import ChannelSettings, InboundMessage, ProviderCall, Receipt, RefusedCalls, Suppression
from messaging.providers.anymail.provider import AnymailProvider
from tests.factories.messaging import MessageFactory
from tests.messaging.providers.contract import AT
from tests.messaging.providers.http_contract import ReceiptsContract

pytestmark = pytest.mark.filterwarnings("ignore:django-anymail has dropped official support for SendGrid")

SECRET = "hook:s3cret"
BASIC = {"authorization": "Basic " + base64.b64encode(SECRET.encode()).decode()}
KEY = "01a1ffdd9bce7278a54630166c962838"
SIGNING_KEY = "mailgun-signing-key"


def service(esp: str, **settings: str) -> Provider:
    needs = {"postmark": "server_token"}.get(esp, "api_key")
    return AnymailProvider({"esp": esp, "settings": {needs: "k", **settings}, "webhook_secret": SECRET})


def call(body: bytes, what: What = What.RECEIPTS, content_type: str = "application/json", **headers: str) -> Call:
    return Call(what, "POST", "https://x/hooks/", {"content-type": content_type, **BASIC, **headers}, {}, body)


# --- Mailgun --------------------------------------------------------------------------------------


def mailgun(**settings: str) -> Provider:
    return service("mailgun", webhook_signing_key=SIGNING_KEY, **settings)


def stamped(at: datetime = AT, token: str = "a" * 50, key: str = SIGNING_KEY) -> dict[str, str]:
    timestamp = str(int(at.timestamp()))
    digest = hmac.new(key.encode(), f"{timestamp}{token}".encode(), hashlib.sha256).hexdigest()
    return {"timestamp": timestamp, "token": token, "signature": digest}


def mailgun_event(event: str = "delivered", reference: str = "ref-1", at: datetime = AT, **more: Any) -> Call:
    data = {
        "event": event, "id": "CPgfbmQMTCKtHW6uIWtuVe", "timestamp": 1521472262.908181, "recipient": "ploy@example.com",
        "message": {"headers": {"to": "ploy@example.com", "message-id": reference, "from": "x", "subject": "y"}},
        "user-variables": {"waymark_key": KEY}, "tags": [], **more,
    }  # fmt: skip
    return call(json.dumps({"signature": stamped(at), "event-data": data}).encode())


class TestMailgunReceipts(ReceiptsContract):
    def provider(self) -> Provider:
        return mailgun()

    def receipt(self, reference: str = "ref-1", *, delivered: bool = True) -> Call:
        return mailgun_event("delivered" if delivered else "opened", reference)

    def forged(self, call: Call) -> Call:
        body = json.loads(call.body)
        return replace(call, body=json.dumps({**body, "signature": stamped(key="another")}).encode())

    def unsigned(self, call: Call) -> Call:
        return replace(call, body=json.dumps({"event-data": json.loads(call.body)["event-data"]}).encode())

    def test_a_receipt_names_its_message_and_its_state(self) -> None:
        (receipt,) = self.provider().hear(self.receipt(), now=AT).receipts
        assert (receipt.reference, receipt.key, receipt.news) == ("<ref-1>", KEY, News.DELIVERED)
        assert receipt.at == datetime(2018, 3, 19, 15, 11, 2, 908181, tzinfo=UTC)
        assert receipt.raw["event-data"]["event"] == "delivered"

    @pytest.mark.parametrize(
        ("event", "more", "news"),
        [
            ("failed", {"severity": "permanent", "reason": "bounce",
                        "delivery-status": {"message": "550 5.1.1 no such user", "code": 550}}, News.UNKNOWN_ADDRESS),
            ("failed", {"severity": "permanent", "reason": "bounce",
                        "delivery-status": {"message": "550 5.7.1 spam", "code": 550}}, News.UNDELIVERED),
            ("failed", {"severity": "permanent", "reason": "suppress-bounce"}, News.UNKNOWN_ADDRESS),
            ("failed", {"severity": "permanent", "reason": "generic"}, News.UNDELIVERED),
            ("complained", {}, News.COMPLAINED),
            ("unsubscribed", {}, News.UNSUBSCRIBED),
            ("opened", {}, News.OPENED),
            ("clicked", {"url": "https://shop.example/"}, News.CLICKED),
            ("rejected", {"reject": {"reason": "Sandbox"}}, News.UNDELIVERED),
        ],
    )  # fmt: skip
    def test_each_event_is_understood(self, event: str, more: dict[str, Any], news: News) -> None:
        (receipt,) = mailgun().hear(mailgun_event(event, **more), now=AT).receipts
        assert receipt.news == news

    def test_a_delay_says_nothing_yet(self) -> None:
        event = mailgun_event("failed", severity="temporary", reason="generic")
        assert mailgun().hear(event, now=AT).receipts == []

    @pytest.mark.parametrize("seconds", [301, -301])
    def test_a_signature_of_five_minutes_ago_or_ahead_is_stale(self, seconds: int) -> None:
        event = mailgun_event(at=AT - timedelta(seconds=seconds))
        with pytest.raises(StaleCall):
            mailgun().hear(event, now=AT)
        assert mailgun().hear(event, now=AT - timedelta(seconds=seconds // 301)).receipts

    def test_the_secret_in_the_address_is_asked_for_besides(self) -> None:
        with pytest.raises(BadSignature):
            mailgun().hear(replace(mailgun_event(), headers={"content-type": "application/json"}), now=AT)


def mailgun_letter(at: datetime = AT, **more: Any) -> Call:
    headers = [
        ["From", "Ploy Dee <ploy@example.com>"], ["To", "hello@shop.example"], ["Subject", "Where is it?"],
        ["Message-Id", "<m1@example.com>"], ["References", "<a@x.example> <b@x.example>"],
        ["In-Reply-To", "<b@x.example>"], *more.pop("headers", []),
    ]  # fmt: skip
    form = {
        "recipient": "t-1@reply.shop.example", "sender": "ploy@example.com", "body-plain": "Hello\u0e01",
        "body-html": "<p>Hello</p>", "message-headers": json.dumps(headers), **stamped(at), **more,
    }  # fmt: skip
    return call(encode_multipart(BOUNDARY, form), What.INBOUND, MULTIPART_CONTENT)


def somebody_elses(own_id: Callable[..., str]) -> str:
    headers = [["From", "mali@example.com"], ["Message-Id", "<m1@example.com>"]]
    return own_id(**{"message-headers": json.dumps(headers)})


def form_letter(*headers: list[str], sender: str = "noreply@forms.example") -> InboundIn:
    said = json.dumps([["From", f"Contact form <{sender}>"], ["Message-Id", "<f1@forms.example>"], *headers])
    (inbound,) = mailgun().hear(mailgun_letter(sender=sender, **{"message-headers": said}), now=AT).inbound
    return inbound


class TestMailgunLetters:
    def test_a_letter_is_read_whole(self) -> None:
        file = SimpleUploadedFile("slip.pdf", b"%PDF\x00\xff", "application/pdf")
        letter = mailgun_letter(**{"attachment-count": "1", "attachment-1": file})
        (inbound,) = mailgun().hear(letter, now=AT).inbound
        assert (inbound.provider, inbound.message_id) == ("anymail", "<m1@example.com>")
        assert inbound.provider_id.startswith("<m1@example.com> ")
        assert (inbound.from_address, inbound.from_name) == ("ploy@example.com", "Ploy Dee")
        assert (inbound.to, inbound.subject) == ("t-1@reply.shop.example", "Where is it?")
        assert (inbound.body, inbound.html) == ("Hello\u0e01", "<p>Hello</p>")
        assert inbound.references == ["<a@x.example>", "<b@x.example>", "<b@x.example>"]
        assert [(file.name, file.content_type, file.content) for file in inbound.files] == [
            ("slip.pdf", "application/pdf", b"%PDF\x00\xff")
        ]
        assert inbound.is_automatic is False

    @pytest.mark.parametrize(
        "header",
        [
            ["Auto-Submitted", "auto-replied"], ["Auto-Submitted", "auto-generated; x=1"], ["Precedence", "bulk"],
            ["X-Autoreply", "yes"], ["List-Id", "<news.example>"], ["Return-Path", "<>"],
        ],
    )  # fmt: skip
    def test_what_a_machine_wrote_is_marked(self, header: list[str]) -> None:
        (inbound,) = mailgun().hear(mailgun_letter(headers=[header]), now=AT).inbound
        assert inbound.is_automatic is True

    def test_a_person_may_say_that_they_are_none(self) -> None:
        (inbound,) = mailgun().hear(mailgun_letter(headers=[["Auto-Submitted", "no"]]), now=AT).inbound
        assert inbound.is_automatic is False

    def test_a_letter_that_is_delivered_again_has_the_same_id_and_another_has_not(self) -> None:
        def own_id(**more: Any) -> str:
            (inbound,) = mailgun().hear(mailgun_letter(**more), now=AT).inbound
            return inbound.provider_id

        again = mailgun_letter(at=AT + timedelta(minutes=2), recipient="hello@shop.example")
        (delivered_again,) = mailgun().hear(again, now=AT).inbound
        assert delivered_again.provider_id == own_id()
        ids = {own_id(), own_id(**{"body-plain": "Another"}), own_id(**{"body-html": "<p>Another</p>"})}
        file = SimpleUploadedFile("slip.pdf", b"%PDF", "application/pdf")
        ids |= {own_id(**{"attachment-count": "1", "attachment-1": file}), somebody_elses(own_id)}
        assert len(ids) == 5
        assert max(map(len, ids)) <= 200

    def test_a_form_on_the_web_writes_for_whoever_is_to_be_answered(self) -> None:
        letter = form_letter(["Reply-To", "Khun Mali <mali@example.com>"])
        assert (letter.from_address, letter.from_name, letter.posted_by) == (
            "mali@example.com", "Khun Mali", "noreply@forms.example",
        )  # fmt: skip
        assert letter.is_automatic is False

    @pytest.mark.parametrize(
        "headers",
        [
            [],
            [["Reply-To", "a@example.com, b@example.com"]],
            [["Reply-To", "no-reply@example.com"]],
            [["Reply-To", "mailer-daemon@example.com"]],
            [["Reply-To", "nobody at all"]],
        ],
    )
    def test_a_form_that_names_nobody_to_answer_is_a_machine(self, headers: list[list[str]]) -> None:
        letter = form_letter(*headers)
        assert (letter.from_address, letter.posted_by, letter.is_automatic) == ("noreply@forms.example", "", True)

    @pytest.mark.parametrize(
        "header",
        [["Auto-Submitted", "auto-replied"], ["Precedence", "list"], ["List-Id", "<n.example>"], ["Return-Path", "<>"]],
    )
    def test_an_answering_machine_with_a_reply_to_stays_one(self, header: list[str]) -> None:
        assert form_letter(["Reply-To", "mali@example.com"], header).is_automatic is True

    def test_a_bounce_is_never_a_forms(self) -> None:
        letter = form_letter(["Reply-To", "mali@example.com"], sender="mailer-daemon@forms.example")
        assert (letter.posted_by, letter.is_automatic) == ("", True)

    def test_a_persons_own_reply_to_changes_nothing(self) -> None:
        letter = form_letter(["Reply-To", "mali@example.com"], sender="ploy@example.com")
        assert (letter.from_address, letter.posted_by) == ("ploy@example.com", "")

    def test_a_whole_letter_as_one_text_may_be_large(self) -> None:
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Message-ID"] = (
            "ploy@example.com",
            "hello@shop.example",
            "<m2@example.com>",
        )
        letter.set_content("Hello")
        letter.add_attachment(b"\0\xff" * 1_000_000, maintype="image", subtype="png", filename="photo.png")
        form = {"recipient": "hello@shop.example", "body-mime": letter.as_string(), **stamped()}
        sent = call(encode_multipart(BOUNDARY, form), What.INBOUND, MULTIPART_CONTENT)
        (inbound,) = mailgun().hear(sent, now=AT).inbound
        assert (inbound.message_id, inbound.body.strip()) == ("<m2@example.com>", "Hello")
        assert [(file.name, len(file.content)) for file in inbound.files] == [("photo.png", 2_000_000)]

    def test_a_form_of_too_many_parts_is_refused(self) -> None:
        form = {f"a{number}": "" for number in range(1_001)}
        with pytest.raises(UnreadableCall):
            mailgun().hear(call(encode_multipart(BOUNDARY, form), What.INBOUND, MULTIPART_CONTENT), now=AT)

    def test_a_forged_and_a_stale_letter_are_refused(self) -> None:
        with pytest.raises(BadSignature):
            mailgun().hear(mailgun_letter(signature="0" * 64), now=AT)
        with pytest.raises(StaleCall):
            mailgun().hear(mailgun_letter(AT - timedelta(seconds=301)), now=AT)

    def test_a_letter_at_the_door_of_receipts_makes_no_sense_there(self) -> None:
        with pytest.raises(Refused):
            mailgun().hear(replace(mailgun_letter(), what=What.RECEIPTS), now=AT)

    @pytest.mark.parametrize(
        "body", [b"", b"--BoUnDaRyStRiNg\r\n", urlencode(stamped()).encode(), b"\xff", b"x" * 2_000_000]
    )
    def test_what_makes_no_sense_is_refused_not_a_crash(self, body: bytes) -> None:
        for content_type in (MULTIPART_CONTENT, "application/x-www-form-urlencoded", "application/json", ""):
            with pytest.raises(Refused):
                mailgun().hear(call(body, What.INBOUND, content_type), now=AT)


# --- Postmark -------------------------------------------------------------------------------------


def postmark_event(kind: str = "Delivery", reference: str = "ref-1", **more: Any) -> Call:
    at = {"Delivery": "DeliveredAt", "Bounce": "BouncedAt", "SpamComplaint": "BouncedAt"}.get(kind, "ReceivedAt")
    said = {
        "RecordType": kind, "MessageID": reference, "Recipient": "ploy@example.com", at: "2026-03-04T05:00:00Z",
        "Metadata": {"waymark_key": KEY}, "Details": "smtp; 250", **more,
    }  # fmt: skip
    return call(json.dumps(said).encode())


class TestPostmarkReceipts(ReceiptsContract):
    def provider(self) -> Provider:
        return service("postmark")

    def receipt(self, reference: str = "ref-1", *, delivered: bool = True) -> Call:
        return postmark_event("Delivery" if delivered else "Open", reference)

    def forged(self, call: Call) -> Call:
        return replace(call, headers={**call.headers, "authorization": "Basic " + base64.b64encode(b"a:b").decode()})

    def unsigned(self, call: Call) -> Call:
        return replace(call, headers={"content-type": "application/json"})

    @pytest.mark.parametrize(
        ("kind", "more", "news"),
        [
            ("Bounce", {"Type": "HardBounce", "Details": "550 no such user"}, News.UNKNOWN_ADDRESS),
            ("Bounce", {"Type": "HardBounce", "Details": "smtp;550 5.7.1 policy"}, News.UNDELIVERED),
            ("Bounce", {"Type": "SoftBounce"}, News.UNDELIVERED),
            ("Bounce", {"Type": "BadEmailAddress"}, News.UNKNOWN_ADDRESS),
            ("SpamComplaint", {"Type": "SpamComplaint"}, News.COMPLAINED),
            ("SubscriptionChange", {"SuppressSending": True, "SuppressionReason": "ManualSuppression"},
             News.UNSUBSCRIBED),
            ("Click", {"OriginalLink": "https://shop.example/"}, News.CLICKED),
        ],
    )  # fmt: skip
    def test_each_event_is_understood(self, kind: str, more: dict[str, Any], news: News) -> None:
        (receipt,) = self.provider().hear(postmark_event(kind, **more), now=AT).receipts
        assert receipt.news == news

    @pytest.mark.parametrize(
        ("kind", "program", "because"),
        [
            ("Click", "Mozilla/5.0 (iPhone)", ""), ("Click", "Barracuda Sentinel (EE)", "barracuda"), ("Click", "", ""),
            ("Open", "GoogleImageProxy", ""), ("Open", "Mimecast", "mimecast"),
        ],
    )  # fmt: skip
    def test_what_was_clicked_and_by_whom(self, kind: str, program: str, because: str) -> None:
        event = postmark_event(kind, UserAgent=program, OriginalLink="https://shop.example/a")
        (receipt,) = self.provider().hear(event, now=AT).receipts
        assert receipt.bot_because == because
        assert receipt.url == ("https://shop.example/a" if kind == "Click" else "")


POSTMARK_LETTER = {
    "FromFull": {"Email": "ploy@example.com", "Name": "Ploy Dee"},
    "ToFull": [{"Email": "hello@shop.example", "Name": ""}], "OriginalRecipient": "t-1@reply.shop.example",
    "Subject": "Hi", "MessageID": "22c74902-a0c1-4511-804f2-341342852c90",
    "TextBody": "Hello", "HtmlBody": "<p>Hello</p>", "Headers": [{"Name": "Message-ID", "Value": "<m1@example.com>"}],
    "Attachments": [{"Name": "a.txt", "Content": "aGk=", "ContentType": "text/plain", "ContentID": ""}],
}  # fmt: skip


def test_a_letter_of_postmark() -> None:
    letter = call(json.dumps(POSTMARK_LETTER).encode(), What.INBOUND)
    (inbound,) = service("postmark").hear(letter, now=AT).inbound
    assert (inbound.from_address, inbound.from_name, inbound.to) == (
        "ploy@example.com", "Ploy Dee", "t-1@reply.shop.example",
    )  # fmt: skip
    assert (inbound.message_id, inbound.body, inbound.at) == ("<m1@example.com>", "Hello", AT)
    assert [(file.name, file.content) for file in inbound.files] == [("a.txt", b"hi")]


def test_a_letter_without_an_id_goes_by_the_service_s() -> None:
    letter = call(json.dumps({**POSTMARK_LETTER, "Headers": []}).encode(), What.INBOUND)
    (inbound,) = service("postmark").hear(letter, now=AT).inbound
    assert inbound.provider_id == "22c74902-a0c1-4511-804f2-341342852c90"


# --- SendGrid -------------------------------------------------------------------------------------

PRIVATE = ec.derive_private_key(20_260_304, ec.SECP256R1())
PUBLIC = base64.b64encode(
    PRIVATE.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()


def sendgrid_event(*events: dict[str, Any], at: datetime = AT) -> Call:
    body = json.dumps(list(events)).encode()
    timestamp = str(int(at.timestamp()))
    signature = base64.b64encode(PRIVATE.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
    headers = {
        "x-twilio-email-event-webhook-signature": signature, "x-twilio-email-event-webhook-timestamp": timestamp,
    }  # fmt: skip
    return call(body, **headers)


def sendgrid_said(event: str, reference: str = "ref-1", **more: Any) -> dict[str, Any]:
    return {
        "email": "ploy@example.com", "timestamp": 1461095246, "anymail_id": reference, "waymark_key": KEY,
        "event": event, "sg_event_id": "ZyjAM5rnQmuI1KFInHQ3Nw", **more,
    }  # fmt: skip


class TestSendGridReceipts(ReceiptsContract):
    def provider(self) -> Provider:
        return service("sendgrid", tracking_webhook_verification_key=PUBLIC)

    def receipt(self, reference: str = "ref-1", *, delivered: bool = True) -> Call:
        return sendgrid_event(sendgrid_said("delivered" if delivered else "open", reference))

    def forged(self, call: Call) -> Call:
        return replace(call, body=call.body + b" ")

    def unsigned(self, call: Call) -> Call:
        return replace(call, headers={**BASIC})

    def test_a_batch_of_events_is_a_receipt_each(self) -> None:
        events = sendgrid_event(
            sendgrid_said("processed", "r1"),
            sendgrid_said("bounce", "r2", type="bounce", status="5.0.0", reason="500 unknown recipient"),
            sendgrid_said("bounce", "r3", type="blocked", reason="550 policy"),
            sendgrid_said("dropped", "r4", reason="Bounced Address"),
            sendgrid_said("dropped", "r5", reason="Unsubscribed Address"),
            sendgrid_said("deferred", "r6"),
        )
        assert [(it.reference, it.news) for it in self.provider().hear(events, now=AT).receipts] == [
            ("r1", News.SENT), ("r2", News.UNKNOWN_ADDRESS), ("r3", News.UNDELIVERED), ("r4", News.UNKNOWN_ADDRESS),
            ("r5", News.BLOCKED),
        ]  # fmt: skip

    @pytest.mark.parametrize("seconds", [301, -301])
    def test_a_signature_of_five_minutes_ago_or_ahead_is_stale(self, seconds: int) -> None:
        with pytest.raises(StaleCall):
            self.provider().hear(sendgrid_event(at=AT - timedelta(seconds=seconds)), now=AT)


def test_a_letter_of_sendgrid() -> None:
    headers = "From: Ploy <ploy@example.com>\nTo: hello@shop.example\nSubject: Hi\nMessage-ID: <m1@example.com>\n"
    form = {
        "headers": headers, "text": "Hello", "html": "<p>Hello</p>", "charsets": '{"text": "utf-8", "html": "utf-8"}',
        "envelope": '{"to": ["t-1@reply.shop.example"], "from": "ploy@example.com"}',
    }  # fmt: skip
    letter = call(encode_multipart(BOUNDARY, form), What.INBOUND, MULTIPART_CONTENT)
    (inbound,) = service("sendgrid").hear(letter, now=AT).inbound
    assert (inbound.from_address, inbound.to, inbound.body) == ("ploy@example.com", "t-1@reply.shop.example", "Hello")
    assert inbound.provider_id.startswith("<m1@example.com> ")


# --- Doors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("esp", ["mailgun", "sendgrid", "postmark"])
@pytest.mark.parametrize("what", [What.RECEIPTS, What.INBOUND])
def test_without_a_secret_there_is_no_door(esp: str, what: What) -> None:
    needs = {"postmark": "server_token"}.get(esp, "api_key")
    provider = AnymailProvider({"esp": esp, "settings": {needs: "k"}})
    with pytest.raises(NoSuchDoor):
        provider.hear(call(b"{}", what), now=AT)


def test_only_the_doors_that_open_are_told() -> None:
    assert service("postmark").traits.doors == {What.RECEIPTS, What.INBOUND}
    mailgun_alone = {"esp": "mailgun", "settings": {"api_key": "k", "webhook_signing_key": "s"}}
    assert AnymailProvider(mailgun_alone).traits.doors == {What.RECEIPTS, What.INBOUND}
    assert AnymailProvider({"esp": "postmark", "settings": {"server_token": "k"}}).traits.doors == set()
    assert service("mailgun").traits.doors == set()  # it signs always, and we could not tell


def test_there_is_no_door_for_everything_nor_one_to_get() -> None:
    for refused in (call(b"{}", What.HOOK), replace(call(b"{}"), method="GET")):
        with pytest.raises(NoSuchDoor):
            service("postmark").hear(refused, now=AT)


@pytest.fixture
def door(db: None) -> Iterator[ChannelSettings]:
    row = ChannelSettings.objects.get(channel="email")
    row.provider = "anymail"
    row.config = {"esp": "postmark", "settings": {"server_token": "k"}, "webhook_secret": SECRET}
    row.save()
    yield row
    registry._made.cache_clear()


def knock(client: Client, door: ChannelSettings, sent: Call, **headers: str) -> Any:
    path = f"/hooks/messages/{door.hook_token}/{sent.what}/"
    given = {"Authorization": sent.headers["authorization"], **headers}
    return client.post(path, sent.body, content_type=sent.headers["content-type"], headers=given)


class TestAtTheDoor:
    def test_opened_and_clicked_are_kept_and_move_nothing(self, client: Client, door: ChannelSettings) -> None:
        message = MessageFactory(channel="email", state="sent", provider="anymail", provider_reference="ref-1")
        for kind in ("Open", "Click"):
            assert knock(client, door, postmark_event(kind, Metadata={})).status_code == 200
        message.refresh_from_db()
        assert (message.state, message.delivered_at) == ("sent", None)
        assert list(message.receipts.order_by("pk").values_list("news", flat=True)) == ["opened", "clicked"]

    def test_a_hard_bounce_ends_all_letters_there(self, client: Client, door: ChannelSettings) -> None:
        message = MessageFactory(channel="email", state="sent", provider="anymail", address_hash="a" * 64)
        knock(client, door, postmark_event("Bounce", Type="HardBounce", Metadata={"waymark_key": message.key}))
        message.refresh_from_db()
        assert (message.state, message.reason) == ("failed", "unknown_address")
        assert Suppression.objects.values_list("cause", "scope").get() == ("unknown_address", "all")

    def test_whoever_unsubscribes_at_the_service_gets_no_more_marketing(
        self, client: Client, door: ChannelSettings
    ) -> None:
        message = MessageFactory(channel="email", state="sent", provider="anymail", address_hash="a" * 64)
        change = {"SuppressSending": True, "SuppressionReason": "ManualSuppression"}
        knock(client, door, postmark_event("SubscriptionChange", Metadata={"waymark_key": message.key}, **change))
        message.refresh_from_db()
        assert message.state == "delivered"
        assert Suppression.objects.values_list("cause", "scope").get() == ("blocked", "marketing")

    def test_a_letter_is_filed_once(self, client: Client, door: ChannelSettings) -> None:
        letter = call(json.dumps(POSTMARK_LETTER).encode(), What.INBOUND)
        assert [knock(client, door, letter).status_code for _ in range(2)] == [200, 200]
        row = InboundMessage.objects.get()
        assert (row.from_address, row.subject, row.body) == ("ploy@example.com", "Hi", "Hello")
        assert "authorization" not in ProviderCall.objects.first().headers  # type: ignore[union-attr]

    def test_a_wrong_secret_is_refused_and_counted(self, client: Client, door: ChannelSettings) -> None:
        wrong = "Basic " + base64.b64encode(b"hook:guess").decode()
        answer = knock(client, door, postmark_event(), Authorization=wrong)
        assert (answer.status_code, answer.json()["code"]) == (403, "bad_signature")
        assert (RefusedCalls.objects.get().count, ProviderCall.objects.count(), Receipt.objects.count()) == (1, 0, 0)

    def test_a_letter_of_more_than_a_megabyte_is_taken(self, client: Client, door: ChannelSettings) -> None:
        big = base64.b64encode(b"x" * 2_000_000).decode()
        files = [{"Name": "big.bin", "Content": big, "ContentType": "application/pdf", "ContentID": ""}]
        letter = call(json.dumps({**POSTMARK_LETTER, "Attachments": files}).encode(), What.INBOUND)
        assert knock(client, door, letter).status_code == 200
        assert ProviderCall.objects.get().fault == ""
