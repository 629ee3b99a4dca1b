"""Each leaf of the grammar, asked of the database."""

from datetime import date, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from crm.events import log
from crm.events.types import EventDraft
from crm.models import Consent, Customer, Tag
from crm.rules import matches, matching, parse_rule
from tests.factories.crm import (
    NOON,
    CustomerFactory,
    ProductFactory,
    PurchaseFactory,
    PurchaseItemFactory,
    ReviewFactory,
    TicketFactory,
    TopicFactory,
    UserFactory,
    later,
)

pytestmark = pytest.mark.django_db
NOW = later(days=30)


def who(rule: dict[str, Any], *customers: Customer) -> list[Customer]:
    found = matches(parse_rule(rule), [customer.pk for customer in customers], now=NOW)
    return [customer for customer in customers if customer.pk in found]


def viewed(customer: Customer, *ages: int, **properties: Any) -> None:
    log.record_many(
        [
            EventDraft(
                "Product Viewed", customer.pk, NOW - timedelta(days=age), f"{customer.pk}:{age}", "web", properties
            )
            for age in ages
        ],
        now=NOW,
    )


@pytest.fixture
def ann() -> Customer:
    return CustomerFactory.create(name="Ann", email="ann@example.com", language="en", birthday=date(1990, 4, 13))


@pytest.fixture
def boon() -> Customer:
    return CustomerFactory.create(name="บุญ", email="", language="th", attributes={"plan": "gold", "points": 120})


