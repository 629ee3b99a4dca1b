"""The median that both databases count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import F, Q

from crm.lib.medians import MedianLow
from crm.models import Task

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def tasks(*hours: int | None) -> None:
    """Tasks that are due so many hours after they were made; None: whenever."""
    Task.objects.bulk_create(
        Task(title="Call", created_at=START, due_at=None if after is None else START + timedelta(hours=after))
        for after in hours
    )


def median() -> object:
    return Task.objects.order_by().aggregate(middle=MedianLow(F("due_at") - F("created_at")))["middle"]


@pytest.mark.parametrize(
    ("hours", "middle"), [((5, 1, 9), 5), ((9, 1, 5, 3), 3), ((7,), 7), ((None, 4, None), 4), ((2, 2, 2, 8), 2)]
)
def test_it_is_the_value_in_the_middle_the_smaller_of_two(hours: tuple[int | None, ...], middle: int) -> None:
    tasks(*hours)
    assert median() == timedelta(hours=middle)


def test_of_nothing_there_is_none() -> None:
    assert median() is None
    tasks(None)
    assert median() is None


def test_several_with_conditions_are_one_query(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    tasks(1, 2, 3, 10, 20, 30)
    span = F("due_at") - F("created_at")
    soon = Q(due_at__lt=START + timedelta(hours=5))
    with django_assert_num_queries(1):
        found = Task.objects.order_by().aggregate(all=MedianLow(span), soon=MedianLow(span, filter=soon))
    assert found == {"all": timedelta(hours=3), "soon": timedelta(hours=2)}


def test_a_connection_opened_anew_knows_it_too() -> None:
    tasks(4)
    assert median() == timedelta(hours=4)
    if connection.vendor == "sqlite":  # forgotten, as by another connection
        connection.connection.create_aggregate("MEDIAN_LOW", 1, None)
    assert median() == timedelta(hours=4)
