"""Letters out through email services, against servers that speak their wire formats."""

import json
import uuid
from base64 import b64decode
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import HTTP
from typing import Any, ClassVar
from urllib.parse import parse_qs

import pytest

from messaging.channels.base import (
    Accepted,
    AccountRefused,
    Failure,
    NeverSent,
    PermanentFailure,
    Provider,
    TemporaryFailure,
    Uncertain,
)
from messaging.channels.reasons import Reason
from messaging.providers.anymail.esps import ESPS
from messaging.providers.anymail.provider import AnymailProvider
from tests.messaging.providers.gateway import Gateway, Reply, Taken, nobody
from tests.messaging.providers.http_contract import HttpContract, Refusal

# django-anymail says so wherever SendGrid is used.
pytestmark = pytest.mark.filterwarnings("ignore:django-anymail has dropped official support for SendGrid")


def form_of(taken: Taken) -> EmailMessage:
    """A multipart form, read as a letter of the same parts."""
    head = f"Content-Type: {taken.headers.get('content-type', '')}\r\n\r\n".encode()
    return message_from_bytes(head + taken.body, policy=HTTP)  # type: ignore[return-value] # by that policy


def content_of(part: Any) -> bytes:
    content: bytes = part.get_payload(decode=True)
    return content


class EspContract(HttpContract):
    """What holds for every service. `sent` reads what a service was told out of its own format."""

    to = "ploy@example.com"
    channel = "email"
    esp: ClassVar[str]
    settings: ClassVar[dict[str, str]] = {"api_key": "the-key"}
    path: ClassVar[str]

    def elsewhere(self, address: str) -> Provider:
        return AnymailProvider({"esp": self.esp, "settings": {**self.settings, "api_url": f"{address}/v3/"}})

    def hurry(self, provider: Provider) -> Provider:
        provider._timeouts = (1.0, 0.25)  # type: ignore[attr-defined]
        return provider

    def sent(self, taken: Taken) -> dict[str, Any]:
        """Key, text, html, headers, reply_to, from and to."""
        raise NotImplementedError

    def key_of(self, taken: Taken) -> str:
        return str(self.sent(taken)["key"])

    def text_of(self, taken: Taken) -> str:
        return str(self.sent(taken)["text"])

    def enclosed(self) -> list[tuple[str, str, bytes]] | None:
        return [file for taken in self.gateway.taken for file in self.files_in(taken)]

    def files_in(self, taken: Taken) -> list[tuple[str, str, bytes]]:
        """Those of one call, out of the service's own format."""
        raise NotImplementedError

    def test_the_letter_is_whole(self) -> None:
        parcel = replace(
            self.parcel(),
            sender="Shop <hello@shop.example>",
            html="<p>Hello</p>",
            reply_to="t-1@reply.shop.example",
            in_reply_to="<b@x.example>",
            references=("<a@x.example>", "<b@x.example>"),
            unsubscribe_url="https://shop.example/u/token/",
        )
        ((_, outcome),) = self.send(parcel)
        assert isinstance(outcome, Accepted)
        (taken,) = self.gateway.taken
        assert taken.path == self.path
        sent = self.sent(taken)
        headers = {name.lower(): value for name, value in sent.pop("headers").items()}
        assert sent == {
            "key": parcel.key, "text": "Hello", "html": "<p>Hello</p>", "subject": "Hi",
            "reply_to": "t-1@reply.shop.example", "from": "hello@shop.example", "to": "ploy@example.com",
        }  # fmt: skip
        assert headers["message-id"] == f"<{parcel.key}@shop.example>"
        assert headers["in-reply-to"] == "<b@x.example>"
        assert headers["references"] == "<a@x.example> <b@x.example>"
        assert headers["list-unsubscribe"] == "<https://shop.example/u/token/>"
        assert headers["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"


class TestMailgun(EspContract):
    esp = "mailgun"
    path = "/v3/shop.example/messages"
    refusals: ClassVar[list[Refusal]] = [
        (Reply(400, json={"message": "'to' parameter is not a valid address"}), PermanentFailure, Reason.REFUSED),
        (Reply(402, json={"message": "Payment required"}), AccountRefused, Reason.ACCOUNT_REFUSED),
        (Reply(404, json={"message": "Domain not found: x"}), AccountRefused, Reason.ACCOUNT_REFUSED),
        (Reply(401, body="Forbidden"), AccountRefused, Reason.ACCOUNT_REFUSED),
        (Reply(503, body="later"), TemporaryFailure, Reason.TEMPORARY),
        (Reply(200, body="Mailgun Magnificent API", accepts=False), Uncertain, Reason.NO_ANSWER),
    ]

    def answer(self, taken: Taken) -> Reply:
        return Reply(json={"id": f"<{uuid.uuid4()}@shop.example>", "message": "Queued. Thank you."})

    def sent(self, taken: Taken) -> dict[str, Any]:
        form = {name: values[0] for name, values in parse_qs(taken.body.decode(errors="replace")).items()}
        if form_of(taken).is_multipart():
            form = {
                str(part.get_param("name", header="content-disposition")): content_of(part).decode()
                for part in form_of(taken).iter_parts()
                if not part.get_filename()
            }
        return {
            "key": form.get("v:waymark_key"), "text": form.get("text", ""), "html": form.get("html"),
            "subject": form.get("subject"), "reply_to": form.get("h:Reply-To"), "to": form.get("to"),
            "from": form.get("from", "").rpartition("<")[2].rstrip(">"),
            "headers": {name.removeprefix("h:"): value for name, value in form.items() if name.startswith("h:")},
        }  # fmt: skip

    def files_in(self, taken: Taken) -> list[tuple[str, str, bytes]]:
        parts = form_of(taken).iter_parts() if form_of(taken).is_multipart() else ()
        return [
            (str(part.get_filename()), part.get_content_type(), content_of(part))
            for part in parts
            if part.get_filename()
        ]


class TestPostmark(EspContract):
    esp = "postmark"
    settings: ClassVar[dict[str, str]] = {"server_token": "the-token"}
    path = "/v3/email"
    refusals: ClassVar[list[Refusal]] = [
        (
            Reply(422, json={"ErrorCode": 300, "Message": "Invalid 'To' address: 'ploy@example.com'."}),
            PermanentFailure,
            Reason.UNKNOWN_ADDRESS,
        ),
        (
            Reply(
                422,
                json={
                    "ErrorCode": 406,
                    "Message": "You tried to send to a recipient that has been marked as inactive.\nFound inactive "
                    "addresses: ploy@example.com.\nInactive recipients are ones that have generated a hard bounce.",
                },
            ),
            PermanentFailure,
            Reason.BLOCKED,
        ),
        (
            Reply(422, json={"ErrorCode": 300, "Message": "Invalid metadata content."}),
            PermanentFailure,
            Reason.REFUSED,
        ),
        (Reply(422, json={"ErrorCode": 405, "Message": "Not allowed"}), AccountRefused, Reason.ACCOUNT_REFUSED),
        (Reply(422, json={"ErrorCode": 412, "Message": "Pending"}), AccountRefused, Reason.ACCOUNT_REFUSED),
        (Reply(401, json={"ErrorCode": 10, "Message": "No token"}), AccountRefused, Reason.ACCOUNT_REFUSED),
    ]

    def answer(self, taken: Taken) -> Reply:
        return Reply(json={"To": taken.json["To"], "MessageID": str(uuid.uuid4()), "ErrorCode": 0, "Message": "OK"})

    def sent(self, taken: Taken) -> dict[str, Any]:
        said = taken.json
        headers = {header["Name"]: header["Value"] for header in said.get("Headers", [])}
        return {
            "key": said["Metadata"]["waymark_key"], "text": said["TextBody"], "html": said.get("HtmlBody"),
            "subject": said["Subject"], "reply_to": said.get("ReplyTo"), "to": said["To"],
            "from": said["From"].rpartition("<")[2].rstrip(">"), "headers": headers,
        }  # fmt: skip

    def files_in(self, taken: Taken) -> list[tuple[str, str, bytes]]:
        files = taken.json.get("Attachments", [])
        return [(file["Name"], file["ContentType"], b64decode(file["Content"])) for file in files]

    def test_it_is_told_to_keep_our_message_id(self) -> None:
        self.send(self.parcel())
        assert self.sent(self.gateway.taken[0])["headers"]["X-PM-KeepID"] == "true"


class TestSendGrid(EspContract):
    esp = "sendgrid"
    path = "/v3/mail/send"
    malformed: ClassVar[list[Reply]] = []  # its yes has no body
    refusals: ClassVar[list[Refusal]] = [
        (
            Reply(400, json={"errors": [{"message": "Does not contain a valid address."}]}),
            PermanentFailure,
            Reason.REFUSED,
        ),
        (Reply(413, json={"errors": []}), PermanentFailure, Reason.REFUSED),
        (Reply(403, json={"errors": [{"message": "not verified"}]}), AccountRefused, Reason.ACCOUNT_REFUSED),
    ]

    def answer(self, taken: Taken) -> Reply:
        return Reply(202, headers={"X-Message-Id": "14c5d75ce93.dfd.64b469"})

    def sent(self, taken: Taken) -> dict[str, Any]:
        said = taken.json
        (person,) = said["personalizations"]
        parts = {part["type"]: part["value"] for part in said["content"]}
        return {
            "key": said["custom_args"]["waymark_key"], "text": parts["text/plain"], "html": parts.get("text/html"),
            "subject": said["subject"], "reply_to": said.get("reply_to_list", [{}])[0].get("email"),
            "to": person["to"][0]["email"], "from": said["from"]["email"], "headers": said.get("headers", {}),
        }  # fmt: skip

    def files_in(self, taken: Taken) -> list[tuple[str, str, bytes]]:
        files = taken.json.get("attachments", [])
        return [(file["filename"], file["type"], b64decode(file["content"])) for file in files]


class TestBrevo(EspContract):
    esp = "brevo"
    path = "/v3/smtp/email"
    refusals: ClassVar[list[Refusal]] = [
        (Reply(400, json={"code": "invalid_parameter"}), PermanentFailure, Reason.REFUSED),
        (Reply(402, json={"code": "not_enough_credits"}), AccountRefused, Reason.ACCOUNT_REFUSED),
    ]

    def answer(self, taken: Taken) -> Reply:
        return Reply(201, json={"messageId": f"<{uuid.uuid4()}@smtp-relay.mailin.fr>"})

    def sent(self, taken: Taken) -> dict[str, Any]:
        said = taken.json
        headers = dict(said["headers"])
        metadata = headers.pop("X-Mailin-custom")
        return {
            "key": json.loads(metadata)["waymark_key"], "text": said["textContent"],
            "html": said.get("htmlContent"), "subject": said["subject"],
            "reply_to": said.get("replyTo", {}).get("email"), "to": said["to"][0]["email"],
            "from": said["sender"]["email"], "headers": headers,
        }  # fmt: skip

    def files_in(self, taken: Taken) -> list[tuple[str, str, bytes]]:
        """Brevo tells types by names."""
        types = {"pdf": "application/pdf", "png": "image/png"}
        files = taken.json.get("attachment", [])
        return [(file["name"], types[file["name"][-3:]], b64decode(file["content"])) for file in files]


SETTINGS = {"esp": "mailgun", "settings": {"api_key": "k"}}


@pytest.mark.parametrize(
    ("config", "paths"),
    [
        (SETTINGS, []),
        ({**SETTINGS, "webhook_secret": "user:password"}, []),
        ({**SETTINGS, "webhook_secret": "no colon"}, ["webhook_secret"]),
        ({"esp": "pigeon", "settings": {}}, ["esp"]),
        ({"esp": "mailgun", "settings": {}}, ["settings.api_key"]),
        ({"esp": "mailgun", "settings": {"api_key": "k", "fail_silently": "x"}}, ["settings.fail_silently"]),
        ({"esp": "mailjet", "settings": {"api_key": "k"}}, ["settings.secret_key"]),
        ({"esp": "mailgun"}, ["settings"]),
        ({**SETTINGS, "colour": "red"}, ["colour"]),
        ({**SETTINGS, "track_opens": True, "track_clicks": False}, []),
        ({**SETTINGS, "track_opens": "yes"}, ["track_opens"]),
        ({**SETTINGS, "esp": "brevo", "track_opens": False}, ["track_opens"]),
    ],
)
def test_settings_are_checked(config: dict[str, Any], paths: list[str]) -> None:
    assert [fault.path for fault in AnymailProvider.check(config)] == paths


@pytest.mark.parametrize(
    ("tracking", "said"),
    [
        ({}, {}),
        ({"track_opens": True, "track_clicks": False}, {"o:tracking-opens": "yes", "o:tracking-clicks": "no"}),
    ],
)
def test_a_letter_says_what_is_to_be_told_of_it(tracking: dict[str, bool], said: dict[str, str]) -> None:
    with Gateway(answer=lambda taken: Reply(json={"id": "<ref@mg>", "message": "Queued"})) as gateway:
        config = {**SETTINGS, "settings": {"api_key": "k", "api_url": f"{gateway.address}/v3"}, **tracking}
        ((_, outcome),) = AnymailProvider(config).send(iter([TestMailgun().parcel()]))
    assert isinstance(outcome, Accepted)
    form = gateway.taken[0].form
    assert {name: form[name] for name in ("o:tracking-opens", "o:tracking-clicks") if name in form} == said


@pytest.mark.parametrize("esp", [name for name, esp in ESPS.items() if esp.tracks])
def test_each_service_that_is_said_to_track_does(esp: str) -> None:
    with nobody() as address:
        settings = {**dict.fromkeys(ESPS[esp].needs, "x"), "api_url": f"{address}/"}
        provider = AnymailProvider({"esp": esp, "settings": settings, "track_opens": True, "track_clicks": True})
        ((_, outcome),) = provider.send(iter([TestMailgun().parcel()]))
    assert type(outcome) is NeverSent


@pytest.mark.parametrize("esp", ESPS)
def test_every_service_can_be_made_and_takes_a_whole_letter(esp: str) -> None:
    """Nothing of a letter of ours is beyond a service that we offer: then it would refuse every one."""
    case = TestMailgun()
    with nobody() as address:
        names = dict.fromkeys(ESPS[esp].needs, "x")
        provider = AnymailProvider({"esp": esp, "settings": {**names, "api_url": f"{address}/"}})
        parcel = replace(
            case.parcel(), html="<p>x</p>", reply_to="a@b.example", in_reply_to="<a@b.example>",
            unsubscribe_url="https://shop.example/u/t/",
        )  # fmt: skip
        ((_, outcome),) = provider.send(iter([parcel]))
    assert isinstance(outcome, Failure)
    assert type(outcome) is NeverSent, outcome.detail
