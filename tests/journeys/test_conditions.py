from __future__ import annotations

from typing import Any

import pytest

from crm.models import Customer
from crm.rules import InvalidRule, matches, parse_rule
from journeys.stages import health
from tests.factories.crm import CustomerFactory
from tests.journeys.happenings import day, happens

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> tuple[Customer, Customer]:
    buyer, other = CustomerFactory.create_batch(2)
    happens(buyer, "Order Completed", day(10), order_id="A")
    return buyer, other


def found(rule: dict[str, Any], people: tuple[Customer, ...], now: float) -> list[Customer]:
    inside = matches(parse_rule(rule), {one.pk for one in people}, now=day(now))
    return [one for one in people if one.pk in inside]


def stage(*slugs: str, journey: str = "five-stage", **rest: str) -> dict[str, Any]:
    return {"stage": {"journey": journey, "in": list(slugs), **rest}}


def test_stage_finds_who_stands_in_one_of_the_stages(people: tuple[Customer, Customer]) -> None:
    buyer, other = people
    assert found(stage("purchase", "retention"), people, 10) == [buyer]
    assert found(stage("awareness"), people, 10) == [other]
    assert found({"not": stage("purchase")}, people, 10) == [other]
    assert found(stage("purchase", journey="no-such"), people, 10) == []


def test_the_time_in_the_stage_can_be_bounded(people: tuple[Customer, Customer]) -> None:
    buyer, _ = people
    assert found(stage("purchase", for_at_least="P5D"), people, 14) == []
    assert found(stage("purchase", for_at_least="P5D"), people, 15) == [buyer]
    assert found(stage("purchase", for_at_most="P5D"), people, 15) == [buyer]
    assert found(stage("purchase", for_at_most="P5D"), people, 16) == []


def test_health_finds_the_lapsed(people: tuple[Customer, Customer]) -> None:
    buyer, other = people
    health.assess_all(now=day(125))
    assert found({"health": {"journey": "five-stage", "in": ["lapsed"]}}, people, 125) == [other]
    assert found({"health": {"journey": "five-stage", "in": ["active", "at_risk"]}}, people, 125) == [buyer]


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ({"stage": {"journey": "five-stage"}}, "stage.in: is missing"),
        ({"stage": {"journey": "five-stage", "in": ["a"], "since": "P1D"}}, "stage.since: unknown key"),
        ({"health": {"journey": "five-stage", "in": ["ill"]}}, "health.in[0]: input should be "),
    ],
)
def test_a_leaf_that_cannot_be_says_where(rule: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidRule) as raised:
        parse_rule(rule)
    assert str(raised.value).startswith(fault)
