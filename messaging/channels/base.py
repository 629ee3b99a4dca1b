"""What a provider is, and the few ways in which handing over a message can end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from django.core.files.storage import default_storage

from messaging.channels.reasons import Reason

if TYPE_CHECKING:
    from messaging.channels.calls import Call, FileIn, Heard


@dataclass(frozen=True, slots=True)
class FileOut:
    """
    A file that goes along with a parcel.

    Attributes:
        place: its name in the storage; the bytes are read from there by whoever hands them over, and by nobody before.
        size: in bytes.
        url: where anybody who has this address may fetch it for a while.
        is_shown: it goes as a picture of its own; otherwise, on channels that carry no files, `body` has its address.
    """

    name: str
    content_type: str
    size: int
    place: str
    url: str = ""
    is_shown: bool = False

    def read(self) -> bytes:
        """
        Its bytes.

        Raises:
            PermanentFailure: it is not there any more.
            TemporaryFailure: the storage does not give it out.
        """
        try:
            with default_storage.open(self.place) as file:
                found: bytes = file.read()
                return found
        except FileNotFoundError as error:
            raise PermanentFailure(f"the file {self.name} is not there any more") from error
        except OSError as error:
            raise TemporaryFailure(f"the file {self.name} cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class Parcel:
    """
    A rendered message, ready to leave.

    Attributes:
        key: ours, the same on every try of one message; providers that can dedupe by it.
        at: now, by the sender's clock (a replayed history has its own).
        sender: the name, number or address it comes from; "" leaves it to the provider.
        html: the HTML part of an email; `body` is always the text.
        unsubscribe_url: for the one-click header of marketing email (RFC 8058); "" for none.
        receipts_url: where this provider may report what became of it; "" when it was given no door.
        reply_to, in_reply_to, references: an email's headers; ids with their angle brackets.
        reply_token: answers what somebody has just written, where a channel knows such a thing (LINE).
        files: what goes along.
    """

    key: str
    to: str
    body: str
    at: datetime
    channel: str = ""
    sender: str = ""
    subject: str = ""
    html: str = ""
    unsubscribe_url: str = ""
    language: str = ""
    receipts_url: str = ""
    reply_to: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    reply_token: str = ""
    files: tuple[FileOut, ...] = ()


class News(StrEnum):
    """What a receipt reports."""

    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    BLOCKED = "blocked"  # the number takes no adverts
    UNKNOWN_ADDRESS = "unknown_address"  # no such number or mailbox
    COMPLAINED = "complained"  # marked as spam
    UNSUBSCRIBED = "unsubscribed"  # by a link of the provider's own
    OPENED = "opened"  # a picture was fetched, perhaps by a machine: moves no state
    CLICKED = "clicked"  # a link was followed, perhaps by a machine: moves no state


@dataclass(frozen=True, slots=True)
class ReceiptIn:
    """
    A provider's word on what became of a message.

    Attributes:
        event_id: tells receipts of one provider apart; the same one again is the same receipt.
        key, reference: our key, or the provider's id for the message; one of them is known.
        raw: what came over the wire, kept as it is.
        url: the link that was followed (News.CLICKED).
        bot_because: by what a machine gave itself away that opened or clicked; "" for a person, as far as one can tell.
    """

    provider: str
    event_id: str
    news: News
    at: datetime
    key: str = ""
    reference: str = ""
    detail: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict)
    url: str = ""
    bot_because: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has it. Some say in the same breath what became of it: `receipts`."""

    reference: str
    receipts: tuple[ReceiptIn, ...] = ()


