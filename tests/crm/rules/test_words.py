from typing import Any

import pytest
from django.utils import translation

from crm.models import Segment
from crm.rules import parse_rule
from crm.rules.words import event_in_words, in_words, naming

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, "everybody"),
        ({"all": []}, "everybody"),
        ({"tag": "vip"}, "tagged “vip”"),
        ({"not": {"tag": "vip"}}, "not: tagged “vip”"),
        ({"all": [{"tag": "a"}, {"any": [{"tag": "b"}, {"tag": "c"}]}]}, "tagged “a” and (tagged “b” or tagged “c”)"),
        ({"field": {"name": "language", "op": "eq", "value": "th"}}, "language is th"),
        ({"field": {"name": "email", "op": "exists"}}, "email is known"),
        ({"field": {"name": "last_seen_at", "op": "within", "value": "P7D"}}, "last_seen_at within the last 7 days"),
        ({"attribute": {"name": "plan", "op": "in", "value": ["a", "b"]}}, "plan is one of a, b"),
        ({"event": {"name": "Order Completed"}}, "Ordered"),
        (
            {"event": {"name": "Order Completed", "count": {"gte": 2}, "within": "P90D"}},
            "Ordered, at least 2 times in the last 90 days",
        ),
        (
            {"event": {"name": "NPS Answered", "where": [{"property": "score", "op": "gte", "value": 9}]}},
            "Answered the NPS question (score at least 9)",
        ),
        ({"purchases": {}}, "has ordered"),
        ({"purchases": {"count": {"eq": 0}}}, "orders: is 0"),
        (
            {"purchases": {"total": {"gte": 1000, "lt": 5000}, "late": False}},
            "orders worth at least 1000 and less than 5000 in all, of orders that are not late",
        ),
        ({"purchases": {"last_before": "P60D", "category": "tea"}}, "no order in the last 60 days, category: tea"),
        ({"ticket": {"open": True}}, "has an open ticket"),
        ({"ticket": {"open": False, "kind": "after_sales"}}, "has no open after-sales ticket"),
        ({"ticket": {"complaint": True}}, "has an open complaint"),
        (
            {"ticket": {"status": ["resolved", "closed"], "within": "P30D"}},
            "has a ticket that is resolved, closed, opened in the last 30 days",
        ),
        ({"purchases": {"last_within": "P30D"}}, "the last order is at most 30 days old"),
        ({"review": {"site": "google", "status": "published"}}, "has written a review, Google, published"),
        ({"segment": "regulars"}, "in the segment regulars"),
        (
            {"message": {"result": "clicked", "channel": "sms", "template": "spring", "within": "P7D"}},
            "followed a link in a message (channel: SMS, template: spring) in the last 7 days",
        ),
        (
            {"message": {"result": "sent", "count": {"gte": 3}}},
            "a message was sent, at least 3 times",
        ),
        ({"review": {"rating": {"lte": 2}}}, "has written a review, stars: at most 2"),
        ({"consent": {"channel": "sms", "topic": "promotions"}}, "said yes to Promotions by SMS"),
        (
            {"consent": {"channel": "sms", "topic": "promotions", "state": "none"}},
            "was never asked about Promotions by SMS",
        ),
        (
            {"stage": {"journey": "five-stage", "in": ["purchase", "retention"], "for_at_least": "P30D"}},
            "is in Purchase, Retention for at least 30 days",
        ),
        ({"health": {"journey": "five-stage", "in": ["at_risk", "lapsed"]}}, "is at risk, lapsed"),
    ],
)
@pytest.mark.django_db
def test_every_kind_of_leaf_has_words(rule: dict[str, Any], said: str) -> None:
    parse_rule(rule)  # the example is one that the grammar takes
    with translation.override("en"):
        assert in_words(rule) == said


def test_a_leaf_without_words_is_shown_as_it_is_written() -> None:
    assert in_words({"moon": {"phase": "full"}}) == '{"moon":{"phase":"full"}}'


def test_an_event_of_the_shops_own_goes_by_its_name() -> None:
    assert event_in_words("Kettle Boiled") == "Kettle Boiled"


def test_segments_and_topics_go_by_their_names() -> None:
    Segment.objects.create(slug="regulars", name="Our regulars")
    rule = {"all": [{"segment": "regulars"}, {"not": {"consent": {"channel": "sms", "topic": "gone"}}}]}
    assert in_words(rule) == "in the segment Our regulars and not: said yes to gone by SMS"


def test_topics_that_come_with_the_product_are_told_in_the_readers_language() -> None:
    with translation.override("th"):
        assert "โปรโมชัน" in in_words({"consent": {"channel": "sms", "topic": "promotions"}})


def test_the_names_of_many_rules_are_read_at_once(django_assert_num_queries: Any) -> None:
    rules = [{"segment": slug} for slug in ("a", "b")]
    with django_assert_num_queries(1), naming(rules):
        assert [in_words(rule) for rule in rules] == ["in the segment a", "in the segment b"]
    with django_assert_num_queries(0):
        assert in_words({"tag": "vip"}) == "tagged “vip”"