def test_everybody_and_nobody(ann: Customer, boon: Customer, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        assert who({}, ann, boon) == [ann, boon]
    assert who({"any": []}, ann, boon) == []
    assert who({"not": {}}, ann, boon) == []


def test_fields(ann: Customer, boon: Customer) -> None:
    ann.owner = UserFactory.create(username="nok")
    ann.save()
    for test, expected in [
        ({"name": "language", "op": "eq", "value": "th"}, [boon]),
        ({"name": "language", "op": "ne", "value": "th"}, [ann]),
        ({"name": "email", "op": "not_exists"}, [boon]),
        ({"name": "email", "op": "contains", "value": "ANN@"}, [ann]),
        ({"name": "owner", "op": "eq", "value": "nok"}, [ann]),
        ({"name": "owner", "op": "exists"}, [ann]),
        ({"name": "birthday", "op": "before", "value": "1991-01-01"}, [ann]),
        ({"name": "birthday", "op": "not_exists"}, [boon]),
        ({"name": "created_at", "op": "within", "value": "P31D"}, [ann, boon]),
        ({"name": "created_at", "op": "within", "value": "P29D"}, []),
        ({"name": "created_at", "op": "after", "value": "2026-03-02T11:59:00"}, [ann, boon]),
    ]:
        assert who({"field": test}, ann, boon) == expected, test


def test_attributes_and_tags(ann: Customer, boon: Customer) -> None:
    boon.tags.add(Tag.objects.create(name="vip"))
    assert who({"attribute": {"name": "plan", "op": "eq", "value": "gold"}}, ann, boon) == [boon]
    assert who({"attribute": {"name": "points", "op": "gte", "value": 120}}, ann, boon) == [boon]
    assert who({"attribute": {"name": "plan", "op": "not_exists"}}, ann, boon) == [ann]
    assert who({"tag": "vip"}, ann, boon) == [boon]
    assert who({"not": {"tag": "vip"}}, ann, boon) == [ann]


def test_events_by_count_and_window(ann: Customer, boon: Customer) -> None:
    viewed(ann, 1, 3, 20)
    viewed(boon, 20)
    for test, expected in [
        ({}, [ann, boon]),
        ({"within": "P7D"}, [ann]),
        ({"count": {"gte": 2}, "within": "P7D"}, [ann]),
        ({"count": {"gte": 3}, "within": "P7D"}, []),
        ({"count": {"eq": 1}}, [boon]),
        ({"count": {"eq": 0}, "within": "P7D"}, [boon]),
        ({"count": {"lt": 2}}, [boon]),
        ({"count": {"gt": 1, "lte": 3}}, [ann]),
    ]:
        assert who({"event": {"name": "Product Viewed", **test}}, ann, boon) == expected, test


def test_events_by_their_properties(ann: Customer, boon: Customer) -> None:
    viewed(ann, 1, sku="A", price="590.00")
    viewed(boon, 1, sku="B", price=90)
    where = [{"property": "price", "op": "gte", "value": 500}]
    assert who({"event": {"name": "Product Viewed", "where": where}}, ann, boon) == [ann]
    assert who({"event": {"name": "Product Added", "where": where}}, ann, boon) == []


def test_what_has_not_happened_yet_does_not_count(ann: Customer) -> None:
    viewed(ann, -1)
    assert who({"event": {"name": "Product Viewed"}}, ann) == []


def test_purchases(ann: Customer, boon: Customer) -> None:
    tea = ProductFactory.create(sku="TEA", category="Tea")
    old = PurchaseFactory.create(customer=ann, total_minor=100_000, placed_at=NOW - timedelta(days=100))
    PurchaseItemFactory.create(purchase=old, sku="TEA", product=tea)
    PurchaseFactory.create(customer=ann, total_minor=50_000, placed_at=NOW - timedelta(days=80))
    PurchaseFactory.create(
        customer=boon, total_minor=90_000, placed_at=NOW - timedelta(days=5), promised_at=NOW - timedelta(days=1)
    )
    PurchaseFactory.create(customer=boon, total_minor=9_900_000, status="cancelled", cancelled_at=NOW)
    for test, expected in [
        ({}, [ann, boon]),
        ({"count": {"gte": 2}}, [ann]),
        ({"count": {"eq": 1}}, [boon]),
        ({"total": {"gte": 1500}}, [ann]),
        ({"total": {"gt": 1500}}, []),
        ({"average": {"gte": 800}}, [boon]),
        ({"within": "P30D"}, [boon]),
        ({"last_before": "P60D"}, [ann]),
        ({"product": "TEA"}, [ann]),
        ({"category": "Tea", "count": {"eq": 0}}, [boon]),
        ({"late": True}, [boon]),
        ({"total": {"gte": 1}, "currency": "EUR"}, []),
    ]:
        assert who({"purchases": test}, ann, boon) == expected, test


def test_tickets_reviews_and_consent(ann: Customer, boon: Customer) -> None:
    TicketFactory.create(customer=ann, kind="after_sales", is_complaint=True)
    TicketFactory.create(customer=boon, status="resolved")
    ReviewFactory.create(customer=boon, rating=5, status="published")
    Consent.objects.create(customer=ann, channel="sms", topic=TopicFactory.create(), state="in", since=NOON)
    assert who({"ticket": {"open": True}}, ann, boon) == [ann]
    assert who({"ticket": {"open": False}}, ann, boon) == [boon]
    assert who({"ticket": {"kind": "enquiry"}}, ann, boon) == []
    assert who({"ticket": {"complaint": True}}, ann, boon) == [ann]
    assert who({"review": {"rating": {"gte": 4}, "status": "published"}}, ann, boon) == [boon]
    assert who({"review": {"within": "P1D"}}, ann, boon) == []
    assert who({"consent": {"channel": "sms", "topic": "promotions"}}, ann, boon) == [ann]
    assert who({"consent": {"channel": "sms", "topic": "promotions", "state": "none"}}, ann, boon) == [boon]


def test_nodes_combine(ann: Customer, boon: Customer) -> None:
    rule = {"any": [{"field": {"name": "language", "op": "eq", "value": "en"}}, {"tag": "vip"}]}
    assert who(rule, ann, boon) == [ann]
    assert who({"all": [rule, {"not": {"tag": "vip"}}]}, ann, boon) == [ann]
    assert who({"not": rule}, ann, boon) == [boon]


def test_a_whole_batch_is_one_query(
    ann: Customer, boon: Customer, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    rule = parse_rule(
        {"all": [{"tag": "x"}, {"event": {"name": "A", "count": {"gte": 2}}}, {"ticket": {"open": True}}]}
    )
    with django_assert_num_queries(1):
        matches(rule, [ann.pk, boon.pk], now=NOW)


def test_those_merged_away_match_nothing(ann: Customer, boon: Customer) -> None:
    boon.merged_into = ann
    boon.save()
    assert list(matching(parse_rule({}), now=NOW)) == [ann]
