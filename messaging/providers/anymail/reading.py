"""A letter that an email service handed over, as ours."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from messaging.channels.calls import FileIn, InboundIn, UnreadableCall

_ID = re.compile(r"<[^<>\s]+>")
# RFC 3834, and what answering machines say that do not know it.
_MACHINES = re.compile(r"^(mailer-daemon|postmaster|no-?reply)@", re.IGNORECASE)
_BULK = frozenset({"bulk", "junk", "list", "auto_reply"})


def read_letter(event: Any, *, provider: str, now: datetime) -> InboundIn:
    """
    Raises:
        UnreadableCall: it names no sender.
    """
    message = event.message
    sender = _sender(message)
    if not sender:
        raise UnreadableCall("the letter has no sender")
    message_id = next(iter(_ids(message["Message-ID"])), "")
    return InboundIn(
        provider=provider,
        provider_id=_own_id(message_id, event),
        from_address=sender[0],
        from_name=sender[1],
        to=str(message.envelope_recipient or next((it.addr_spec for it in message.to), "")),
        at=event.timestamp or now,
        subject=str(message.subject or ""),
        body=message.text or "",
        html=message.html or "",
        message_id=message_id,
        references=[*_ids(message["References"]), *_ids(message["In-Reply-To"])],
        files=list(_files(message)),
        is_automatic=_is_automatic(message, sender[0]),
    )


def _sender(message: Any) -> tuple[str, str] | None:
    """Address and name; the first of several."""
    found = message.from_email
    first = found[0] if isinstance(found, list) and found else found
    if first:
        return first.addr_spec, first.display_name or ""
    return (message.envelope_sender, "") if message.envelope_sender else None


def _own_id(message_id: str, event: Any) -> str:
    """The letter's own id, since services tell of one letter under several; else the service's."""
    own = message_id or str(event.event_id or "") or hashlib.sha256(event.message.as_bytes()).hexdigest()
    return own if len(own) <= 200 else hashlib.sha256(own.encode()).hexdigest()


def _ids(header: Any) -> list[str]:
    return _ID.findall(str(header or ""))


def _files(message: Any) -> Iterator[FileIn]:
    for part in [*message.attachments, *message.inlines]:
        if part.get_content_maintype() == "multipart":
            continue
        yield FileIn(part.get_filename() or "", part.get_content_type(), part.get_content_bytes() or b"")


def _is_automatic(message: Any, sender: str) -> bool:
    """Written by a machine: an out-of-office note, a bounce, a list. An answer would go to nobody, or for ever."""
    automatic = str(message["Auto-Submitted"] or "no").partition(";")[0].strip().lower() != "no"
    return (
        automatic
        or str(message["Precedence"] or "").strip().lower() in _BULK
        or message["X-Autoreply"] is not None
        or message["X-Autorespond"] is not None
        or message["List-Id"] is not None
        or str(message["Return-Path"] or "").strip() == "<>"
        or message.get_content_type() == "multipart/report"
        or _MACHINES.match(sender) is not None
    )
