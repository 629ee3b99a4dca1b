"""API keys: what a program may do, how a key is made, and how one is recognised."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm.models import ApiKey

# Facts are told apart by source: with one of these a program could take the place of a fact of ours.
OUR_SOURCES = frozenset({"waymark", "staff"})
# A key that is busy need not be written on every call.
LAST_USED_PRECISION = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Scope:
    """
    Something a key may be allowed to do. `permission` is what a member of staff needs for the same through the API.

    No scope reaches users, keys, suppressions or erasure: no key can manage those.
    """

    name: str
    label: str | Promise
    permission: str


SCOPES = {
    scope.name: scope
    for scope in (
        Scope("customers:read", _("read customers, their timeline and consents"), "customers.view"),
        Scope("customers:write", _("add and change customers"), "customers.edit"),
        Scope("consents:write", _("record and withdraw consent"), "consents.record"),
        Scope("purchases:read", _("read purchases"), "purchases.view"),
        Scope("purchases:write", _("record purchases and refunds"), "purchases.edit"),
        Scope("products:read", _("read products"), "purchases.view"),
        Scope("events:read", _("read the event log"), "customers.view"),
        Scope("events:write", _("report what customers do"), "customers.edit"),
        Scope("tickets:read", _("read tickets"), "tickets.view"),
        Scope("tickets:write", _("open and answer tickets"), "tickets.work"),
        Scope("tasks:read", _("read tasks"), "customers.view"),
        Scope("tasks:write", _("add, change and finish tasks"), "tasks.edit"),
        Scope("reviews:read", _("read reviews"), "reviews.view"),
        Scope("reviews:write", _("submit and moderate reviews"), "reviews.moderate"),
        Scope("touchpoints:read", _("read touchpoints"), "touchpoints.view"),
        Scope("touchpoints:write", _("add touchpoints"), "touchpoints.edit"),
        Scope("promotions:read", _("read promotions and coupons"), "promotions.view"),
        Scope("promotions:write", _("add and change promotions, and make codes"), "promotions.edit"),
        Scope("coupons:redeem", _("check and redeem coupons"), "coupons.redeem"),
        Scope("coupons:void", _("make coupons void"), "coupons.void"),
        Scope("webhooks:manage", _("subscribe to facts by webhook"), "settings.webhooks"),
        Scope("segments:read", _("read segments and who is in them"), "segments.view"),
        Scope("segments:write", _("add and change segments"), "segments.edit"),
        Scope("journeys:read", _("read journeys and their stages"), "journeys.view"),
        Scope("journeys:write", _("edit journeys and move customers"), "journeys.edit"),
        Scope("flows:read", _("read flows"), "flows.view"),
        Scope("flows:write", _("draft, publish and pause flows, and enrol customers"), "flows.edit"),
        Scope("templates:read", _("read templates"), "templates.view"),
        Scope("templates:write", _("add templates"), "templates.edit"),
        Scope("broadcasts:read", _("read broadcasts and what came of them"), "broadcasts.view"),
        Scope("broadcasts:write", _("draft broadcasts"), "broadcasts.edit"),
        Scope("broadcasts:send", _("send, pause and cancel broadcasts"), "broadcasts.send"),
        Scope("messages:read", _("read the message log"), "messages.view"),
        Scope("messages:send", _("write to customers"), "messages.send"),
    )
}
# What other systems call the same thing.
SYNONYMS = {"orders:read": "purchases:read", "orders:write": "purchases:write", "messages:write": "messages:send"}


class UnknownScope(ValueError):
    """There is no such scope; the message names those there are."""


class InvalidAddress(ValueError):
    """An entry of the IP list is neither an address nor a network."""


class ReservedSource(ValueError):
    """The source is one that only our own records have."""


class KeyRefused(Exception):
    """The key opens nothing. `code` is invalid_key, revoked_key, expired_key or address_not_allowed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key and its secret: the only moment the secret can be read."""

    key: ApiKey
    secret: str


def create_key(
    *,
    name: str,
    scopes: Sequence[str],
    source: str = "api",
    allowed_ips: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> NewKey:
    """
    Make a key that may do `scopes` and writes its records as `source`.

    Raises:
        UnknownScope: one of `scopes` does not exist.
        InvalidAddress: one of `allowed_ips` is no address or network (CIDR).
        ReservedSource: `source` is one of OUR_SOURCES.
    """
    names = sorted({SYNONYMS.get(scope, scope) for scope in scopes})
    if unknown := [scope for scope in names if scope not in SCOPES]:
        raise UnknownScope(f"there is no scope {', '.join(unknown)}; there are {', '.join(SCOPES)}")
    for address in allowed_ips:
        _network(address)
    if source in OUR_SOURCES:
        raise ReservedSource(f"{source} is a source of our own; choose another")
    secret = ApiKey.new_secret()
    key = ApiKey.objects.create(
        name=name,
        prefix=secret[:16],
        hashed=ApiKey.digest(secret),
        scopes=names,
        source=source,
        allowed_ips=list(allowed_ips),
        expires_at=expires_at,
    )
    return NewKey(key, secret)


def recognise(secret: str, *, address: str, now: datetime) -> ApiKey:
    """
    The live key that `secret` is, seen from `address`; notes that it was used.

    Raises:
        KeyRefused: no such key, or it is revoked, expired, or not allowed from there.
    """
    key = ApiKey.objects.filter(hashed=ApiKey.digest(secret)).first()
    if key is None:
        raise KeyRefused("invalid_key", "This API key does not exist.")
    if key.revoked_at is not None:
        raise KeyRefused("revoked_key", "This API key was revoked.")
    if not key.is_live(now):
        raise KeyRefused("expired_key", "This API key has expired.")
    if key.allowed_ips and not _is_among(address, key.allowed_ips):
        raise KeyRefused("address_not_allowed", "This API key may not be used from this address.")
    _note_use(key, now)
    return key


def _note_use(key: ApiKey, now: datetime) -> None:
    if key.last_used_at is None or now - key.last_used_at >= LAST_USED_PRECISION:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise InvalidAddress(f"{text} is neither an IP address nor a network") from error


def _is_among(address: str, allowed: Sequence[str]) -> bool:
    try:
        caller = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(caller, ipaddress.IPv6Address) and caller.ipv4_mapped:
        caller = caller.ipv4_mapped
    return any(_holds(entry, caller) for entry in allowed)


def _holds(entry: str, caller: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether `entry` covers `caller`. The list may have been edited by hand: what is no network holds nobody."""
    try:
        return caller in _network(entry)
    except InvalidAddress:
        return False
