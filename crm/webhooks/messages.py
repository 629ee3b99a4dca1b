"""
Segment's messages (identify, track, page, screen, group, alias) as items of our own. Pure: JSON in, values out.

Client libraries are many and old, so what is good in a message is taken and what is not is said (`faults`), rather
than the whole refused: an order with a misspelt phone is still an order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from crm.events.types import ALIASES
from crm.lib import texts
from crm.lib.moments import EARLIEST, InvalidMoment, read_moment
from crm.lib.zones import zone_names
from crm.models import Channel
from crm.services import identities as ids
from crm.services.commerce import ORDER_EVENTS
from crm.services.identities import Identities
from crm.services.ingest import Item, key_of
from crm.services.profiles import CompanySaid, Profile

TYPES = ("identify", "track", "page", "screen", "group", "alias")
# What templates print when nobody is signed in: taken at its word, it would make one person of all visitors.
NOBODY = frozenset({"", "null", "undefined", "none", "nan", "0", "anonymous", "guest", "(null)"})
# Traits that have a field of their own; the others become attributes.
_FIELDS = frozenset(
    {
        "name", "firstName", "lastName", "first_name", "last_name", "email", "phone", "birthday", "company",
        "line_user_id", "lineUserId", "line_id", "marketing_consent", "marketingConsent", "id",
    }
)  # fmt: skip
_LONGEST_TRAIT = 2000


class Unreadable(ValueError):
    """The message cannot be taken at all; `code` and `message` say why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Fault:
    """A part of a message that was left out, and why."""

    code: str
    message: str


@dataclass(slots=True)
class Read:
    """A message read: the item, and what of it was left out."""

    item: Item
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reader:
    """
    Reads the messages of one request.

    Attributes:
        source: the storefront's slug: its user ids and cookies are its own.
        region: the country whose phone numbers are written without +.
        sent_at: when the client says it sent the request, by its own clock.
    """

    source: str
    region: str
    received_at: datetime
    sent_at: datetime | None

    def read(self, message: Mapping[str, Any]) -> Read:
        """
        Read one message, its type included.

        Raises:
            Unreadable: an unknown type, nobody named, or a track without an event.
        """
        kind = texts.said(message, "type")
        if kind not in TYPES:
            raise Unreadable("unknown_type", f"type must be one of {', '.join(TYPES)}")
        faults: list[Fault] = []
        context = _object(message, "context")
        traits = _object(message, "traits") if kind == "identify" else {}
        event, properties = _event(kind, message)
        # Any message may say in its context who it is about; a guest's order often says it among its properties.
        contact = {**_object(context, "traits"), **traits}
        if ALIASES.get(event, event) in ORDER_EVENTS:
            contact = {**properties, **contact}
        former = _person(message, "previousId", "previous_id") if kind == "alias" else ""
        visitor = former or _person(message, "anonymousId", "anonymous_id")
        occurred_at = self._occurred_at(message)
        said = (
            kind,
            _person(message, "userId", "user_id"),
            visitor,
            event,
            message.get("timestamp"),
            properties,
            traits,
        )
        item = Item(
            occurred_at=occurred_at,
            key=key_of(texts.said(message, "messageId", "message_id"), *said),
            identities=self._identities(message, visitor, contact, faults),
            event=event,
            properties=properties,
            profile=self._profile(kind, message, traits, context, faults),
            campaign=texts.said(_object(context, "campaign"), "name")[:100],
            visitor=visitor,
            former=former,
        )  # fmt: skip
        return Read(item, faults)

    def _occurred_at(self, message: Mapping[str, Any]) -> datetime:
        """
        When it happened, by our clock: timestamp = receivedAt - (sentAt - originalTimestamp).

        The client's clock may be wrong by days, but the time between the two is right. Nothing happens in the future.
        """
        given = moment_of(message, "originalTimestamp", "timestamp")
        if given is None:
            return self.received_at
        sent_at = self.sent_at or moment_of(message, "sentAt")
        corrected = self.received_at - (sent_at - given) if sent_at else given
        return max(min(corrected, self.received_at), EARLIEST)

    def _identities(
        self, message: Mapping[str, Any], visitor: str, contact: Mapping[str, Any], faults: list[Fault]
    ) -> Identities:
        user = _person(message, "userId", "user_id")
        if not user and not visitor:
            raise Unreadable("no_identity", "userId or anonymousId is required")
        given = {
            "email": texts.said(contact, "email"),
            "phone": texts.said(contact, "phone"),
            "line_id": texts.said(contact, "line_user_id", "lineUserId", "line_id"),
        }
        good = {}
        for name, value in given.items():
            one: dict[str, Any] = {name: value, "region": self.region}
            try:
                good[name] = value and getattr(ids.clean(**one), name)
            except ids.InvalidIdentity as error:
                faults.append(Fault(f"invalid_{name}", f"{error.field} was left out: {error.message}"))
        return Identities(
            **good,
            external=((self.source, user),) if user else (),
            anonymous=((self.source, visitor),) if visitor else (),
        )

    def _profile(
        self,
        kind: str,
        message: Mapping[str, Any],
        traits: Mapping[str, Any],
        context: Mapping[str, Any],
        faults: list[Fault],
    ) -> Profile | None:
        if kind == "group":
            return Profile(company=_group(message))
        if kind != "identify":
            return None
        return Profile(
            name=_name(traits)[:200],
            language=texts.said(context, "locale").replace("_", "-").partition("-")[0].lower()[:8],
            time_zone=_zone(context, faults),
            birthday=_birthday(traits, faults),
            attributes=dict(_attributes(traits, faults)),
            company=_company(_object(traits, "company")),
            marketing=_marketing(traits),
        )


