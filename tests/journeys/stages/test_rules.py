"""Stage rules: the pure part, without a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm.rules import InvalidRule, properties
from journeys.facts import Fact
from journeys.stages.rules import Place, Rule, advance, needed, read_rule

DAY0 = datetime(2026, 6, 1, 3, tzinfo=UTC)
AWARENESS, CONSIDERATION, PURCHASE, USAGE, REPURCHASE = range(5)
NAMES = ["awareness", "consideration", "purchase", "usage", "repurchase"]


def day(number: float) -> datetime:
    return DAY0 + timedelta(days=number)


def rule(stage: int, *events: str, number: int = 0, **columns: Any) -> Rule:
    columns = {"where": [], "history": [], "priority": 100, "may_move_back": False, **columns}
    return read_rule(id=number or stage + 1, stage=stage, rank=stage, events=list(events), **columns)


LOOP = [
    rule(AWARENESS, "Customer Created"),
    rule(CONSIDERATION, "Product Viewed", history=[{"at_least": 2, "within": "P7D"}]),
    rule(PURCHASE, "Order Completed"),
    rule(USAGE, "Order Delivered"),
    rule(REPURCHASE, "Order Completed", history=[{"event": "Order Delivered", "other": "order_id"}]),
]


def facts(*told: tuple[str, float] | tuple[str, float, str]) -> list[Fact]:
    """(name, day) or (name, day, order number), numbered in the order told."""
    return [
        Fact(number, name, day(at), {"order_id": rest[0]} if rest else {})
        for number, (name, at, *rest) in enumerate(told, start=1)
    ]


def live(rules: Sequence[Rule], *batches: Sequence[Fact]) -> Place:
    """Let the batches come in one after the other, with only what `needed` asks for from the log."""
    place = Place()
    log: list[Fact] = []
    for batch in batches:
        log += batch
        needs = needed(place, batch, rules)
        known = [
            fact for fact in log if fact.name in needs and ((since := needs[fact.name]) is None or fact.at >= since)
        ]
        place, _moves = advance(place, batch, rules, known=known)
    return place


def test_facts_move_a_customer_forward_one_by_one() -> None:
    story = facts(("Customer Created", 0), ("Order Completed", 3, "A"), ("Order Delivered", 5, "A"))
    place, moves = advance(Place(), story, LOOP)
    assert [(move.from_stage, move.to_stage, move.at) for move in moves] == [
        (None, AWARENESS, day(0)),
        (AWARENESS, PURCHASE, day(3)),
        (PURCHASE, USAGE, day(5)),
    ]
    assert (place.stage, place.since, place.event, place.rule) == (USAGE, day(5), 3, 4)


def test_two_views_in_a_week_are_consideration_and_two_in_a_month_are_not() -> None:
    assert live(LOOP, facts(("Product Viewed", 0), ("Product Viewed", 20))).stage is None
    assert live(LOOP, facts(("Product Viewed", 0), ("Product Viewed", 7))) == Place(
        CONSIDERATION, CONSIDERATION, day(7), 2, 2
    )


def test_a_second_view_counts_the_first_one_that_came_in_an_earlier_batch() -> None:
    one, two = facts(("Product Viewed", 0), ("Product Viewed", 2))
    assert live(LOOP, [one], [two]).stage == CONSIDERATION


def test_a_fact_never_moves_a_customer_back() -> None:
    story = facts(("Order Completed", 3, "A"), ("Product Viewed", 4), ("Product Viewed", 5))
    place, moves = advance(Place(), story, LOOP)
    assert (place.stage, len(moves)) == (PURCHASE, 1)


def test_a_late_delivery_makes_a_recorded_order_a_repurchase_as_of_that_order() -> None:
    first, second, delivered = facts(
        ("Order Completed", 1, "A"), ("Order Completed", 9, "B"), ("Order Delivered", 5, "A")
    )
    place = live(LOOP, [first], [second], [delivered])
    assert (place.stage, place.since, place.event) == (REPURCHASE, day(9), second.id)


def test_an_order_is_no_repurchase_of_itself() -> None:
    story = facts(("Order Completed", 5, "A"), ("Order Delivered", 4, "A"))
    assert live(LOOP, story).stage == USAGE


def test_a_late_fact_moves_forward_with_the_time_it_happened() -> None:
    known, late = facts(("Order Completed", 9, "A"), ("Order Delivered", 4, "B"))
    place = live(LOOP[:4], [known], [late])
    assert (place.stage, place.since) == (USAGE, day(4))


def test_earlier_evidence_for_the_same_stage_says_since_when_but_is_no_move() -> None:
    known, late = facts(("Order Completed", 9, "A"), ("Order Completed", 2, "B"))
    place, _ = advance(Place(), [known], LOOP)
    place, moves = advance(place, [late], LOOP)
    assert (place.stage, place.since, place.event, moves) == (PURCHASE, day(2), late.id, [])


def test_facts_from_before_a_decision_say_nothing() -> None:
    decided = Place(CONSIDERATION, CONSIDERATION, day(10), settled_at=day(10))
    old, new = facts(("Order Completed", 9, "A"), ("Order Completed", 11, "B"))
    assert advance(decided, [old], LOOP) == (decided, [])
    assert advance(decided, [new], LOOP)[0].stage == PURCHASE


BACK = rule(CONSIDERATION, "Order Refunded", number=9, may_move_back=True)


def test_a_rule_that_may_move_back_does() -> None:
    story = facts(("Order Completed", 1, "A"), ("Order Refunded", 4))
    place, moves = advance(Place(), story, [*LOOP, BACK])
    assert (place.stage, place.since, place.settled_at) == (CONSIDERATION, day(4), day(4))
    assert [move.to_stage for move in moves] == [PURCHASE, CONSIDERATION]


def test_a_late_refund_does_not_undo_the_order_after_it() -> None:
    first, second, refund = facts(("Order Completed", 1, "A"), ("Order Delivered", 9, "B"), ("Order Refunded", 4))
    place = live([*LOOP, BACK], [first], [second], [refund])
    assert (place.stage, place.since, place.settled_at) == (USAGE, day(9), day(4))


def test_a_late_refund_looks_again_at_what_followed_it() -> None:
    ordered, viewed, again, refund = facts(
        ("Order Delivered", 1, "A"), ("Order Completed", 6, "B"), ("Product Viewed", 7), ("Order Refunded", 5)
    )
    rules = [*LOOP[:4], BACK]
    place = live(rules, [ordered], [viewed], [again], [refund])
    assert (place.stage, place.since) == (PURCHASE, day(6))


def test_distinct_counts_orders_and_not_deliveries_of_the_same_news() -> None:
    second = rule(USAGE, "Order Completed", history=[{"at_least": 2, "distinct": "order_id"}])
    assert live([second], facts(("Order Completed", 1, "A"), ("Order Completed", 2, "A"))).stage is None
    assert live([second], facts(("Order Completed", 1, "A"), ("Order Completed", 2, "B"))).stage == USAGE
    assert live([second], facts(("Order Completed", 1), ("Order Completed", 2))).stage == USAGE


def test_fourteen_days_after_delivery_a_visit_counts_and_the_day_before_it_does_not() -> None:
    back_again = rule(REPURCHASE, "Page Viewed", history=[{"event": "Order Delivered", "ago": "P14D"}])
    assert live([back_again], facts(("Order Delivered", 0, "A"), ("Page Viewed", 13.9))).stage is None
    assert live([back_again], facts(("Order Delivered", 0, "A"), ("Page Viewed", 14))).stage == REPURCHASE


def test_properties_decide_whether_a_fact_is_evidence() -> None:
    advocate = rule(USAGE, "Review Published", where=[{"property": "rating", "op": "gte", "value": 4}])
    three, four = (Fact(n, "Review Published", day(n), {"rating": n}) for n in (3, 4))
    assert advance(Place(), [three], [advocate])[0].stage is None
    assert advance(Place(), [four], [advocate])[0].stage == USAGE


def test_of_two_rules_for_one_stage_the_first_in_priority_is_named() -> None:
    rules = [rule(PURCHASE, "Order Completed", number=7, priority=5), rule(PURCHASE, "Order Completed", number=3)]
    assert advance(Place(), facts(("Order Completed", 1)), rules)[0].rule == 7


def test_nothing_more_is_needed_for_facts_that_speak_for_themselves() -> None:
    assert needed(Place(), facts(("Customer Created", 0)), LOOP) == {}


def test_what_no_longer_matters_is_not_asked_for() -> None:
    settled = Place(REPURCHASE, REPURCHASE, day(1), 1, 5)
    story = facts(("Product Viewed", 9), ("Order Completed", 9, "C"), ("Order Delivered", 9, "C"))
    assert needed(settled, story, LOOP) == {}


def test_views_are_asked_for_no_further_back_than_they_count() -> None:
    assert needed(Place(), facts(("Product Viewed", 9)), LOOP) == {"Product Viewed": day(2)}


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"events": []}, "events: list should have at least 1 item after validation, not 0"),
        ({"where": [{"property": "x", "op": "is", "value": 1}]}, "where[0].op: "),
        ({"history": [{"within": "7 days"}]}, "history[0].within: not an ISO 8601 duration"),
        ({"history": [{"since": "P7D"}]}, "history[0].since: unknown key"),
    ],
)
def test_a_rule_that_cannot_be_says_where_and_why(columns: dict[str, Any], fault: str) -> None:
    whole = {"events": ["X"], "where": [], "history": [], **columns}
    with pytest.raises(InvalidRule) as raised:
        read_rule(id=1, stage=1, rank=1, priority=1, may_move_back=False, **whole)
    assert str(raised.value).startswith(fault)


# --- whatever the order -----------------------------------------------------------------------

EVENTS = ["Customer Created", "Product Viewed", "Order Completed", "Order Delivered", "Order Refunded"]
STORIES = st.lists(
    st.tuples(st.sampled_from(EVENTS), st.integers(0, 12), st.sampled_from(["A", "B", ""])), max_size=9
).map(lambda told: facts(*told))
HISTORIES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "event": st.sampled_from(EVENTS),
            "at_least": st.integers(1, 2),
            "within": st.sampled_from(["P3D", "P7D"]),
            "ago": st.sampled_from(["PT0S", "P2D"]),
            "distinct": st.just("order_id"),
            "other": st.just("order_id"),
        },
    ),
    max_size=2,
)
RULES = st.lists(
    st.tuples(st.integers(0, 4), st.lists(st.sampled_from(EVENTS), min_size=1, max_size=2), HISTORIES, st.booleans()),
    min_size=1,
    max_size=5,
).map(
    lambda rows: [
        rule(stage, *events, number=number, history=history, may_move_back=back, priority=number)
        for number, (stage, events, history, back) in enumerate(rows, start=1)
    ]
)


def by_definition(story: Sequence[Fact], rules: Sequence[Rule]) -> tuple[int | None, datetime | None]:
    """The furthest stage since the last decision, worked out the slow and obvious way."""

    def enough(fact: Fact, rule_: Rule) -> bool:
        for wanted in rule_.history:
            counted = [
                other
                for other in story
                if other.name in wanted.names
                and (other.at < fact.at if not wanted.own and wanted.ago is None else other.at <= fact.at)
                and (wanted.ago is None or other.at <= fact.at - wanted.ago)
                and (wanted.within is None or other.at >= fact.at - wanted.within)
                and properties.matches(wanted.where, other.properties)
                and not (
                    wanted.other and fact.text(wanted.other) and other.text(wanted.other) == fact.text(wanted.other)
                )
            ]
            if wanted.distinct:
                values = [other.text(wanted.distinct) for other in counted]
                number = len({value for value in values if value}) + values.count("")
            else:
                number = len(counted)
            if number < wanted.at_least:
                return False
        return True

    marks = [(fact.at, it) for fact in story for it in rules if fact.name in it.events and enough(fact, it)]
    decisions = [(at, -it.priority, it.rank) for at, it in marks if it.may_move_back]
    evidence = [(it.rank, at) for at, it in marks if not it.may_move_back]
    if decisions:
        decided_at, _, rank = max(decisions)
        evidence = [(rank, decided_at), *(mark for mark in evidence if mark[1] >= decided_at)]
    furthest = max((rank for rank, _ in evidence), default=None)
    return furthest, min((at for rank, at in evidence if rank == furthest), default=None)


@given(STORIES, RULES, st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_any_order_and_any_batching_of_the_facts_gives_the_same_position(
    story: list[Fact], rules: list[Rule], random: Random
) -> None:
    arrival = [replace(fact) for fact in story]
    random.shuffle(arrival)
    batches: list[list[Fact]] = []
    for fact in arrival:
        if not batches or random.random() < 0.5:
            batches.append([])
        batches[-1].append(fact)
    place = live(rules, *batches)
    assert (place.stage, place.since) == by_definition(story, rules)
