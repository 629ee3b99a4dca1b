"""The sandbox phone: nothing leaves the machine; what would have arrived is a row to look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from crm.lib import bulk
from messaging.channels.base import (
    Accepted,
    ConfigFault,
    FileOut,
    News,
    Outcome,
    Parcel,
    ReceiptIn,
    Repeat,
    Traits,
    only_known,
)
from messaging.channels.calls import Call, Heard, NoSuchDoor
from messaging.models import SandboxText

NAME = "sandbox"
LARGEST = 25_000_000  # as most mail servers
BY_HAND = "by_hand"


class SandboxProvider:
    """
    Keeps every parcel as a text on its recipient's phone, once per key, and reports it delivered in the same breath.

    With `{"receipts": "by_hand"}` it reports nothing: messages stay sent until somebody plays their fate
    (messaging.inbound.phone).
    """

    traits = Traits(repeat=Repeat.KEY, key_life=timedelta(days=36_500), batch=1_000, in_flight=1_000, largest=LARGEST)

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._reports = config.get("receipts") != BY_HAND

    @classmethod
    def check(cls, config: Mapping[str, Any]) -> list[ConfigFault]:
        faults = only_known(config, "receipts")
        if config.get("receipts", BY_HAND) != BY_HAND:
            faults.append(ConfigFault("receipts", f'is "{BY_HAND}", or left out'))
        return faults

    def send(self, parcels: Iterator[Parcel]) -> Iterator[tuple[Parcel, Outcome]]:
        while taken := list(islice(parcels, self.traits.in_flight)):
            news = News.DELIVERED if self._reports else ""
            bulk.insert_new(SandboxText, [_text(parcel, news) for parcel in taken], unique=("key",))
            for parcel in taken:
                receipts = (_delivered(parcel),) if self._reports else ()
                yield parcel, Accepted(reference=f"sandbox-{parcel.key}", receipts=receipts)

    def look_up(self, keys: Sequence[str]) -> Mapping[str, str]:
        return {}  # repeating by key is enough

    def hear(self, call: Call, *, now: datetime) -> Heard:
        raise NoSuchDoor


def _text(parcel: Parcel, news: str) -> SandboxText:
    return bulk.new_row(
        SandboxText,
        address=parcel.to,
        channel=parcel.channel,
        is_from_us=True,
        key=parcel.key,
        sender=parcel.sender,
        subject=parcel.subject,
        body=parcel.body,
        html=parcel.html,
        files=[_file(file) for file in parcel.files],
        news=news,
        at=parcel.at,
    )


def _file(file: FileOut) -> dict[str, Any]:
    """The phone is on this machine, whatever address others know it by."""
    path = urlsplit(file.url).path
    return {
        "name": file.name, "type": file.content_type, "size": file.size, "path": path, "shown": file.is_shown,
    }  # fmt: skip


def _delivered(parcel: Parcel) -> ReceiptIn:
    return ReceiptIn(
        provider=NAME, event_id=f"{parcel.key}:{News.DELIVERED}", news=News.DELIVERED, at=parcel.at, key=parcel.key,
        reference=f"sandbox-{parcel.key}",
    )  # fmt: skip
