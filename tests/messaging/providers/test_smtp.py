import smtplib
from dataclasses import replace
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from messaging.channels.base import (
    Accepted,
    AccountRefused,
    Failure,
    NeverSent,
    Outcome,
    PermanentFailure,
    Provider,
    TemporaryFailure,
    Uncertain,
)
from messaging.channels.reasons import Reason
from messaging.providers.smtp import SmtpProvider
from tests.messaging.providers.contract import ProviderContract


class TestSmtp(ProviderContract):
    to = "ploy@example.com"
    channel = "email"

    @pytest.fixture(autouse=True)
    def outbox(self, mailoutbox: list[Any]) -> None:
        self.mails = mailoutbox

    def provider(self) -> Provider:
        return SmtpProvider({})

    def arrived(self) -> list[str]:
        return [message.body for message in mail.outbox]

    def enclosed(self) -> list[tuple[str, str, bytes]] | None:
        parts = [part for message in mail.outbox for part in message.message().walk()]
        return [
            (str(part.get_filename()), part.get_content_type(), part.get_payload(decode=True))
            for part in parts
            if part.get_filename()
        ]

    def test_our_message_id_is_the_reference(self) -> None:
        parcel = replace(self.parcel(), sender="Shop <hello@shop.example>")
        ((_, outcome),) = self.send(parcel)
        assert outcome == Accepted(f"<{parcel.key}@shop.example>")
        (message,) = self.mails
        assert message.message()["Message-ID"] == f"<{parcel.key}@shop.example>"
        assert (message.from_email, message.to) == ("Shop <hello@shop.example>", ["ploy@example.com"])

    def test_without_a_sender_of_its_own_the_channel_uses_the_shops(self, settings: Any) -> None:
        settings.DEFAULT_FROM_EMAIL = "default@shop.example"
        self.send(self.parcel())
        assert self.mails[0].from_email == "default@shop.example"

    def test_marketing_carries_the_one_click_headers_of_rfc_8058(self) -> None:
        self.send(replace(self.parcel(), unsubscribe_url="https://shop.example/u/token/"))
        headers = self.mails[0].message()
        assert headers["List-Unsubscribe"] == "<https://shop.example/u/token/>"
        assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"

    def test_a_service_mail_carries_none(self) -> None:
        self.send(self.parcel())
        assert "List-Unsubscribe" not in self.mails[0].message()

    def test_the_html_part_goes_beside_the_text(self) -> None:
        self.send(replace(self.parcel(), html="<p>Hello</p>"))
        (alternative,) = self.mails[0].alternatives
        assert (alternative.content, alternative.mimetype) == ("<p>Hello</p>", "text/html")

    def test_an_injected_header_is_refused_and_nothing_leaves(self) -> None:
        ((_, outcome),) = self.send(replace(self.parcel(), subject="a\r\nBcc: x@y.example"))
        assert isinstance(outcome, PermanentFailure)
        assert self.mails == []


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (smtplib.SMTPRecipientsRefused({"a@b.c": (450, b"4.2.1 greylisted")}), TemporaryFailure, Reason.TEMPORARY),
        (
            smtplib.SMTPRecipientsRefused({"a@b.c": (550, b"5.1.1 no such user")}),
            PermanentFailure,
            Reason.UNKNOWN_ADDRESS,
        ),
        (smtplib.SMTPRecipientsRefused({"a@b.c": (550, b"5.7.1 policy")}), PermanentFailure, Reason.REFUSED),
        (smtplib.SMTPSenderRefused(553, b"5.7.1 not yours", "x@y.z"), PermanentFailure, Reason.REFUSED),
        (smtplib.SMTPDataError(452, b"4.3.1 full"), TemporaryFailure, Reason.TEMPORARY),
        (smtplib.SMTPDataError(554, b"5.6.0 spam"), PermanentFailure, Reason.REFUSED),
        (smtplib.SMTPAuthenticationError(535, b"5.7.8 no"), AccountRefused, Reason.ACCOUNT_REFUSED),
        (smtplib.SMTPServerDisconnected("gone"), Uncertain, Reason.NO_ANSWER),
        (TimeoutError("timed out"), Uncertain, Reason.NO_ANSWER),
        (RuntimeError("a bug in a backend"), Uncertain, Reason.NO_ANSWER),
    ],
)
def test_what_a_mail_server_says_is_understood(
    error: Exception, kind: type[Failure], reason: Reason, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = sent_through(monkeypatch, send_messages=error)
    assert type(outcome) is kind
    assert isinstance(outcome, Failure)
    assert outcome.reason == reason
    assert outcome.detail


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionRefusedError("111"), NeverSent),
        (TimeoutError("connect"), NeverSent),
        (smtplib.SMTPConnectError(421, b"too busy"), NeverSent),
        (smtplib.SMTPAuthenticationError(535, b"no"), AccountRefused),
    ],
)
def test_without_a_connection_nothing_was_sent(
    error: Exception, kind: type[Failure], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert type(sent_through(monkeypatch, open=error)) is kind
    assert mail.outbox == []


def sent_through(monkeypatch: pytest.MonkeyPatch, **errors: Exception) -> Outcome:
    """The outcome of one parcel through a backend whose methods raise these errors."""
    for name, error in errors.items():

        def fail(self: Any, *args: Any, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(EmailBackend, name, fail)
    case = TestSmtp()
    ((_, outcome),) = case.send(case.parcel())
    return outcome