def _event(kind: str, message: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The event's name and properties; "" for what only says who somebody is."""
    properties = dict(_object(message, "properties"))
    if kind == "track":
        name = texts.said(message, "event")
        if not name:
            raise Unreadable("no_event", "a track needs an event")
        return name[:200], properties
    if kind in ("page", "screen"):
        for part in ("name", "category"):
            if text := texts.said(message, part):
                properties.setdefault(part, text)
        return f"{kind.capitalize()} Viewed", properties
    return "", {}


def _group(message: Mapping[str, Any]) -> CompanySaid:
    group = texts.said(message, "groupId", "group_id")
    if not group:
        raise Unreadable("no_group", "a group needs a groupId")
    company = _company({**_object(message, "traits"), "id": group})
    assert company is not None  # noqa: S101 - it has an id
    return company


def _company(traits: Mapping[str, Any]) -> CompanySaid | None:
    """A company without an id of its own is told apart by its name."""
    key = texts.said(traits, "id") or texts.said(traits, "name")
    if not key:
        return None
    rest = {name: value for name, value in traits.items() if name not in ("id", "name")}
    return CompanySaid(external_id=key[:200], name=texts.said(traits, "name")[:200], attributes=rest)


def _name(traits: Mapping[str, Any]) -> str:
    parts = (texts.said(traits, "firstName", "first_name"), texts.said(traits, "lastName", "last_name"))
    return texts.said(traits, "name") or " ".join(part for part in parts if part)


def _zone(context: Mapping[str, Any], faults: list[Fault]) -> str:
    name = texts.said(context, "timezone")
    if name and name not in zone_names():
        faults.append(Fault("invalid_timezone", f"timezone was left out: {name[:60]} is no IANA time zone"))
        return ""
    return name


def _birthday(traits: Mapping[str, Any], faults: list[Fault]) -> date | None:
    text = texts.said(traits, "birthday")
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        faults.append(Fault("invalid_birthday", "birthday was left out: it is no date such as 1990-04-13"))
        return None


def _attributes(traits: Mapping[str, Any], faults: list[Fault]) -> Iterator[tuple[str, Any]]:
    for name, value in traits.items():
        if name in _FIELDS:
            continue
        if (isinstance(value, str) and len(value) > _LONGEST_TRAIT) or len(name) > 100:
            faults.append(Fault("too_long", f"{name[:100]} was left out: it is too long"))
        else:
            yield name, value


def _marketing(traits: Mapping[str, Any]) -> dict[str, bool]:
    consent = _object(traits, "marketing_consent", "marketingConsent")
    return {channel: agreed for channel in Channel.values if isinstance(agreed := consent.get(channel), bool)}


def moment_of(values: Mapping[str, Any], *names: str) -> datetime | None:
    """The first of `names` that is a time; without an offset it is UTC, as Segment says all times are."""
    for name in names:
        text = values.get(name)
        if isinstance(text, str) and text:
            for attempt in (text, f"{text}Z"):
                try:
                    return read_moment(attempt)
                except InvalidMoment:
                    continue
    return None


def _person(values: Mapping[str, Any], *names: str) -> str:
    """An id of somebody, "" for what only looks like one."""
    text = texts.said(values, *names)[:254]
    return "" if text.lower() in NOBODY else text


def _object(values: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        value = values.get(name)
        if isinstance(value, Mapping):
            return value
    return {}
