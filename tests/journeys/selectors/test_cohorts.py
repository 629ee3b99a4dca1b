from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crm.models import Customer, Purchase
from journeys.models import Journey
from journeys.selectors.cohorts import Cell, Mark, cohorts, edges_of, members, place_of
from tests.factories.crm import CustomerFactory, PurchaseFactory

BANGKOK = ZoneInfo("Asia/Bangkok")
NOW = datetime(2026, 5, 10, 3, tzinfo=UTC)


def at(month: int, day: int, hour: int = 3) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def test_weeks_begin_on_monday_and_months_on_the_first_by_the_shops_clock() -> None:
    weeks = edges_of(date(2026, 3, 4), date(2026, 3, 9), by="week", zone=BANGKOK)
    assert [edge.isoformat() for edge in weeks] == [
        "2026-03-02T00:00:00+07:00", "2026-03-09T00:00:00+07:00", "2026-03-16T00:00:00+07:00",
    ]  # fmt: skip
    months = edges_of(date(2025, 12, 31), date(2026, 1, 1), by="month", zone=BANGKOK)
    assert [edge.date() for edge in months] == [date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1)]


def test_weeks_stay_whole_when_clocks_change() -> None:
    berlin = edges_of(date(2026, 10, 19), date(2026, 10, 26), by="week", zone=ZoneInfo("Europe/Berlin"))
    assert [edge.isoformat() for edge in berlin] == [
        "2026-10-19T00:00:00+02:00", "2026-10-26T00:00:00+01:00", "2026-11-02T00:00:00+01:00",
    ]  # fmt: skip


def test_the_place_of_a_day_is_that_of_the_period_that_begins_on_it() -> None:
    edges = edges_of(date(2026, 3, 1), date(2026, 5, 10), by="month", zone=BANGKOK)
    days = (date(2026, 3, 1), date(2026, 5, 1), date(2026, 6, 1), date(2026, 3, 2), date(2026, 2, 1))
    assert [place_of(edges, day) for day in days] == [0, 2, None, None, None]


@pytest.mark.django_db
class TestCohorts:
    edges = edges_of(date(2026, 3, 1), date(2026, 5, 10), by="month", zone=BANGKOK)

    def journey(self) -> Journey:
        return Journey.objects.get(slug="five-stage")

    def marks(self) -> tuple[Mark, Mark]:
        journey = self.journey()
        return Mark(journey, journey.stages.get(slug="awareness")), Mark(journey, journey.stages.get(slug="purchase"))

    def look(self, start: Mark, reach: Mark, **more: Any) -> list[tuple[int, list[int]]]:
        asked = {"edges": self.edges, "until": NOW, "now": NOW, **more}
        found = cohorts(start, reach, Customer.objects.all(), **asked)
        return [(cohort.size, [cell.reached for cell in cohort.cells]) for cohort in found]

    def test_a_row_counts_who_came_and_each_cell_who_came_on_by_then(self) -> None:
        for came, bought in ((at(3, 5), None), (at(3, 6), at(3, 7)), (at(3, 7), at(5, 2)), (at(4, 2), at(4, 3))):
            customer = CustomerFactory(created_at=came)
            if bought:
                PurchaseFactory(customer=customer, placed_at=bought)
        assert self.look(*self.marks()) == [(3, [1, 1, 2]), (1, [1, 1]), (0, [0])]

    def test_only_the_last_cell_of_a_row_is_open(self) -> None:
        CustomerFactory(created_at=at(3, 5))
        found = cohorts(*self.marks(), Customer.objects.all(), edges=self.edges, until=NOW, now=NOW)
        assert found[0].cells == [Cell(0, 0, 0, False), Cell(1, 0, 0, False), Cell(2, 0, 0, True)]
        assert [cell.is_open for cell in found[2].cells] == [True]
        assert [cell.share for cell in found[1].cells] == [None, None]

    def test_midnight_is_the_shops(self) -> None:
        CustomerFactory(created_at=at(3, 31, 18))  # 1 April, one o'clock in Bangkok
        assert [size for size, _cells in self.look(*self.marks())] == [0, 1, 0]

    def test_a_second_order_is_an_order_again_and_a_cancelled_one_is_none(self) -> None:
        customer, other = CustomerFactory(created_at=at(3, 1)), CustomerFactory(created_at=at(3, 1))
        for day in (at(3, 9), at(4, 9), at(5, 3)):
            PurchaseFactory(customer=customer, placed_at=day)
        PurchaseFactory(customer=other, placed_at=at(3, 9))
        PurchaseFactory(customer=other, placed_at=at(4, 9), status=Purchase.Status.CANCELLED)
        journey = self.journey()
        assert self.look(Mark(journey, order=1), Mark(journey, order=2)) == [(2, [0, 1, 1]), (0, [0, 0]), (0, [0])]

    def test_who_had_come_before_counts_from_the_first_cell_on(self) -> None:
        customer = CustomerFactory(created_at=at(3, 1))
        PurchaseFactory(customer=customer, placed_at=at(4, 9))
        journey, (aware, _bought) = self.journey(), self.marks()
        assert self.look(Mark(journey, order=1), aware) == [(0, [0, 0, 0]), (1, [1, 1]), (0, [0])]

    def test_the_people_of_a_cell_are_those_it_counts(self) -> None:
        for came, bought in ((at(3, 5), None), (at(3, 6), at(3, 7)), (at(3, 7), at(5, 2)), (at(4, 2), at(4, 3))):
            customer = CustomerFactory(created_at=came)
            if bought:
                PurchaseFactory(customer=customer, placed_at=bought)
        for start, reach in (self.marks(), (Mark(self.journey(), order=1), Mark(self.journey(), order=2))):
            people = Customer.objects.all()
            for place, cohort in enumerate(
                cohorts(start, reach, people, edges=self.edges, until=NOW, now=NOW)
            ):  # fmt: skip
                sought = {"edges": self.edges, "place": place}
                assert members(start, reach, people, **sought, later=None).count() == cohort.size
                for cell in cohort.cells:
                    assert members(start, reach, people, **sought, later=cell.later).count() == cell.reached

    def test_it_costs_one_query(self, django_assert_num_queries: Any) -> None:
        CustomerFactory(created_at=at(3, 5))
        start, reach = self.marks()
        with django_assert_num_queries(1):
            self.look(start, reach)

    def test_nobody_is_no_question_for_the_database(self, django_assert_num_queries: Any) -> None:
        start, reach = self.marks()
        with django_assert_num_queries(0):
            found = cohorts(start, reach, Customer.objects.none(), edges=self.edges, until=NOW, now=NOW)
        assert [cohort.size for cohort in found] == [0, 0, 0]
