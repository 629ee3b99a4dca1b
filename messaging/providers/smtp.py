"""Email through Django's mail backend (EMAIL_URL)."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import BadHeaderError, EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from messaging.channels.answers import REPLY_DOMAIN, reply_domain_faults
from messaging.channels.base import (
    Accepted,
    AccountRefused,
    ConfigFault,
    Failure,
    NeverSent,
    Outcome,
    Parcel,
    PermanentFailure,
    Repeat,
    TemporaryFailure,
    Traits,
    Uncertain,
    only_known,
)
from messaging.channels.calls import Call, Heard, NoSuchDoor
from messaging.channels.enclosures import letter_size
from messaging.channels.reasons import Reason

# RFC 5321 §4.2.1: 4yz means "not now", 5yz "never". RFC 3463 §3.2: x.1.1 and its like name the mailbox as the fault.
_NOT_NOW = range(400, 500)
# What Gmail, Outlook and most mail servers take; some take less and say so (552).
LARGEST = 25_000_000
_NO_SUCH_MAILBOX = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10")


class SmtpProvider:
    """
    One connection for a batch, one mail at a time. A mail server gives no id, so our Message-ID is the reference.

    There is no way to ask a mail server whether it has a message: a lost answer stays unknown.
    """

    traits = Traits(
        channels=frozenset({"email"}), repeat=Repeat.NEVER, batch=50, in_flight=1, timeout=timedelta(seconds=30),
        largest=LARGEST,
    )  # fmt: skip

    def __init__(self, config: Mapping[str, Any]) -> None:
        pass  # the server is EMAIL_URL

    @classmethod
    def check(cls, config: Mapping[str, Any]) -> list[ConfigFault]:
        return [*only_known(config, REPLY_DOMAIN), *reply_domain_faults(config)]

    def send(self, parcels: Iterator[Parcel]) -> Iterator[tuple[Parcel, Outcome]]:
        connection = get_connection(timeout=self.traits.timeout.total_seconds())
        try:
            for parcel in parcels:
                yield parcel, _hand_over(parcel, connection)
        finally:
            connection.close()

    def look_up(self, keys: Sequence[str]) -> Mapping[str, str]:
        return {}

    def hear(self, call: Call, *, now: datetime) -> Heard:
        raise NoSuchDoor  # bounces come back as mail, to whoever reads the sender's mailbox


def _hand_over(parcel: Parcel, connection: BaseEmailBackend) -> Outcome:
    try:
        connection.open()
    except smtplib.SMTPAuthenticationError as error:
        return AccountRefused(_words(error))
    except (smtplib.SMTPException, OSError) as error:
        return NeverSent(f"{type(error).__name__}: {error}")
    try:
        mail = letter(parcel, connection, largest=SmtpProvider.traits.largest)
        mail.send()
    except Failure as failure:
        return failure
    except Exception as error:  # noqa: BLE001 - each backend has errors of its own
        return _failure(error, connection)
    return Accepted(reference=mail.extra_headers["Message-ID"])


def letter(parcel: Parcel, connection: BaseEmailBackend, *, largest: int) -> EmailMultiAlternatives:
    """
    The parcel as a mail with our own Message-ID and its files, ready to be sent through `connection`.

    Raises:
        Failure: it has more than `largest` bytes as it is sent, or a file is not there.
    """
    if (size := letter_size([file.size for file in parcel.files], parcel.body, parcel.html)) > largest:
        raise PermanentFailure(f"the letter has {size:,} bytes with its files; at most {largest:,} are taken")
    sender = parcel.sender or settings.DEFAULT_FROM_EMAIL
    domain = parseaddr(sender)[1].rpartition("@")[2] or "localhost"
    headers = {"Message-ID": f"<{parcel.key}@{domain}>"}
    if parcel.in_reply_to:
        headers["In-Reply-To"] = parcel.in_reply_to
        headers["References"] = " ".join(parcel.references or (parcel.in_reply_to,))
    if parcel.unsubscribe_url:
        headers["List-Unsubscribe"] = f"<{parcel.unsubscribe_url}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail = EmailMultiAlternatives(
        parcel.subject,
        parcel.body,
        sender,
        [parcel.to],
        headers=headers,
        connection=connection,
        reply_to=[parcel.reply_to] if parcel.reply_to else None,
    )
    if parcel.html:
        mail.attach_alternative(parcel.html, "text/html")
    for file in parcel.files:
        mail.attach(file.name, file.read(), file.content_type)
    return mail


def _failure(error: Exception, connection: BaseEmailBackend) -> Failure:
    if isinstance(error, BadHeaderError):
        return PermanentFailure(str(error))
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, reply = next(iter(error.recipients.values()))
        return _refused(code, reply.decode(errors="replace"))
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return AccountRefused(_words(error))
    if isinstance(error, smtplib.SMTPResponseException):
        return _refused(error.smtp_code, _words(error))
    # Cut off in the middle, perhaps behind the final dot: the connection is of no more use either.
    connection.close()
    return Uncertain(f"{type(error).__name__}: {error}")


def _refused(code: int, reply: str) -> Failure:
    words = f"{code} {reply}"
    if code in _NOT_NOW:
        return TemporaryFailure(words)
    unknown = any(reply.startswith(status) for status in _NO_SUCH_MAILBOX)
    return PermanentFailure(words, reason=Reason.UNKNOWN_ADDRESS if unknown else Reason.REFUSED)


def _words(error: smtplib.SMTPResponseException) -> str:
    reply = error.smtp_error
    return reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)
