"""What exists to build rules from: names of events, properties, attributes, products and the like."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import connection

from crm.events import types
from crm.models import Customer, Event, Product, Segment, Tag, Topic, User

MOST = 500  # of one list: more is no help to choose from
RECENT = 300  # rows that are looked into for the names of properties


def event_names() -> list[tuple[str, str]]:
    """(name, label) of every event that happened, and of all the vocabulary."""
    known = {event_type.name: str(event_type.label) for event_type in types.known()}
    names = sorted(known.keys() | set(_names_on_the_log()))
    return [(name, known.get(name, name)) for name in names[:MOST]]


def _names_on_the_log() -> list[str]:
    """The distinct names, each found by one step in the index: a DISTINCT would read the whole log."""
    table = Event._meta.db_table
    sql = f"""
        WITH RECURSIVE names(name) AS (
            SELECT min(name) FROM {table}
            UNION ALL SELECT (SELECT min(e.name) FROM {table} AS e WHERE e.name > names.name) FROM names
            WHERE names.name IS NOT NULL
        ) SELECT name FROM names WHERE name IS NOT NULL LIMIT {MOST}
    """  # noqa: S608 - nothing but the table's own name
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [name for (name,) in cursor.fetchall()]


def properties_of(event: str) -> list[str]:
    """The names of properties that the latest events of that name had, nested ones with their path."""
    latest = Event.objects.filter(name=event).order_by("-occurred_at").values_list("properties", flat=True)
    return sorted({path for properties in latest[:RECENT] for path in _paths(properties)})[:MOST]


def attribute_names() -> list[str]:
    """The names of custom attributes that the newest customers have."""
    newest = Customer.objects.order_by("-created_at", "-id").values_list("attributes", flat=True)
    return sorted({path for attributes in newest[:RECENT] for path in _paths(attributes)})[:MOST]


def _paths(values: Mapping[str, Any], above: str = "") -> Iterable[str]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _paths(value, f"{above}{key}.")
        elif not isinstance(value, list):
            yield f"{above}{key}"


def tags() -> list[str]:
    return list(Tag.objects.values_list("name", flat=True)[:MOST])


def topics() -> list[tuple[str, str]]:
    return list(Topic.objects.values_list("slug", "name")[:MOST])


def segments() -> list[tuple[str, str]]:
    return list(Segment.objects.values_list("slug", "name")[:MOST])


def products() -> list[tuple[str, str]]:
    return list(Product.objects.order_by("name").values_list("sku", "name")[:MOST])


def categories() -> list[str]:
    return list(
        Product.objects.exclude(category="").order_by("category").values_list("category", flat=True).distinct()[:MOST]
    )


def colleagues() -> list[str]:
    return list(User.objects.filter(is_active=True).order_by("username").values_list("username", flat=True)[:MOST])
