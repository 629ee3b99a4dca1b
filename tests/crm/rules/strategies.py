"""Random people and random rules: few names, so that rules find somebody, and the awkward values of real shops."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from tests.crm.rules.reference import Happening, Help, Opinion, Order, Person, Place
from tests.factories.crm import NOON

NOW = NOON
DAYS = (0, 0, 1, 2, 3, 7, 8, 30, 31, 90, 400, -2)  # also the edges of the spans below, and what is still to come
ages = st.sampled_from(DAYS).flatmap(
    lambda days: st.sampled_from([NOW - timedelta(days=days), NOW - timedelta(days=days, seconds=1)])
)
past = st.sampled_from([NOW - timedelta(days=days) for days in DAYS if days >= 0])
spans = st.sampled_from(["P1D", "P3D", "P7D", "P1M", "PT36H", "P90D", "P1Y"])
words = st.sampled_from(
    ["", "100", "99.50", "-5", "abc", "Abc", "ABÇ", "true", "2026-01-02", "ชา", "1e5", " 7", "{}", "7."]
)
numbers = st.one_of(st.integers(-3, 3), st.integers(-(10**6), 10**6), st.sampled_from([0.5, 99.5, 100.0, 3.25]))
scalars = st.one_of(st.booleans(), numbers, words)
keys = ["a", "b", "ราคา", "order id", "0"]
properties = st.dictionaries(
    st.sampled_from(keys),
    st.one_of(st.none(), scalars, st.dictionaries(st.sampled_from(["a", "0"]), scalars), st.lists(scalars, max_size=2)),
    max_size=4,
)
paths = st.sampled_from([*keys, "a.a", "b.0", "a.a.a"])
TAGS, TOPICS, CHANNELS, TEMPLATES = ("vip", "ชา"), ("promotions", "news"), ("sms", "email"), ("spring", "welcome")
EVENTS = ("Product Viewed", "Order Completed", "Kettle Boiled")
SKUS = {"TEA": "Drinks", "KTL": "Kitchen", "MUG": "Kitchen"}
STAGES = ("awareness", "purchase", "retention")
STATUSES = ("new", "open", "pending", "resolved", "closed")
SEGMENTS = ("first", "second", "third")


# --- people -----------------------------------------------------------------------------------

fields = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["Ann Lee", "ANN", "บุญ", "", "Ébène"]),
        "email": st.sampled_from(["", "ann@example.com", "b@shop.example"]),
        "language": st.sampled_from(["th", "en", ""]),
        "owner": st.sampled_from([None, "nok", "Somchai"]),
        "company": st.sampled_from([None, "Acme", "Siam Tea"]),
        "birthday": st.sampled_from([None, date(1990, 4, 13), date(2000, 2, 29), NOW.date()]),
        "created_at": past,
        "last_seen_at": st.one_of(st.none(), past),
    }
)
message_facts = st.builds(
    Happening,
    st.sampled_from(["Message Sent", "Message Delivered", "Message Clicked"]),
    ages,
    st.fixed_dictionaries(
        {
            "channel": st.sampled_from(CHANNELS), "topic": st.sampled_from(TOPICS),
            "template": st.sampled_from([*TEMPLATES, ""]),
        }
    ),
)  # fmt: skip
people = st.builds(
    Person,
    fields=fields,
    attributes=properties,
    tags=st.lists(st.sampled_from(TAGS), unique=True),
    consents=st.dictionaries(
        st.tuples(st.sampled_from(CHANNELS), st.sampled_from(TOPICS)), st.sampled_from(["in", "out"])
    ),
    events=st.lists(
        st.one_of(st.builds(Happening, st.sampled_from(EVENTS), ages, properties), message_facts), max_size=4
    ),
    orders=st.lists(
        st.builds(
            Order,
            at=ages,
            total=st.sampled_from([0, 1, 9_999, 10_000, 33_333, 100_000]),
            refunded=st.sampled_from([0, 0, 1, 5_000]),
            currency=st.sampled_from(["THB", "THB", "EUR"]),
            cancelled=st.booleans(),
            promised_at=st.one_of(st.none(), ages),
            delivered=st.booleans(),
            skus=st.lists(st.sampled_from(list(SKUS)), max_size=2),
        ),
        max_size=3,
    ),
    tickets=st.lists(
        st.builds(Help, ages, st.sampled_from(["enquiry", "after_sales"]), st.sampled_from(STATUSES), st.booleans()),
        max_size=2,
    ),
    reviews=st.lists(
        st.builds(
            Opinion,
            ages,
            st.one_of(st.none(), st.integers(1, 5)),
            st.sampled_from(["pending", "published", "rejected"]),
            st.sampled_from(["own", "google"]),
        ),
        max_size=2,
    ),
    place=st.one_of(
        st.none(),
        st.builds(Place, st.sampled_from(STAGES), past, st.sampled_from(["active", "at_risk", "lapsed"])),
    ),
)


# --- rules ------------------------------------------------------------------------------------


def some(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with any of these keys."""
    return st.fixed_dictionaries({}, optional=optional)


