"""Who is this? Outside ids and addresses in, one customer out; whole batches at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.expressions import Combinable

from crm.events import log
from crm.events.types import EventDraft
from crm.lib import bulk
from crm.lib.phones import InvalidPhone, normalise_phone
from crm.models import Customer, Identity, Shop
from crm.models.customer import search_text
from crm.services import merges

Kind = Identity.Kind
Key = tuple[str, str, str]  # kind, source, value

# Which id to believe when they point at different people, strongest first.
STRENGTH = {Kind.EXTERNAL: 0, Kind.EMAIL: 1, Kind.PHONE: 2, Kind.LINE: 3, Kind.ANONYMOUS: 4}
_ATTEMPTS = 3


class InvalidIdentity(ValueError):
    """An id that cannot be one; `field` names it: "email", "phone", "line_id", "external.<source>" …"""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Identities:
    """
    The ids by which one person was named. Make it with `clean`, which normalises.

    Attributes:
        external: (source, id) pairs: a storefront's own user ids.
        anonymous: (source, id) pairs: a browser's cookie, weak evidence.
    """

    email: str = ""
    phone: str = ""
    line_id: str = ""
    external: tuple[tuple[str, str], ...] = ()
    anonymous: tuple[tuple[str, str], ...] = ()

    def as_keys(self) -> list[Key]:
        """As identity keys, strongest first."""
        keys: list[Key] = [(Kind.EXTERNAL, source, value) for source, value in self.external]
        keys += [
            (kind, "", value)
            for kind, value in ((Kind.EMAIL, self.email), (Kind.PHONE, self.phone), (Kind.LINE, self.line_id))
            if value
        ]
        keys += [(Kind.ANONYMOUS, source, value) for source, value in self.anonymous]
        return keys

    @property
    def is_anonymous(self) -> bool:
        """Nothing but a browser's cookie."""
        return not (self.email or self.phone or self.line_id or self.external)


@dataclass(slots=True)
class Resolved:
    """Who it was. `created` when nobody was known by any of the ids."""

    customer_id: int
    created: bool


@dataclass(slots=True)
class _Batch:
    """What one round of resolving has found out."""

    known: dict[Key, int]
    visitors: set[int]
    external_sources: dict[int, set[tuple[str, str]]]
    stored: frozenset[Key]  # those of `known` that the database has
    incomplete: set[int]  # who lacks an address
    fresh: dict[int, Customer] = field(default_factory=dict)  # temporary negative ids until inserted
    merges: list[tuple[int, int]] = field(default_factory=list)  # (survivor, loser)
    promoted: set[int] = field(default_factory=set)
    instead: dict[int, int] = field(default_factory=dict)  # visitors who turned out to be somebody: who
    temporary: Iterator[int] = field(default_factory=lambda: count(-1, -1))


class _LostRace(Exception):
    """Another transaction created one of our new people first: look again."""


def clean(
    *,
    email: str = "",
    phone: str = "",
    line_id: str = "",
    external: Iterable[tuple[str, str]] = (),
    anonymous: Iterable[tuple[str, str]] = (),
    region: str = "",
) -> Identities:
    """
    Normalise ids: email trimmed and lower case, phone E.164 (default region: the shop's country).

    Raises:
        InvalidIdentity: the first id that cannot be one, or none given at all.
    """
    email = email.strip().lower()
    if email:
        try:
            validate_email(email)
        except ValidationError as error:
            raise InvalidIdentity("email", "not an email address") from error
    if phone.strip():
        try:
            phone = normalise_phone(phone, region or Shop.current().country)
        except InvalidPhone as error:
            raise InvalidIdentity("phone", str(error)) from error
    line_id = line_id.strip()
    if len(line_id) > 64:
        raise InvalidIdentity("line_id", "longer than 64 characters")
    identities = Identities(
        email, phone.strip(), line_id, _clean_pairs("external", external), _clean_pairs("anonymous", anonymous)
    )
    if not identities.as_keys():
        raise InvalidIdentity("identities", "at least one of email, phone, line_id, external is needed")
    return identities


