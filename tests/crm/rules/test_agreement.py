"""The grammar in SQL, against the same grammar in plain Python, on random people and random rules."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.models import Customer
from crm.rules import matches, matching, parse_rule
from tests.crm.rules import strategies
from tests.crm.rules.populate import populate
from tests.crm.rules.reference import Person, World

pytestmark = pytest.mark.django_db


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    people=st.lists(strategies.people, min_size=1, max_size=6),
    segments=strategies.segments,
    asked=st.lists(strategies.rules_with_segments(*strategies.SEGMENTS), min_size=3, max_size=6),
    batch=st.sets(st.integers(0, 5)),
)
def test_the_database_and_plain_python_find_the_same_people(
    db: None, people: list[Person], segments: dict[str, Any], asked: list[dict[str, Any]], batch: set[int]
) -> None:
    world = World(strategies.NOW, strategies.SKUS, segments)
    with transaction.atomic():
        customers = populate(world, people)
        for data in asked:
            rule = parse_rule(data)
            expected = {
                customer.pk for customer, person in zip(customers, people, strict=True) if world.holds(data, person)
            }

            assert set(matching(rule, now=world.now).values_list("pk", flat=True)) == expected, data
            some = {customers[number].pk for number in batch if number < len(customers)}
            assert matches(rule, some, now=world.now) == expected & some, data
        transaction.set_rollback(True)
    assert not Customer.objects.exists()
