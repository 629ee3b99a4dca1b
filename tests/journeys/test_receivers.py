"""What an event costs with all that stages and flows do about it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from journeys.models import Position
from tests.crm.api.conftest import Program
from tests.factories.journeys import live_flow
from tests.journeys.happenings import DAY

pytestmark = pytest.mark.django_db


def cart(number: int, at: datetime, key: str) -> dict[str, Any]:
    person = {"email": f"p{number}@example.com"}
    return {"customer": person, "event": "Cart Viewed", "id": key, "occurred_at": at.isoformat()}


@pytest.fixture
def api() -> Program:
    """A storefront with forty people who viewed their cart yesterday, and a flow that waits for something else."""
    live_flow(trigger={"event": "Checkout Started"})
    api = Program()
    then = timezone.now() - DAY
    for attempt in range(2):  # the first makes people and shop, the second remembers the configuration
        api.post("events/", {"events": [cart(n, then, f"{attempt}-{n}") for n in range(40)]})
    assert Position.objects.filter(stage=None).count() == 0
    return api


def test_a_single_event_of_somebody_known_costs_sixteen_statements(
    api: Program, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # Who calls; stamps of the configuration; who it is; the fact; their last sign of life; positions; what the
    # rules must know; health; runs under way; and savepoints round the call, the person and the reaction.
    with django_assert_num_queries(16):
        assert api.post("events/", cart(7, timezone.now(), "now")).status_code == 200


@pytest.mark.parametrize("size", [2, 40])
def test_a_batch_costs_as_many_statements_as_one_event(
    size: int, api: Program, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    now = timezone.now()
    with django_assert_num_queries(16):
        assert api.post("events/", {"events": [cart(n, now, f"now-{n}") for n in range(size)]}).status_code == 200
