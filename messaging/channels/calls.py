"""What providers tell us on their own account: receipts, and what people write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from messaging.channels.base import ReceiptIn


class What(StrEnum):
    """Which of a channel's doors was called; providers that have one address for everything use HOOK."""

    HOOK = "hook"
    RECEIPTS = "receipts"
    INBOUND = "inbound"


@dataclass(frozen=True, slots=True)
class Call:
    """
    An HTTP request to one of our doors, as it came.

    Attributes:
        url: as the provider was told to call it, with the query: signatures cover it.
        headers: by lower-case name.
        body: the raw bytes, which signatures cover; at most 256 KB, or the size of a letter for inbound email.
    """

    what: What
    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class FileIn:
    """Something attached: the name is the sender's and not to be trusted."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class FileThere:
    """Something attached that the provider keeps until we fetch it; `reference` is what to ask for (base.Keeper)."""

    reference: str
    name: str = ""


class Kind(StrEnum):
    """What somebody did."""

    WROTE = "wrote"
    FOLLOWED = "followed"  # LINE: added us as a friend, or unblocked us
    LEFT = "left"  # LINE: blocked us
    UNSENT = "unsent"  # LINE: took a message back, the one with this message_id


@dataclass(frozen=True, slots=True)
class InboundIn:
    """
    Something a person did on a channel.

    Attributes:
        provider_id: the provider's id of it; the same again is the same.
        from_address, from_name: who; a phone number may be in any common form.
        to: the address of ours that they wrote to, where a channel has several.
        body: the text; "" for a picture alone.
        html: an email's HTML part, as it came: hostile.
        message_id, references: an email's own id, and those it answers, newest last, with angle brackets; LINE's id of
            a message, written or taken back.
        posted_by: an address that nobody reads, when a form on the web wrote for `from_address`, as whoever filled it
            in says: anybody can, so that no word in it opts anybody out.
        is_automatic: an out-of-office note or a bounce: kept, but nobody is to answer it.
        reply_token: with it an answer costs nothing, for a minute or so (LINE).
    """

    provider: str
    provider_id: str
    from_address: str
    at: datetime
    kind: Kind = Kind.WROTE
    body: str = ""
    from_name: str = ""
    to: str = ""
    subject: str = ""
    html: str = ""
    message_id: str = ""
    references: Sequence[str] = ()
    files: Sequence[FileIn] = ()
    files_there: Sequence[FileThere] = ()
    is_automatic: bool = False
    posted_by: str = ""
    reply_token: str = ""


@dataclass(frozen=True, slots=True)
class Thanks:
    """The body of our 200, as the provider wants it."""

    body: str = "{}"
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Heard:
    """
    What a call told.

    Attributes:
        unread: what was wrong with parts of it that made no sense, beside others that did.
    """

    receipts: Sequence[ReceiptIn] = ()
    inbound: Sequence[InboundIn] = ()
    thanks: Thanks = Thanks()
    unread: Sequence[str] = ()


class Refused(Exception):
    """The call is not taken, and nothing of it is kept; `code` says why."""

    code = "refused"


class NoSuchDoor(Refused):
    """The provider has no such door, or it was not set up."""

    code = "not_found"


class BadSignature(Refused):
    """Not signed, or not by whom we gave the key to."""

    code = "bad_signature"


class StaleCall(Refused):
    """Signed too long ago, or ahead of our clock: five minutes are allowed."""

    code = "stale_timestamp"


class UnreadableCall(Refused):
    """Signed, but it makes no sense; the message says where."""

    code = "invalid"
