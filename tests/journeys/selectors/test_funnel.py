from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from crm.models import Customer, User
from journeys.models import Journey, Stage, StageMove
from journeys.selectors.funnel import FunnelStage, funnel, members
from tests.factories.crm import CustomerFactory, UserFactory
from tests.journeys.happenings import day, happens

pytestmark = pytest.mark.django_db


@pytest.fixture
def journey() -> Journey:
    return Journey.objects.get(slug="five-stage")


@pytest.fixture
def user() -> User:
    return UserFactory.create(role=User.Role.MANAGER)


def look(journey: Journey, user: User, **more: Any) -> dict[str, FunnelStage]:
    asked = {"since": day(0), "until": day(30), "window": timedelta(days=14), **more}
    customers = asked.pop("customers", Customer.objects.visible_to(user))
    return {row.stage.slug: row for row in funnel(journey, customers, **asked)}


def person(*facts: tuple[str, float], at: float = 0) -> Customer:
    customer = CustomerFactory.create(created_at=day(at))
    for name, when in facts:
        happens(customer, name, day(when), order_id=f"{customer.pk}-{when}")
    return customer


def test_it_counts_who_went_how_far_in_time(journey: Journey, user: User) -> None:
    person()
    person(("Product Added", 2))
    person(("Product Added", 1), ("Order Completed", 4))
    person(("Order Completed", 20))  # too late for the window
    person(("Order Completed", 41), at=40)  # came after the period

    rows = look(journey, user)

    assert [(row.reached, row.share, row.from_before) for row in rows.values()] == [
        (4, 100, None), (2, 50, 50), (1, 25, 50), (0, 0, 0), (0, 0, None),
    ]  # fmt: skip
    assert rows["awareness"].median is None
    assert rows["consideration"].median == timedelta(days=1)
    assert rows["purchase"].median == timedelta(days=4)
    assert rows["retention"].median is None


def test_who_skips_a_stage_has_reached_it(journey: Journey, user: User) -> None:
    person(("Order Completed", 3))
    assert look(journey, user)["consideration"].reached == 1


def test_what_only_would_have_been_counts_for_nothing(journey: Journey, user: User) -> None:
    person(("Order Completed", 3))
    StageMove.objects.filter(to_stage__slug="purchase").update(would_have=True)
    assert look(journey, user)["purchase"].reached == 0


def test_an_empty_period_has_no_shares(journey: Journey, user: User) -> None:
    rows = look(journey, user, since=day(200), until=day(230))
    assert [(row.reached, row.share, row.from_before) for row in rows.values()] == [
        (0, None, None), *[(0, None, None)] * 4,
    ]  # fmt: skip


def test_the_people_behind_a_number_are_those_it_counts(journey: Journey, user: User) -> None:
    buyer = person(("Order Completed", 3))
    person()
    stage = Stage.objects.get(journey=journey, slug="purchase")
    asked = {"since": day(0), "until": day(30), "window": timedelta(days=14)}
    assert list(members(journey, Customer.objects.visible_to(user), stage=stage, **asked)) == [buyer]


def test_a_cohort_may_be_narrowed(journey: Journey, user: User) -> None:
    buyer = person(("Order Completed", 3))
    person()
    rows = look(journey, user, customers=Customer.objects.filter(pk=buyer.pk))
    assert (rows["awareness"].reached, rows["purchase"].from_before) == (1, 100)


def test_it_costs_few_queries(journey: Journey, user: User, django_assert_max_num_queries: Any) -> None:
    person(("Order Completed", 3))
    with django_assert_max_num_queries(8):
        rows = look(journey, user)
    assert rows["purchase"].reached == 1
