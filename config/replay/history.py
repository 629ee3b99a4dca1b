"""What can happen in a shop's past: one small value a kind, each with its instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm.lib.money import Money
from crm.services.purchases import ItemIn


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the history. `key` is their id there; the rest is put on the record when they become known."""

    key: str
    name: str = ""
    email: str = ""
    phone: str = ""
    language: str = ""
    time_zone: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Happened:
    """
    Something of the past.

    Attributes:
        at: when it occurred.
        learnt_at: when the shop could first know of it, where that was later: a fact about an order that the data set
            dates before the order itself.
    """

    at: datetime
    person: Person
    learnt_at: datetime | None = field(default=None, kw_only=True)

    @property
    def lived_at(self) -> datetime:
        """Its place in the order in which the history is lived through."""
        return self.learnt_at or self.at


@dataclass(frozen=True, slots=True)
class OrderPlaced(Happened):
    reference: str
    total: Money
    items: Sequence[ItemIn] = ()
    promised_at: datetime | None = None
    payment_method: str = ""
    coupon: str = ""


@dataclass(frozen=True, slots=True)
class OrderDated(Happened):
    """An order was paid, shipped, delivered or cancelled: `date` is the purchase's field, e.g. "paid_at"."""

    reference: str
    date: str


@dataclass(frozen=True, slots=True)
class RefundGiven(Happened):
    """Money went back to a customer; `order` is "" when the history cannot say for which."""

    reference: str
    amount: Money
    order: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReviewWritten(Happened):
    reference: str
    rating: int | None
    title: str = ""
    body: str = ""
    order: str = ""
    site: str = "own"


@dataclass(frozen=True, slots=True)
class EventSeen(Happened):
    """The storefront saw something that is a fact and no record."""

    name: str
    key: str
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LinkFollowed(Happened):
    """Somebody came through a touchpoint's short link."""

    code: str


@dataclass(frozen=True, slots=True)
class ConsentGiven(Happened):
    changes: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class TicketOpened(Happened):
    key: str
    kind: str
    subject: str
    body: str
    channel: str
    order: str = ""
    is_complaint: bool = False


@dataclass(frozen=True, slots=True)
class TicketAnswered(Happened):
    """Staff answered the ticket `key`, and with `resolved` closed the matter."""

    key: str
    body: str
    staff: str
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class ReviewAnswered(Happened):
    reference: str
    body: str
    staff: str


@dataclass(frozen=True, slots=True)
class NoteWritten(Happened):
    body: str
    staff: str
    kind: str = "note"


Happening = (
    OrderPlaced
    | OrderDated
    | RefundGiven
    | ReviewWritten
    | EventSeen
    | LinkFollowed
    | ConsentGiven
    | TicketOpened
    | TicketAnswered
    | ReviewAnswered
    | NoteWritten
)


@dataclass(frozen=True, slots=True)
class Rows:
    """How the reading went: rows read, rows without a customer, rows that make no sense. None is dropped unseen."""

    read: int
    no_customer: int
    rejected: int


@dataclass(frozen=True, slots=True)
class History:
    """
    A shop's past.

    Attributes:
        source: the slug under which its records are kept.
        happenings: in the order of `lived_at`.
        fingerprint: names this very history, so that a second run knows the first.
        time_zone, country, currency, language: of the shop, when the database has no shop yet.
    """

    source: str
    label: str
    happenings: Sequence[Happening]
    rows: Rows
    fingerprint: str
    time_zone: str
    country: str
    currency: str
    language: str = "en"
