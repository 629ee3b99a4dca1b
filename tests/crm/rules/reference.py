"""
The rule grammar read once more, in plain Python over plain values: slow, obvious, and no SQL anywhere.

It shares with the product only the numbers' and texts' outer form (Compare and durations); what each leaf means is said
here in other words, and the two must agree.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from crm.lib.durations import parse_duration

OPEN = ("new", "open", "pending")
FACTS = {"sent": "Message Sent", "delivered": "Message Delivered", "clicked": "Message Clicked"}
LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


@dataclass
class Happening:
    name: str
    at: datetime
    properties: dict[str, Any]


@dataclass
class Order:
    at: datetime
    total: int  # minor units
    refunded: int
    currency: str
    cancelled: bool
    promised_at: datetime | None
    delivered: bool
    skus: list[str]


@dataclass
class Help:
    at: datetime
    kind: str
    status: str
    complaint: bool


@dataclass
class Opinion:
    at: datetime
    rating: int | None
    status: str
    site: str


@dataclass
class Place:
    stage: str | None
    since: datetime
    health: str


@dataclass
class Person:
    """A customer and everything about them."""

    fields: dict[str, Any]
    attributes: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    consents: dict[tuple[str, str], str] = field(default_factory=dict)
    events: list[Happening] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    tickets: list[Help] = field(default_factory=list)
    reviews: list[Opinion] = field(default_factory=list)
    place: Place | None = None


@dataclass
class World:
    now: datetime
    categories: dict[str, str]  # of products, by SKU
    segments: dict[str, Any]  # rules by slug

    def holds(self, rule: Mapping[str, Any], person: Person) -> bool:
        if not rule:
            return True
        ((kind, value),) = rule.items()
        if kind == "all":
            return all(self.holds(node, person) for node in value)
        if kind == "any":
            return any(self.holds(node, person) for node in value)
        if kind == "not":
            return not self.holds(value, person)
        return LEAVES[kind](self, value, person)

    def ago(self, length: str) -> datetime:
        return self.now - parse_duration(length).rough

    def lately(self, at: datetime, within: str | None) -> bool:
        return at <= self.now and (within is None or at >= self.ago(within))


def fits(value: Any, compare: Mapping[str, Any]) -> bool:
    tests: dict[str, Callable[[Decimal], bool]] = {
        "eq": lambda bound: value == bound,
        "ne": lambda bound: value != bound,
        "gt": lambda bound: value > bound,
        "gte": lambda bound: value >= bound,
        "lt": lambda bound: value < bound,
        "lte": lambda bound: value <= bound,
    }
    return all(tests[name](Decimal(str(bound))) for name, bound in compare.items())


# --- properties -------------------------------------------------------------------------------


def number(value: Any) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return Decimal(value) if len(value) < 18 and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value) else None
    return Decimal(str(value))


def same(found: Any, value: Any) -> bool:
    said = {True: "true", False: "false"}
    if isinstance(found, bool):
        found = said[found]
    if isinstance(value, bool):
        value = said[value]
    if isinstance(found, str) and isinstance(value, str):
        return found == value
    return number(found) is not None and number(found) == number(value)


def passes(test: Mapping[str, Any], properties: Mapping[str, Any]) -> bool:
    found: Any = properties
    for key in test["property"].split("."):
        found = found.get(key) if isinstance(found, dict) else None
    if isinstance(found, dict | list):
        found = None
    op, value = test["op"], test.get("value")
    if op == "exists":
        return found is not None
    if op == "not_exists":
        return found is None
    if found is None:
        return op in ("ne", "not_in")
    if op in ("in", "not_in"):
        return any(same(found, one) for one in value) == (op == "in")
    if op in ("eq", "ne"):
        return same(found, value) == (op == "eq")
    if op == "contains":
        wanted = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
        return isinstance(found, str) and wanted.translate(LOWER) in found.translate(LOWER)
    left, right = (found, value) if number(value) is None else (number(found), number(value))
    if left is None or (number(value) is None and not isinstance(found, str)):
        return False
    return {"gt": left > right, "gte": left >= right, "lt": left < right, "lte": left <= right}[op]


# --- leaves -----------------------------------------------------------------------------------


def by_field(world: World, test: Mapping[str, Any], person: Person) -> bool:
    found, op, value = person.fields.get(test["name"]), test["op"], test.get("value")
    if op in ("exists", "not_exists"):
        return bool(found) == (op == "exists")
    if test["name"] not in ("birthday", "created_at", "last_seen_at"):
        found = found or ""
        return {
            "eq": found == value, "ne": found != value, "contains": value.translate(LOWER) in found.translate(LOWER),
        }[op]  # fmt: skip
    if found is None:
        return False
    plain: Callable[[datetime], Any] = (lambda at: at.date()) if type(found) is date else (lambda at: at)
    if op == "within":
        return bool(plain(world.ago(value)) <= found <= plain(world.now))
    bound = datetime.fromisoformat(value)
    bound = plain(bound if bound.tzinfo else bound.replace(tzinfo=UTC))
    return bool(found < bound if op == "before" else found > bound)


def by_attribute(world: World, test: Mapping[str, Any], person: Person) -> bool:
    return passes({"property": test["name"], "op": test["op"], "value": test.get("value")}, person.attributes)


def by_event(world: World, test: Mapping[str, Any], person: Person) -> bool:
    found = [
        event
        for event in person.events
        if event.name == test["name"] and world.lately(event.at, test.get("within"))
        and all(passes(one, event.properties) for one in test.get("where", ()))
    ]  # fmt: skip
    return fits(len(found), test.get("count") or {"gte": 1})


def by_message(world: World, test: Mapping[str, Any], person: Person) -> bool:
    where = [
        {"property": name, "op": "eq", "value": test[name]}
        for name in ("channel", "topic", "template")
        if test.get(name)
    ]
    same_as = {"name": FACTS[test["result"]], "where": where, "count": test.get("count"), "within": test.get("within")}
    return by_event(world, same_as, person)


def by_purchases(world: World, test: Mapping[str, Any], person: Person) -> bool:
    orders = [order for order in person.orders if _looked_at(world, test, order)]
    aggregates = [name for name in ("count", "total", "average", "last_within", "last_before") if test.get(name)]
    if (not aggregates or "count" in aggregates) and not fits(len(orders), test.get("count") or {"gte": 1}):
        return False
    if ("total" in aggregates or "average" in aggregates) and not _worth(test, orders):
        return False
    last = max((order.at for order in orders), default=None)
    if "last_within" in aggregates and not (last and last > world.ago(test["last_within"])):
        return False
    return not ("last_before" in aggregates and not (last and last <= world.ago(test["last_before"])))


def _looked_at(world: World, test: Mapping[str, Any], order: Order) -> bool:
    late = order.promised_at is not None and not order.delivered and order.promised_at < world.now
    return (
        not order.cancelled
        and world.lately(order.at, test.get("within"))
        and (not test.get("product") or test["product"] in order.skus)
        and (not test.get("category") or any(world.categories.get(sku) == test["category"] for sku in order.skus))
        and (test.get("late") is None or late == test["late"])
    )


def _worth(test: Mapping[str, Any], orders: Sequence[Order]) -> bool:
    sums = [order.total - order.refunded for order in orders if order.currency == test.get("currency", "THB")]
    if not sums:
        return False
    total = Decimal(sum(sums)) / 100
    return fits(total, test.get("total") or {}) and fits(total / len(sums), test.get("average") or {})


def by_ticket(world: World, test: Mapping[str, Any], person: Person) -> bool:
    found = any(
        ticket.status in (test.get("status") or OPEN)
        and test.get("kind") in (None, ticket.kind)
        and test.get("complaint") in (None, ticket.complaint)
        and (not test.get("within") or world.lately(ticket.at, test["within"]))
        for ticket in person.tickets
    )
    return found != (test.get("open") is False)


def by_review(world: World, test: Mapping[str, Any], person: Person) -> bool:
    return any(
        world.lately(review.at, test.get("within"))
        and (not test.get("rating") or (review.rating is not None and fits(review.rating, test["rating"])))
        and test.get("status") in (None, review.status)
        and test.get("site") in (None, review.site)
        for review in person.reviews
    )


def by_consent(world: World, test: Mapping[str, Any], person: Person) -> bool:
    said = person.consents.get((test["channel"], test["topic"]), "none")
    return said == test.get("state", "in")


def by_stage(world: World, test: Mapping[str, Any], person: Person) -> bool:
    place = person.place
    if test["journey"] != "five-stage" or place is None or place.stage not in test["in"]:
        return False
    if test.get("for_at_least") and place.since > world.ago(test["for_at_least"]):
        return False
    return not (test.get("for_at_most") and place.since < world.ago(test["for_at_most"]))


def by_health(world: World, test: Mapping[str, Any], person: Person) -> bool:
    place = person.place
    return bool(test["journey"] == "five-stage" and place and place.stage and place.health in test["in"])


LEAVES: dict[str, Callable[[World, Any, Person], bool]] = {
    "field": by_field,
    "attribute": by_attribute,
    "tag": lambda world, name, person: name in person.tags,
    "consent": by_consent,
    "event": by_event,
    "message": by_message,
    "purchases": by_purchases,
    "ticket": by_ticket,
    "review": by_review,
    "stage": by_stage,
    "health": by_health,
    "segment": lambda world, slug, person: world.holds(world.segments[slug], person),
}