def _clean_pairs(name: str, pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    cleaned = []
    for source, value in pairs:
        value = str(value).strip()
        if not value or len(value) > 254:
            raise InvalidIdentity(f"{name}.{source}", "empty" if not value else "longer than 254 characters")
        if not source or len(source) > 64:
            raise InvalidIdentity(name, "the source's name is empty or longer than 64 characters")
        cleaned.append((source, value))
    return tuple(cleaned)


def resolve_many(
    people: Sequence[Identities],
    *,
    now: datetime,
    source: str,
    known_at: Sequence[datetime] | None = None,
    names: Sequence[str] | None = None,
) -> list[Resolved]:
    """
    Find or make the customer behind each set of ids; a fixed number of queries for the whole batch.

    The strongest id decides (outside id, email, phone, LINE, cookie). Unknown ids are added to whoever was found. A
    nameless visitor becomes, or is merged into, the person their cookie turns out to be; two people with user ids of
    the same storefront are never merged. New people are recorded as "Customer Created".

    Args:
        known_at: when each became known, for the new ones; default `now`.
        names: what to call the new ones.

    Returns:
        One Resolved for each of `people`, in their order.
    """
    for attempt in range(_ATTEMPTS):
        try:
            with transaction.atomic():
                return _resolve(people, now, source, known_at or [now] * len(people), names or [""] * len(people))
        except _LostRace:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


def resolve(identities: Identities, *, now: datetime, source: str, known_at: datetime | None = None) -> Resolved:
    """The batch of one."""
    return resolve_many([identities], now=now, source=source, known_at=[known_at or now])[0]


def find_many(people: Sequence[Identities]) -> list[int | None]:
    """The customer behind each set of ids, None when nobody is known by them. Creates and changes nothing."""
    batch = _look_up([identities.as_keys() for identities in people])
    return [
        next((batch.known[key] for key in identities.as_keys() if key in batch.known), None) for identities in people
    ]


def keep_addresses(customer: Customer, *, now: datetime) -> None:
    """Make the record's own addresses identities of theirs; one that is somebody else's stays that person's."""
    if customer.merged_into_id or customer.erased_at:
        return
    keys = Identities(customer.email.lower(), str(customer.phone or ""), customer.line_id).as_keys()
    _add_identities(dict.fromkeys(keys, customer.pk), now)


def _resolve(
    people: Sequence[Identities], now: datetime, source: str, known_at: Sequence[datetime], names: Sequence[str]
) -> list[Resolved]:
    keys = [identities.as_keys() for identities in people]
    batch = _look_up(keys)
    chosen = [
        _choose(batch, identities, own, at, name, source)
        for identities, own, at, name in zip(people, keys, known_at, names, strict=True)
    ]
    created = _insert_people(batch, now)
    rows = {temporary: person.pk for temporary, person in created.items()}
    final = [rows.get(pk, pk) for pk in (batch.instead.get(pk, pk) for pk in chosen)]
    wanted = {key: rows.get(pk, pk) for key, pk in batch.known.items() if key not in batch.stored}
    _add_identities(wanted, now, must_win=frozenset(rows.values()))
    _complete_addresses(people, final, set(final) - set(rows.values()), batch)
    for survivor, loser in batch.merges:
        merges.merge_customers(
            survivor=Customer.objects.get(pk=rows.get(survivor, survivor)),
            loser=Customer.objects.get(pk=loser), reason="the visitor turned out to be them", actor=None, now=now,
        )  # fmt: skip
    facts = [fact for person in created.values() for fact in person.facts()]
    if batch.promoted:
        facts += _promote(batch.promoted)
    log.record_many(facts, now=now)
    return [Resolved(pk, before in created) for pk, before in zip(final, chosen, strict=True)]


def _look_up(keys: Sequence[list[Key]]) -> _Batch:
    wanted = {key for own in keys for key in own}
    rows = Identity.objects.filter(value__in={value for _, _, value in wanted}).values_list(
        "kind", "source", "value", "customer_id", "customer__is_visitor", _lacks_an_address("customer__")
    )
    known = {}
    visitors = set()
    incomplete = set()
    for kind, source, value, customer_id, is_visitor, is_incomplete in rows:
        if (kind, source, value) in wanted:
            known[kind, source, value] = customer_id
            if is_visitor:
                visitors.add(customer_id)
            if is_incomplete:
                incomplete.add(customer_id)
    external: dict[int, set[tuple[str, str]]] = {}
    if known and any(key[0] == Kind.EXTERNAL and key not in known for key in wanted):
        held = Identity.objects.filter(customer_id__in=set(known.values()), kind=Kind.EXTERNAL)
        for customer_id, source, value in held.values_list("customer_id", "source", "value"):
            external.setdefault(customer_id, set()).add((source, value))
    return _Batch(known, visitors, external, frozenset(known), incomplete)


def _lacks_an_address(prefix: str = "") -> Combinable:
    lacks = Q(**{f"{prefix}email": ""}) | Q(**{f"{prefix}phone": ""}) | Q(**{f"{prefix}line_id": ""})
    return ExpressionWrapper(lacks, output_field=BooleanField())


def _choose(batch: _Batch, identities: Identities, keys: list[Key], at: datetime, name: str, source: str) -> int:
    """The customer for one set of ids; notes in `batch` what must be made, merged or promoted."""
    candidates = [batch.known[key] for key in keys if key in batch.known]
    people = [pk for pk in candidates if pk not in batch.visitors and not _is_someone_else(batch, pk, identities)]
    visitors = [pk for pk in candidates if pk in batch.visitors]
    if people:
        chosen = people[0]
        if not identities.is_anonymous:
            _recognise(batch, visitors, chosen)
    elif visitors:
        chosen = visitors[0]
        if not identities.is_anonymous:
            batch.visitors.discard(chosen)
            batch.promoted.add(chosen)
            if chosen < 0:
                batch.fresh[chosen].is_visitor = False
            _recognise(batch, visitors[1:], chosen)
    else:
        chosen = next(batch.temporary)
        batch.fresh[chosen] = Customer(
            name=name, source=source, created_at=at, last_seen_at=None, is_visitor=identities.is_anonymous
        )
        if identities.is_anonymous:
            batch.visitors.add(chosen)
    batch.known.update({key: chosen for key in keys if key not in batch.known})
    batch.external_sources.setdefault(chosen, set()).update(identities.external)
    if chosen < 0:
        _fill_addresses(batch.fresh[chosen], identities)
    return chosen


def _recognise(batch: _Batch, visitors: Iterable[int], person: int) -> None:
    """The nameless `visitors` are `person`: a stored one is merged, one of this batch was never anybody else."""
    for visitor in dict.fromkeys(visitors):
        if visitor == person:
            continue
        batch.visitors.discard(visitor)
        batch.instead[visitor] = person
        batch.known.update({key: person for key, pk in batch.known.items() if pk == visitor})
        if batch.fresh.pop(visitor, None) is None:
            batch.merges.append((person, visitor))


def _is_someone_else(batch: _Batch, pk: int, identities: Identities) -> bool:
    """A shared email or phone does not make one person of two user ids of the same storefront."""
    held = batch.external_sources.get(pk, set())
    return any(
        source == own_source and value != own_value and (own_source, own_value) not in held
        for own_source, own_value in identities.external
        for source, value in held
    )


def _fill_addresses(customer: Customer, identities: Identities) -> bool:
    """Give the record the addresses it lacks; whether anything changed."""
    changed = False
    for attribute, value in (("email", identities.email), ("phone", identities.phone), ("line_id", identities.line_id)):
        if value and not str(getattr(customer, attribute) or ""):
            setattr(customer, attribute, value)
            changed = True
    return changed


def _insert_people(batch: _Batch, now: datetime) -> dict[int, Customer]:
    for customer in batch.fresh.values():
        customer.search_text = search_text(customer)
    bulk.insert_new(Customer, list(batch.fresh.values()), unique=("public_id",))
    if batch.fresh:
        Customer.history.bulk_history_create(list(batch.fresh.values()), default_change_reason="became known")
    batch.promoted -= batch.fresh.keys()
    return batch.fresh


def _add_identities(wanted: dict[Key, int], now: datetime, must_win: frozenset[int] = frozenset()) -> None:
    rows = [
        Identity(customer_id=pk, kind=kind, source=source, value=value, created_at=now)
        for (kind, source, value), pk in sorted(
            wanted.items()
        )  # sorted: two batches never wait for each other in a ring
    ]
    added = bulk.insert_new(Identity, rows, unique=("kind", "value", "source"))
    if len(added) < len(rows):
        lost = {row.customer_id for row in rows} - {row.customer_id for row in added}
        if lost & must_win:
            raise _LostRace


def _complete_addresses(people: Sequence[Identities], final: Sequence[int], old: set[int], batch: _Batch) -> None:
    """Somebody we knew by a cookie or user id alone now has an address: put it on the record."""
    news: dict[int, list[Identities]] = {}
    for identities, pk in zip(people, final, strict=True):
        if pk in old and pk in batch.incomplete and (identities.email or identities.phone or identities.line_id):
            news.setdefault(pk, []).append(identities)
    if not news:
        return
    incomplete = Customer.objects.filter(_lacks_an_address(), pk__in=news)
    for customer in incomplete:
        changed = [_fill_addresses(customer, _own_part(new, customer.pk, batch)) for new in news[customer.pk]]
        if any(changed):
            customer.facts_deferred = True
            customer.save()


def _own_part(identities: Identities, pk: int, batch: _Batch) -> Identities:
    """Those addresses that are not known to be somebody else's."""
    free = {key for key in identities.as_keys() if batch.known.get(key, pk) == pk}
    return Identities(
        email=identities.email if (Kind.EMAIL, "", identities.email) in free else "",
        phone=identities.phone if (Kind.PHONE, "", identities.phone) in free else "",
        line_id=identities.line_id if (Kind.LINE, "", identities.line_id) in free else "",
    )


def _promote(pks: set[int]) -> list[EventDraft]:
    """Visitors who now have a name or address become people; their facts so far come along."""
    people = list(Customer.objects.filter(pk__in=pks))
    for person in people:
        person.is_visitor = False
    bulk.update_rows(Customer, [{"id": p.pk, "is_visitor": False} for p in people], fields=["is_visitor"])
    return [fact for person in people for fact in person.facts()]
