"""A socket like those of crm.extensions: what whoever carries replies on tickets asks of the files that they bring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crm.extensions import Text


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A reply as it is to leave: the way it goes, and for each of its files the name, the type and the bytes it has."""

    channel: str
    body: str
    files: Sequence[tuple[str, str, int]]


@dataclass(frozen=True, slots=True)
class ReplyWay:
    """
    Attributes:
        why_no_files: why replies on a channel cannot bring files now; "" when they can.
        faults: what keeps a reply with these files from leaving as it is; nothing when it may.
    """

    why_no_files: Callable[[str], Text]
    faults: Callable[[Outgoing], Sequence[Text]]


_ways: dict[str, ReplyWay] = {}


def add_reply_way(name: str, way: ReplyWay) -> None:
    _ways[name] = way


def why_no_files(channel: str) -> Text:
    """Why replies on `channel` cannot bring files now; "" when they can, or stay on the ticket anyway."""
    faults = (way.why_no_files(channel) for way in _ways.values())
    return next((fault for fault in faults if fault), "")


def faults_of_reply(reply: Outgoing) -> list[Text]:
    """What keeps `reply` from leaving with its files."""
    return [fault for way in _ways.values() for fault in way.faults(reply)]
