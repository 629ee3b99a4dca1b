"""Segments: counting whom a rule finds and finding the members anew, beside the same asked in SQL written by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from statistics import median
from typing import Any

from django.db import transaction
from django.db.models import Max

from crm.lib import bell
from crm.models import Customer, Segment, SegmentMember
from crm.rules import Rule, matching, parse_rule
from crm.services import segments
from tests.benchmarks import sql
from tests.benchmarks.harness import ROUNDS, Rate, in_turn, row, scaled, timed

NOW = datetime(2026, 3, 2, 5, tzinfo=UTC)
NAMES = ("Product Viewed", "Product Added", "Checkout Started", "Order Delivered", "Page Viewed")

MEMBERS = SegmentMember._meta.db_table
_turns = count(1)

# Each rule with the SQL somebody would write for it; {since} is the instant 90 days ago.
ASKED: tuple[tuple[str, dict[str, Any], str], ...] = (
    (
        "events counted, by a property",
        {"event": {"name": "Product Viewed", "count": {"gte": 2}, "within": "P90D",
                   "where": [{"property": "price", "op": "gte", "value": 500}]}},
        """SELECT c.id FROM crm_customer c WHERE c.merged_into_id IS NULL AND c.id IN (
             SELECT customer_id FROM crm_event WHERE name = 'Product Viewed' AND occurred_at BETWEEN {since} AND {now}
             AND CAST(properties ->> 'price' AS NUMERIC) >= 500 GROUP BY customer_id HAVING COUNT(*) >= 2)""",
    ),
    (
        "did this, not that, by attribute",
        {"all": [{"event": {"name": "Product Added", "within": "P90D"}},
                 {"not": {"event": {"name": "Order Delivered", "within": "P90D"}}},
                 {"attribute": {"name": "plan", "op": "eq", "value": "gold"}}]},
        """SELECT c.id FROM crm_customer c WHERE c.merged_into_id IS NULL AND c.attributes ->> 'plan' = 'gold'
           AND EXISTS (SELECT 1 FROM crm_event e WHERE e.customer_id = c.id AND e.name = 'Product Added'
                       AND e.occurred_at BETWEEN {since} AND {now})
           AND NOT EXISTS (SELECT 1 FROM crm_event e WHERE e.customer_id = c.id AND e.name = 'Order Delivered'
                           AND e.occurred_at BETWEEN {since} AND {now})""",
    ),
    (
        "one of two: orders in all, or an event",
        {"any": [{"purchases": {"total": {"gte": 1000}, "currency": "THB"}},
                 {"event": {"name": "Checkout Started", "within": "P90D"}}]},
        """SELECT c.id FROM crm_customer c WHERE c.merged_into_id IS NULL AND c.id IN (
             SELECT customer_id FROM crm_purchase WHERE status <> 'cancelled' AND currency = 'THB'
             AND placed_at <= {now} GROUP BY customer_id HAVING SUM(total_minor - refunded_minor) >= 100000
             UNION SELECT customer_id FROM crm_event WHERE name = 'Checkout Started'
             AND occurred_at BETWEEN {since} AND {now})""",
    ),
)  # fmt: skip


def rows() -> list[dict[str, str]]:
    people = scaled(1_000_000)
    _fill(people)
    found = []
    for said, rule, query in ASKED:
        parsed, by_hand = parse_rule(rule), f"SELECT COUNT(*) FROM ({_by_hand(query)}) AS x"
        assert matching(parsed, now=NOW).count() == sql.ask(by_hand)
        ours, floor = in_turn(partial(_count, parsed), partial(_ask_once, by_hand))
        work = f"segment count, {people:,} customers: {said}"
        found.append(row(work, Rate(ours, "counts"), Rate(floor, "counts"), "0.77", "0.91"))
    return [*found, *_rebuilds()]


def _rebuilds() -> list[dict[str, str]]:
    """Finding the members anew: when nobody has come or gone, and when one in a hundred has."""
    _said, rule, query = ASKED[1]
    with bell.silenced():
        segment = segments.create_segment(name="Bench", rule=rule, actor=None, now=NOW)
    sql.run(f"INSERT INTO {MEMBERS} (segment_id, customer_id, since) {_as_members(segment, _by_hand(query))}")
    ours, floor = partial(_refresh, segment), partial(_refresh_by_hand, segment, _by_hand(query))
    mine, plain = in_turn(ours, floor)
    found = [row("segment rebuild, nothing new", Rate(mine, "rebuilds"), Rate(plain, "rebuilds"), "0.5", "0.77")]
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for work, kept in zip((ours, floor), rates, strict=True):
            _disturb(segment)
            kept.append(timed(work))
    mine, plain = map(median, rates)
    work = "segment rebuild, 1 of 100 new, facts and consequences"
    return [*found, row(work, Rate(mine, "rebuilds"), Rate(plain, "rebuilds, no consequences"))]


def _count(rule: Rule) -> int:
    matching(rule, now=NOW).count()
    return 1


def _refresh(segment: Segment) -> int:
    with bell.silenced():
        segments.refresh_segment(segment, now=NOW + timedelta(seconds=next(_turns)))
    return 1


def _refresh_by_hand(segment: Segment, query: str) -> int:
    """The difference once, the members and the facts of both sides: five statements in one transaction."""
    with transaction.atomic():
        sql.run(
            f"CREATE TEMPORARY TABLE moved AS WITH found AS MATERIALIZED ({query}), "
            f"listed AS (SELECT customer_id FROM {MEMBERS} WHERE segment_id = {segment.pk}) "
            "SELECT f.id, 1 AS came FROM found AS f LEFT JOIN listed ON customer_id = f.id WHERE customer_id IS NULL "
            "UNION ALL SELECT customer_id, 0 FROM listed LEFT JOIN found AS f ON customer_id = f.id WHERE f.id IS NULL"
        )
        sql.run(
            f"INSERT INTO {MEMBERS} (segment_id, customer_id, since) "
            f"{_as_members(segment, 'SELECT id FROM moved WHERE came = 1')}"
        )
        sql.run(
            f"DELETE FROM {MEMBERS} WHERE segment_id = {segment.pk} "
            "AND customer_id IN (SELECT id FROM moved WHERE came = 0)"
        )
        sql.run(
            f"INSERT INTO crm_event (customer_id, name, occurred_at, received_at, source, dedupe_key, properties, "
            f"object_type) SELECT id, CASE came WHEN 1 THEN 'Segment Entered' ELSE 'Segment Left' END, {sql.at(NOW)}, "
            f"{sql.at(NOW)}, 'bench', {next(_turns)} || ':' || id, '{{}}', '' FROM moved"
        )
        sql.run("DROP TABLE moved")
    return 1


def _disturb(segment: Segment) -> None:
    """A hundredth of the members is forgotten, and as many are listed who do not belong."""
    sql.run(f"DELETE FROM {MEMBERS} WHERE segment_id = {segment.pk} AND customer_id % 100 = 8")
    strangers = "SELECT id FROM crm_customer WHERE id % 400 = 3"
    rows = _as_members(segment, strangers)
    sql.run(f"INSERT INTO {MEMBERS} (segment_id, customer_id, since) {rows} ON CONFLICT DO NOTHING")


def _as_members(segment: Segment, ids: str) -> str:
    # SQLite needs a WHERE to tell an upsert's ON from a join's.
    return f"SELECT {segment.pk}, id, {sql.at(NOW)} FROM ({ids}) AS f WHERE true"


# --- a shop written by the database itself ------------------------------------------------------


def _fill(people: int) -> None:
    """People with two events each within four months, and an order for every other one; in their order, for speed."""
    start = (Customer.objects.aggregate(last=Max("pk"))["last"] or 0) + 1
    ids = f"{start} + n"
    sql.run(
        f"INSERT INTO crm_customer (id, public_id, name, email, phone, line_id, language, time_zone, attributes, "
        f"source, is_visitor, created_at, search_text) SELECT {ids}, {sql.uuid()}, 'Person ' || n, '', '', '', 'th', "
        f"'', {sql.json(PLAN)}, '', {sql.false()}, {sql.at(NOW)}, '' FROM {sql.series(people)}"
    )
    names = " ".join(f"WHEN {number} THEN '{name}'" for number, name in enumerate(NAMES))
    sql.run(
        f"INSERT INTO crm_event (customer_id, name, occurred_at, received_at, source, dedupe_key, properties, "
        f"object_type) SELECT {start} + n / 2, CASE n / 3 % {len(NAMES)} {names} END, "
        f"{sql.at(NOW, 'n % 120')}, {sql.at(NOW)}, 'bench', 'rules:' || n, {sql.json(PRICE)}, '' "
        f"FROM {sql.series(2 * people)}"
    )
    sql.run(
        f"INSERT INTO crm_purchase (public_id, customer_id, source, reference, status, currency, total_minor, "
        f"refunded_minor, discount_minor, coupon, payment_method, placed_at, recorded_at) SELECT {sql.uuid()}, "
        f"{start} + n * 2, 'bench', 'rules:' || n, 'placed', 'THB', n % 2000 * 100, 0, 0, '', '', "
        f"{sql.at(NOW, 'n % 700')}, {sql.at(NOW)} FROM {sql.series(people // 2)}"
    )
    sql.continue_ids("crm_customer")
    sql.run("ANALYZE")


PLAN = """{"plan": "' || CASE n % 4 WHEN 0 THEN 'gold' ELSE 'free' END || '"}"""
PRICE = """{"price": ' || (n % 1000) || ', "sku": "KTL-1"}"""


def _by_hand(query: str) -> str:
    return query.format(since=sql.at(NOW - timedelta(days=90)), now=sql.at(NOW))


def _ask_once(query: str) -> int:
    sql.ask(query)
    return 1