class Failure(Exception):
    """It did not go well; which kind says what to do next."""

    reason = Reason.TEMPORARY

    def __init__(self, detail: str = "", *, retry_after: timedelta | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after


class TemporaryFailure(Failure):
    """Refused for now and certainly not accepted: try again, after `retry_after` when it named a time."""


class RateLimited(Failure):
    """Too fast: nothing to this account for `retry_after`. Costs no attempt."""

    reason = Reason.RATE_LIMITED


class NeverSent(Failure):
    """It never reached the wire (no connection, no name): safe to repeat, costs no attempt."""

    reason = Reason.NOT_CONNECTED


class AccountRefused(NeverSent):
    """The provider refuses our credentials: every message would fail, so the account waits for a person."""

    reason = Reason.ACCOUNT_REFUSED


class Uncertain(Failure):
    """The answer was lost or makes no sense: it may have been accepted. Never repeated blindly."""

    reason = Reason.NO_ANSWER


class PermanentFailure(Failure):
    """
    Never try this message again.

    Attributes:
        reason: REFUSED (the content), UNKNOWN_ADDRESS or BLOCKED; the latter two suppress the address.
    """

    def __init__(self, detail: str = "", *, reason: Reason = Reason.REFUSED) -> None:
        super().__init__(detail)
        self.reason = reason


Outcome = Accepted | Failure


class Repeat(StrEnum):
    """What can be done about a message whose answer was lost."""

    KEY = "key"  # the provider dedupes by our key: send it again
    LOOKUP = "lookup"  # the provider can be asked whether it has it
    NEVER = "never"  # neither: it stays unknown, and a person decides


@dataclass(frozen=True, slots=True)
class Traits:
    """
    How a provider wants to be used.

    Attributes:
        channels: what it carries; empty when it carries anything.
        key_life: for how long it remembers our keys (Repeat.KEY).
        batch: how many messages to claim at once; a batch must be through well within its lease of a minute.
        in_flight: how many of them to mark as on the wire at once: what a crash can leave unknown.
        timeout: the longest one call may take.
        doors: those of messaging.channels.calls.What that it calls us at.
        largest: how many bytes a letter with all its files may have as it is sent; 0 where no files go along.
    """

    channels: frozenset[str] = frozenset()
    repeat: Repeat = Repeat.NEVER
    key_life: timedelta = timedelta(hours=24)
    batch: int = 500
    in_flight: int = 100
    timeout: timedelta = timedelta(seconds=10)
    doors: frozenset[str] = frozenset()
    largest: int = 0


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings to start from, with words like YOUR API KEY where the account's own belong."""

    label: str
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ConfigFault:
    """What is wrong with a provider's settings: where ("auth.bearer", "" for the whole) and what."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class Provider(Protocol):
    """
    A way to the outside. Made from the channel's settings by the registry, and kept for the worker's life.

    Contract, checked for all by tests/messaging/providers/contract.py. The class's own `traits` say what it carries; an
    object's may depend on its settings.
    """

    traits: Traits

    @classmethod
    def check(cls, config: Mapping[str, Any]) -> list[ConfigFault]:
        """What is wrong with these settings; a provider is only made from settings without fault."""
        ...

    def send(self, parcels: Iterator[Parcel]) -> Iterator[tuple[Parcel, Outcome]]:
        """
        Hand over the parcels and yield the outcome of each as it is known, in any order.

        Parcels are taken from the iterator only as there is room for their calls: taking one is what marks it as on
        the wire. Called outside of any transaction. Raises nothing: what goes wrong is an outcome.
        """
        ...

    def look_up(self, keys: Sequence[str]) -> Mapping[str, str]:
        """The provider's references of those `keys` it has (Repeat.LOOKUP only; others return nothing)."""
        ...

    def hear(self, call: Call, *, now: datetime) -> Heard:
        """
        What a call to one of our doors tells. Verifies before it reads.

        Raises:
            messaging.channels.calls.Refused: NoSuchDoor, BadSignature, StaleCall or UnreadableCall.
        """
        ...


@runtime_checkable
class Keeper(Protocol):
    """A provider that keeps what people attach, until it is fetched: pictures in LINE, MMS."""

    async def fetch(self, reference: str, *, now: datetime) -> FileIn:
        """
        The file that `reference` stands for (messaging.channels.calls.FileThere), named by nobody. Of one that is too
        large to be kept only so much is read as shows it.

        Raises:
            Failure: PermanentFailure when it will never come; any other is worth another try.
        """
        ...


def only_known(config: Mapping[str, Any], *names: str) -> list[ConfigFault]:
    """A fault for each of the settings that a provider does not have."""
    return [
        ConfigFault(name, f"is not known; known are: {', '.join(names) or 'none'}") for name in config.keys() - {*names}
    ]
