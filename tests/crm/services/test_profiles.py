"""What is said of people besides what they did."""

from datetime import UTC, date, datetime

import pytest
from pytest_django import DjangoAssertNumQueries

from crm.models import Company, Customer
from crm.services.profiles import CompanySaid, Profile, Said, put_profiles
from tests.factories.crm import CustomerFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 4, 6, 12, tzinfo=UTC)


def put(*said: tuple[Customer, Profile]) -> None:
    put_profiles([Said(customer.pk, profile, NOON) for customer, profile in said], now=NOON)


def test_later_words_win_and_silence_changes_nothing() -> None:
    ann = CustomerFactory.create(name="Ann", language="en", attributes={"size": "M", "colour": "red"})

    put(
        (ann, Profile(name="Ann One", attributes={"size": None, "vip": True})),
        (ann, Profile(name="Ann Two", birthday=date(1990, 4, 13))),
    )

    ann.refresh_from_db()
    assert (ann.name, ann.language, ann.birthday) == ("Ann Two", "en", date(1990, 4, 13))
    assert ann.attributes == {"colour": "red", "vip": True}
    assert "ann two" in ann.search_text
    assert [row.name for row in ann.history.order_by("history_id")] == ["Ann", "Ann Two"]


def test_a_record_takes_no_more_attributes_than_it_can_hold() -> None:
    ann = CustomerFactory.create(attributes={"a": 1})
    put((ann, Profile(name="Ann", attributes={f"k{n}": n for n in range(300)})))
    ann.refresh_from_db()
    assert (ann.name, ann.attributes) == ("Ann", {"a": 1})


def test_a_company_is_made_once_and_keeps_its_name() -> None:
    ann, bo = CustomerFactory.create(), CustomerFactory.create()

    put(
        (ann, Profile(company=CompanySaid("org", "Doi", {"size": 6}))),
        (bo, Profile(company=CompanySaid("org", attributes={"city": "Chiang Mai"}))),
    )
    put((bo, Profile(company=CompanySaid("org"))))

    company = Company.objects.get()
    assert (company.name, company.attributes) == ("Doi", {"size": 6, "city": "Chiang Mai"})
    assert set(company.people.all()) == {ann, bo}


def test_many_profiles_cost_the_same_queries(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    costs = []
    for size in (2, 20):
        people = [CustomerFactory.create() for _ in range(size)]
        with django_assert_max_num_queries(20) as counted:
            put(*[(person, Profile(name=f"P{n}", company=CompanySaid("org"))) for n, person in enumerate(people)])
        costs.append(len(counted))
    assert costs[1] <= costs[0]
