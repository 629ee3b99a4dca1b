"""A letter that an email service handed over, as ours."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from anymail.exceptions import AnymailInvalidAddress

from messaging.channels.calls import FileIn, FileThere, InboundIn
from messaging.texts import charsets

_ID = re.compile(r"<[^<>\s]+>")
# RFC 3834, and what answering machines say that do not know it.
_MACHINES = re.compile(r"^(mailer-daemon|postmaster|(no|do-?not)[-_]?reply|bounces?([-+=].*)?)@", re.IGNORECASE)
# Of these, whose letters a person may have had sent by filling in a form.
_FORMS = re.compile(r"^((no|do-?not)[-_]?reply|wordpress)@", re.IGNORECASE)
_LONGEST_ID = 200
_BULK = frozenset({"bulk", "junk", "list", "auto_reply"})
# No person's mail program writes these.
_OF_MACHINES = ("X-Autoreply", "X-Autorespond", "X-Failed-Recipients", "List-Id")
# What a part without a name is called.
_NAMES = {"text/calendar": "invite.ics", "message/rfc822": "message.eml"}


def read_letter(event: Any, *, provider: str, now: datetime) -> InboundIn:
    """The letter; `from_address` is "" when it names no sender."""
    message = event.message
    posted_by, (address, name) = "", _sender(message)
    message_id = next(iter(_ids(message["Message-ID"])), "")
    texts, pages, files, there = _contents(message)
    if person := _person_behind(message, address):
        posted_by, (address, name) = address, person
    return InboundIn(
        provider=provider,
        provider_id=_own_id(message_id, event, (address, *texts, *pages, *(file.content for file in files))),
        from_address=address,
        from_name=name,
        to=str(message.envelope_recipient or next(iter(_addresses(message, "To")), ("", ""))[0]),
        at=event.timestamp or now,
        subject=str(message.subject or ""),
        body="\n".join(texts),
        html="\n".join(pages),
        message_id=message_id,
        references=[*_ids(message["References"]), *_ids(message["In-Reply-To"])],
        files=files,
        files_there=there,
        is_automatic=_is_automatic(message, address),
        posted_by=posted_by,
    )


def _sender(message: Any) -> tuple[str, str]:
    """Address and name: the first of several, else whom the envelope names; empty for nobody."""
    return next(iter(_addresses(message, "From")), (_bare(message.envelope_sender), ""))


def _person_behind(message: Any, sender: str) -> tuple[str, str] | None:
    """
    Address and name of who filled in a contact form, whose letters come from an address that nobody reads: the one
    that they ask to answer. None for any other letter, and where several are asked for or a machine is.
    """
    asked = _addresses(message, "Reply-To")
    if not _FORMS.match(sender) or len(asked) != 1 or _MACHINES.match(asked[0][0]):
        return None
    return asked[0]


def _addresses(message: Any, header: str) -> list[tuple[str, str]]:
    """The addresses in a header, each with its name; none when it makes no sense."""
    try:
        found = message.get_address_header(header)
    except (AnymailInvalidAddress, ValueError, RecursionError):
        return []
    return [(address.addr_spec, address.display_name or "") for address in found if address.addr_spec]


def _bare(path: object) -> str:
    """An envelope's sender, without the angle brackets that some services leave around it."""
    return str(path or "").strip().removeprefix("<").removesuffix(">")


def _own_id(message_id: str, event: Any, said: Iterable[str | bytes]) -> str:
    """
    The letter's own id, since services tell of one letter under several; else the service's.

    With it who wrote and what: there are programs that give one Message-ID to all they write.
    """
    if not message_id:
        own = str(event.event_id or "") or hashlib.sha256(event.message.as_bytes()).hexdigest()
        return own if len(own) <= _LONGEST_ID else _digest([own])
    own = f"{message_id} {_digest(said)[:32]}"
    return own if len(own) <= _LONGEST_ID else _digest([own])


def _digest(parts: Iterable[str | bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        raw = part if isinstance(part, bytes) else part.encode(errors="replace")
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()


def _ids(header: Any) -> list[str]:
    return _ID.findall(str(header or ""))


def _contents(message: Any) -> tuple[list[str], list[str], list[FileIn], list[FileThere]]:
    """
    What a letter says, as text and as HTML, and what is attached: whatever else is in it, declared so or not; and what
    its service keeps. Some programs write on in a part of its own behind a picture.
    """
    texts: list[str] = []
    pages: list[str] = []
    files: list[FileIn] = []
    there: list[FileThere] = []
    for part in _leaves(message):
        kind = part.get_content_type()
        is_said = kind in ("text/plain", "text/html") and not part.get_filename() and not part.is_attachment()
        raw = _bytes(part)
        if token := getattr(part, "download_token", ""):
            there.append(FileThere(token, part.get_filename() or _NAMES.get(kind, "file")))
        elif not is_said:
            files.append(FileIn(part.get_filename() or _NAMES.get(kind, ""), kind, raw))
        elif text := charsets.decode(raw, part.get_content_charset("")):
            (texts if kind == "text/plain" else pages).append(re.sub(r"\r\n?", "\n", text))
    return texts, pages, files, there


def _leaves(part: Any) -> Iterator[Any]:
    """The parts that have a content of their own; a letter in a letter is one."""
    if part.get_content_maintype() != "multipart":
        yield part
    elif part.is_multipart():
        for inner in part.get_payload():
            yield from _leaves(inner)


def _bytes(part: Any) -> bytes:
    """Its content; b"" for what cannot be made out."""
    try:
        if part.get_content_maintype() == "message" and part.is_multipart():
            return b"\n".join(inner.as_bytes() for inner in part.get_payload())
        return part.get_payload(decode=True) or b""
    except (ValueError, LookupError, RecursionError):
        return b""


def _is_automatic(message: Any, sender: str) -> bool:
    """Written by a machine: an out-of-office note, a bounce, a list. An answer would go to nobody, or for ever."""
    automatic = str(message["Auto-Submitted"] or "no").partition(";")[0].strip().lower() != "no"
    return (
        automatic
        or str(message["Precedence"] or "").strip().lower() in _BULK
        or any(message[name] is not None for name in _OF_MACHINES)
        or str(message["Return-Path"] or "").strip() == "<>"
        or message.envelope_sender in ("", "<>")
        or message.get_content_type() == "multipart/report"
        or _MACHINES.match(sender) is not None
    )