def compares(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    bounds = st.sampled_from(["eq", "ne", "gt", "gte", "lt", "lte"])
    return st.dictionaries(bounds, values, min_size=1, max_size=2)


counts = compares(st.sampled_from([0, 1, 2, 3, -1, 0.5, 1.5, "2", 10**12]))
amounts = compares(st.sampled_from([0, 100, 99.99, 166.66, "333.33", 0.005, 1000, 10**14]))
ops_with_value = st.sampled_from(["eq", "ne", "contains"])
tests = st.one_of(
    st.fixed_dictionaries({"op": st.sampled_from(["exists", "not_exists"])}),
    st.fixed_dictionaries(
        {"op": st.sampled_from(["in", "not_in"]), "value": st.lists(scalars, min_size=1, max_size=3)}
    ),
    st.fixed_dictionaries({"op": ops_with_value, "value": scalars}),
    st.fixed_dictionaries(
        {"op": st.sampled_from(["gt", "gte", "lt", "lte"]), "value": st.one_of(numbers, words)}
    ),
)  # fmt: skip
wheres = st.lists(st.builds(lambda path, test: {"property": path, **test}, paths, tests), max_size=2)
field_tests = st.one_of(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["name", "email", "language", "owner", "company"]),
            "op": ops_with_value,
            "value": st.sampled_from(["ann", "ANN", "บุญ", "th", "nok", "somchai", "é", "É", "Acme", "", "example"]),
        }
    ),
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["birthday", "created_at", "last_seen_at"]),
            "op": st.sampled_from(["before", "after"]),
            "value": st.sampled_from(
                ["2026-03-02", "2026-03-02T12:00:00", "2026-03-02T12:00:00+07:00", "1990-04-13", "2000-02-29"]
            ),
        }
    ),
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["birthday", "created_at", "last_seen_at"]), "op": st.just("within"),
            "value": spans,
        }
    ),
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["name", "email", "owner", "company", "birthday", "last_seen_at"]),
            "op": st.sampled_from(["exists", "not_exists"]),
        }
    ),
)  # fmt: skip
order_filters = {
    "within": spans, "product": st.sampled_from(list(SKUS)), "category": st.sampled_from(["Kitchen", "Drinks"]),
    "late": st.booleans(),
}  # fmt: skip
purchases = st.one_of(
    some(count=counts, last_within=spans, last_before=spans, **order_filters),
    st.fixed_dictionaries(
        {"total": amounts}, optional={"average": amounts, "currency": st.sampled_from(["THB", "EUR"]), **order_filters}
    ),
    st.fixed_dictionaries({"average": amounts}, optional={"count": counts, **order_filters}),
)
tickets = st.one_of(
    some(open=st.booleans(), kind=st.sampled_from(["enquiry", "after_sales"]), complaint=st.booleans(), within=spans),
    st.fixed_dictionaries({"status": st.lists(st.sampled_from(STATUSES), min_size=1, max_size=2)}),
)
STANDING = {"journey": st.sampled_from(["five-stage", "none-such"])}
leaves = st.one_of(
    st.builds(lambda value: {"field": value}, field_tests),
    st.builds(lambda path, test: {"attribute": {"name": path, **test}}, paths, tests),
    st.builds(lambda value: {"tag": value}, st.sampled_from([*TAGS, "nobody"])),
    st.builds(
        lambda value: {"consent": value},
        st.fixed_dictionaries(
            {"channel": st.sampled_from(CHANNELS), "topic": st.sampled_from(TOPICS)},
            optional={"state": st.sampled_from(["in", "out", "none"])},
        ),
    ),
    st.builds(
        lambda value: {"event": value},
        st.fixed_dictionaries(
            {"name": st.sampled_from(EVENTS)}, optional={"count": counts, "within": spans, "where": wheres}
        ),
    ),
    st.builds(
        lambda value: {"message": value},
        st.fixed_dictionaries(
            {"result": st.sampled_from(["sent", "delivered", "clicked"])},
            optional={
                "channel": st.sampled_from(CHANNELS), "topic": st.sampled_from(TOPICS),
                "template": st.sampled_from(TEMPLATES), "count": counts, "within": spans,
            },
        ),
    ),
    st.builds(lambda value: {"purchases": value}, purchases),
    st.builds(lambda value: {"ticket": value}, tickets),
    st.builds(
        lambda value: {"review": value},
        some(
            rating=compares(st.sampled_from([1, 3, 3.5, 5, 0])), within=spans,
            status=st.sampled_from(["pending", "published"]), site=st.sampled_from(["own", "google"]),
        ),
    ),
    st.builds(
        lambda value: {"stage": value},
        st.fixed_dictionaries(
            {**STANDING, "in": st.lists(st.sampled_from(STAGES), min_size=1, max_size=2)},
            optional={"for_at_least": spans, "for_at_most": spans},
        ),
    ),
    st.builds(
        lambda value: {"health": value},
        st.fixed_dictionaries(
            {**STANDING, "in": st.lists(st.sampled_from(["active", "at_risk", "lapsed"]), min_size=1, max_size=2)}
        ),
    ),
)  # fmt: skip


def rules(leaf: st.SearchStrategy[Any] = leaves) -> st.SearchStrategy[dict[str, Any]]:
    """Rules of any form, up to four levels deep."""
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.builds(lambda node: {"not": node}, inner),
            st.builds(lambda nodes: {"all": nodes}, st.lists(inner, max_size=3)),
            st.builds(lambda nodes: {"any": nodes}, st.lists(inner, max_size=3)),
        ),
        max_leaves=6,
    )


def rules_with_segments(*slugs: str) -> st.SearchStrategy[dict[str, Any]]:
    """Rules that may name these segments."""
    return rules(st.one_of(leaves, st.builds(lambda slug: {"segment": slug}, st.sampled_from(slugs))))


# Each may speak of those before it, so that there is no circle.
segments = st.fixed_dictionaries(
    {"first": rules(), "second": rules_with_segments("first"), "third": rules_with_segments("first", "second")}
)
