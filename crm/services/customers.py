"""Customers: make them known, and change what we know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from crm.lib.zones import zone_names
from crm.models import Company, Customer, Identity, Tag, User
from crm.services import identities as ids
from crm.services.identities import Identities

MAX_ATTRIBUTES = 200
_LIMITS = {"name": 200, "email": 254, "phone": 40, "line_id": 64, "language": 8, "time_zone": 64}


class InvalidCustomer(ValueError):
    """A field that cannot hold the value; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class AddressTaken(InvalidCustomer):
    """The address leads to somebody else, to `holder`."""

    def __init__(self, field: str, holder: Customer) -> None:
        super().__init__(field, "belongs to another customer")
        self.holder = holder


@dataclass(frozen=True, slots=True)
class Upserted:
    customer: Customer
    created: bool


@transaction.atomic
def upsert_customer(
    *,
    identities: Identities,
    now: datetime,
    source: str,
    name: str | None = None,
    language: str | None = None,
    time_zone: str | None = None,
    birthday: date | None = None,
    attributes: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
    company: Company | None = None,
    known_at: datetime | None = None,
) -> Upserted:
    """
    Find or make the customer behind `identities` and put on the record what else was said.

    None leaves a field as it is. Attributes are merged key by key; a null value removes the key.

    Raises:
        InvalidCustomer: a value that the field cannot hold; nothing is written then.
    """
    fields = {
        "name": name, "language": language, "time_zone": time_zone, "birthday": birthday, "company": company
    }  # fmt: skip
    _check(fields, attributes)
    resolved = ids.resolve(identities, now=now, source=source, known_at=known_at)
    customer = Customer.objects.select_related("owner", "company").get(pk=resolved.customer_id)
    changed = _set(customer, fields)
    merged = merge_attributes(customer.attributes, attributes or {})
    if merged != customer.attributes:
        customer.attributes = merged
        changed = True
    if changed:
        customer.changed_at = now
        customer.save()
    add_tags(customer, tags)
    return Upserted(customer, resolved.created)


@transaction.atomic
def edit_customer(customer: Customer, changes: Mapping[str, Any], *, now: datetime, actor: User | None) -> Customer:
    """
    Set fields of the record as a member of staff or a program asks.

    Args:
        changes: any of name, email, phone, line_id, language, time_zone, birthday, owner, company, attributes
            (merged key by key), already of the field's Python type. None takes owner, company and birthday away.

    Raises:
        InvalidCustomer: an unknown field or a bad value.
        AddressTaken: an address that is somebody else's.
    """
    plain = {key: value for key, value in changes.items() if key != "attributes"}
    _check(plain, changes.get("attributes"))
    _check_addresses(customer, plain)
    _set(customer, plain)
    for name in ("owner", "company", "birthday"):
        if name in plain and plain[name] is None:
            setattr(customer, name, None)
    if "attributes" in changes:
        customer.attributes = merge_attributes(customer.attributes, changes["attributes"])
    try:
        customer.full_clean(exclude=["attributes"], validate_unique=False)
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise InvalidCustomer(field, messages[0]) from error
    customer.changed_at = now
    customer._history_user = actor  # type: ignore[attr-defined]
    customer.save()
    return customer


@transaction.atomic
def create_customer(
    *, now: datetime, actor: User | None, owner: User | None = None, tags: Sequence[str] = (), **fields: Any
) -> Customer:
    """
    A member of staff writes down somebody new.

    Raises:
        InvalidCustomer: no way to name or reach them, or a bad value.
        AddressTaken: an address that somebody else already has.
    """
    customer = Customer(created_at=now, source="staff", owner=owner)
    if not any(fields.get(key) for key in ("name", "email", "phone", "line_id")):
        raise InvalidCustomer("name", "a name or an address is needed")
    edit_customer(customer, fields, now=now, actor=actor)
    add_tags(customer, tags)
    return customer


def add_tags(customer: Customer, names: Sequence[str]) -> None:
    """Tag the customer; tags that do not exist yet are made."""
    if names:
        customer.tags.add(*tags_called(names))


def remove_tags(customer: Customer, names: Sequence[str]) -> None:
    customer.tags.remove(*Tag.objects.filter(name__in=names))


def tags_called(names: Sequence[str]) -> list[Tag]:
    """
    The tags with these names, made where missing.

    Raises:
        InvalidCustomer: an empty or overlong name.
    """
    cleaned = list(dict.fromkeys(name.strip() for name in names))
    for name in cleaned:
        if not name or len(name) > 64:
            raise InvalidCustomer("tags", "a tag is 1 to 64 characters")
    Tag.objects.bulk_create([Tag(name=name) for name in cleaned], ignore_conflicts=True)
    return list(Tag.objects.filter(name__in=cleaned))


def merge_attributes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """`old` with the keys of `new`; null removes."""
    merged = {**old, **new}
    return {key: value for key, value in merged.items() if value is not None}


def _set(customer: Customer, fields: Mapping[str, Any]) -> bool:
    changed = False
    for name, value in fields.items():
        if value is not None and getattr(customer, name) != value:
            setattr(customer, name, value)
            changed = True
    return changed


def _check(fields: Mapping[str, Any], attributes: Any) -> None:
    known = {"name", "email", "phone", "line_id", "language", "time_zone", "birthday", "owner", "company"}
    for name, value in fields.items():
        if name not in known:
            raise InvalidCustomer(name, "unknown field")
        if isinstance(value, str):
            limit = _LIMITS[name]
            if len(value) > limit:
                raise InvalidCustomer(name, f"longer than {limit} characters")
    if fields.get("time_zone") and fields["time_zone"] not in zone_names():
        raise InvalidCustomer("time_zone", "not an IANA time zone such as Asia/Bangkok")
    if attributes is not None:
        if not isinstance(attributes, Mapping):
            raise InvalidCustomer("attributes", "not an object")
        if len(attributes) > MAX_ATTRIBUTES:
            raise InvalidCustomer("attributes", f"more than {MAX_ATTRIBUTES} keys")


def _check_addresses(customer: Customer, fields: Mapping[str, Any]) -> None:
    given = {key: str(fields.get(key) or "") for key in ("email", "phone", "line_id")}
    if not any(given.values()):
        return
    try:
        wanted = ids.clean(email=given["email"], phone=given["phone"], line_id=given["line_id"])
    except ids.InvalidIdentity as error:
        raise InvalidCustomer(error.field, error.message) from error
    names = {Identity.Kind.EMAIL: "email", Identity.Kind.PHONE: "phone", Identity.Kind.LINE: "line_id"}
    taken = Identity.objects.filter(value__in=[value for _, _, value in wanted.as_keys()]).exclude(customer=customer.pk)
    for identity in taken.select_related("customer"):
        if (identity.kind, identity.source, identity.value) in wanted.as_keys():
            raise AddressTaken(names[Identity.Kind(identity.kind)], identity.customer)
