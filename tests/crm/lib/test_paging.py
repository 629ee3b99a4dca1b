import base64
from datetime import timedelta

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from crm.lib.paging import InvalidCursor, Page, Sort, bounded_count, keyset_page, page_among
from crm.models import Customer
from tests.factories.crm import NOON, CustomerFactory

SEEN = Sort("last_seen_at", nullable=True)
NAME = Sort("name", descending=False)


def make(seen: list[int | None]) -> None:
    """Customers last seen so many hours after noon; None for never."""
    for hours in seen:
        customer = CustomerFactory()
        at = None if hours is None else NOON + timedelta(hours=hours)
        Customer.objects.filter(pk=customer.pk).update(last_seen_at=at)


def hours(page: Page[Customer]) -> list[int | None]:
    return [row.last_seen_at and round((row.last_seen_at - NOON) / timedelta(hours=1)) for row in page.rows]


@pytest.mark.django_db
class TestKeysetPage:
    def test_the_last_page_has_no_next_and_the_first_no_previous(self) -> None:
        make([1, 2, 3])
        first = keyset_page(Customer.objects.all(), SEEN, size=2)
        last = keyset_page(Customer.objects.all(), SEEN, cursor=first.next, size=2)
        assert (hours(first), first.previous) == ([3, 2], "")
        assert (hours(last), last.next) == ([1], "")
        assert hours(keyset_page(Customer.objects.all(), SEEN, cursor=last.previous, size=2)) == [3, 2]

    def test_an_empty_list_has_one_empty_page(self) -> None:
        assert keyset_page(Customer.objects.all(), SEEN) == Page(rows=[], next="", previous="")

    def test_rows_without_a_value_come_last_and_can_be_walked_back_from(self) -> None:
        make([None, 2, None, 1])
        first = keyset_page(Customer.objects.all(), SEEN, size=3)
        second = keyset_page(Customer.objects.all(), SEEN, cursor=first.next, size=3)
        assert hours(first) == [2, 1, None]
        assert hours(second) == [None]
        assert hours(keyset_page(Customer.objects.all(), SEEN, cursor=second.previous, size=3)) == [2, 1, None]

    def test_a_row_that_arrives_meanwhile_shifts_nothing(self) -> None:
        make([1, 2, 3, 4])
        first = keyset_page(Customer.objects.all(), SEEN, size=2)
        make([9])
        assert hours(keyset_page(Customer.objects.all(), SEEN, cursor=first.next, size=2)) == [2, 1]

    def test_names_can_be_walked_upwards(self) -> None:
        for name in ("Nok", "Anan", "มาลี"):
            CustomerFactory(name=name)
        first = keyset_page(Customer.objects.all(), NAME, size=2)
        second = keyset_page(Customer.objects.all(), NAME, cursor=first.next, size=2)
        assert [row.name for row in first.rows + second.rows] == ["Anan", "Nok", "มาลี"]

    @pytest.mark.parametrize("sort", [SEEN, NAME])
    def test_a_page_is_one_query_and_two_where_empty_values_begin(self, sort: Sort, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
        make([1, 2, 3, None])
        with django_assert_num_queries(1):
            first = keyset_page(Customer.objects.all(), sort, size=2)
        with django_assert_num_queries(2 if sort.nullable else 1):
            keyset_page(Customer.objects.all(), sort, cursor=first.next, size=2)

    @pytest.mark.parametrize(
        "cursor",
        [
            "x",
            "%%%",
            "é",
            "null",
            base64.urlsafe_b64encode(b"[0, 7]").decode(),
            base64.urlsafe_b64encode(b'[0, "yesterday", 1]').decode(),
            base64.urlsafe_b64encode(b'[0, "2026-03-02T12:00:00", 1]').decode(),
            base64.urlsafe_b64encode(b'[0, "2026-03-02T12:00:00Z", -1]').decode(),
            base64.urlsafe_b64encode(b'[0, "2026-03-02T12:00:00Z", "1 OR 1"]').decode(),
            base64.urlsafe_b64encode(b'[0, "2026-03-02T12:00:00Z", 99999999999999999999]').decode(),
            base64.urlsafe_b64encode(b'[0, {"a": 1}, 1]').decode(),
        ],
    )
    def test_a_marker_that_no_list_made_is_refused(self, cursor: str) -> None:
        with pytest.raises(InvalidCursor):
            keyset_page(Customer.objects.all(), SEEN, cursor=cursor)

    def test_a_marker_without_a_value_belongs_to_nullable_lists_only(self) -> None:
        cursor = base64.urlsafe_b64encode(orjson.dumps([0, None, 3])).decode()
        assert keyset_page(Customer.objects.all(), SEEN, cursor=cursor).rows == []
        with pytest.raises(InvalidCursor):
            keyset_page(Customer.objects.all(), NAME, cursor=cursor)


@pytest.mark.django_db
def test_counting_stops_one_beyond_the_bound() -> None:
    make([1, 2, 3, 4])
    assert bounded_count(Customer.objects.all(), 10) == 4
    assert bounded_count(Customer.objects.all(), 2) == 3


class EveryRowOnce(TestCase):
    @settings(max_examples=25, deadline=None)
    @given(seen=st.lists(st.one_of(st.none(), st.integers(0, 4)), max_size=9), size=st.integers(1, 4))
    def test_walking_there_and_back_meets_every_row_once_in_order(self, seen: list[int | None], size: int) -> None:
        make(seen)
        rows = Customer.objects.all()
        pages = [keyset_page(rows, SEEN, size=size)]
        while pages[-1].next:
            pages.append(keyset_page(rows, SEEN, cursor=pages[-1].next, size=size))
        walked = [row.pk for page in pages for row in page.rows]
        assert walked == _expected()
        back = pages[-1]
        met = [row.pk for row in back.rows]
        while back.previous:
            back = keyset_page(rows, SEEN, cursor=back.previous, size=size)
            met = [row.pk for row in back.rows] + met
        assert met == walked


def _expected() -> list[int]:
    rows = list(Customer.objects.all())
    filled = sorted((row for row in rows if row.last_seen_at), key=lambda row: (row.last_seen_at, row.pk), reverse=True)
    return [row.pk for row in filled] + sorted((row.pk for row in rows if not row.last_seen_at), reverse=True)


class TestPageAmong:
    @pytest.fixture(autouse=True)
    def people(self, db: None) -> None:
        """Nine, the first, fourth and ninth of them called Nok."""
        for number in range(1, 10):
            CustomerFactory(name="Nok" if number in (1, 4, 9) else "Anan", email=f"{number}@example.com")

    def page(self, cursor: str = "", *, size: int = 2, most: int = 4) -> Page[Customer]:
        everybody = Customer.objects.all()
        return page_among(everybody.filter(name="Nok"), everybody, cursor=cursor, size=size, most=most)

    def names(self, page: Page[Customer]) -> list[str]:
        return [row.email[0] for row in page.rows]

    def test_no_more_rows_are_looked_at_than_it_may(self) -> None:
        first = self.page()
        assert (self.names(first), first.is_cut_short, first.previous) == (["9"], True, "")
        second = self.page(first.next)
        assert (self.names(second), second.is_cut_short) == (["4"], True)
        third = self.page(second.next)
        assert (self.names(third), third.is_cut_short, third.next) == (["1"], False, "")

    def test_it_can_be_walked_back(self) -> None:
        third = self.page(self.page(self.page().next).next)
        assert self.names(third) == ["1"]
        back = self.page(third.previous)
        assert (self.names(back), back.is_cut_short) == (["4"], False)
        assert self.names(self.page(back.previous)) == ["9"]

    def test_a_full_page_is_as_any_other(self) -> None:
        first = self.page(most=100)
        assert (self.names(first), first.is_cut_short) == (["9", "4"], False)
        assert self.names(self.page(first.next, most=100)) == ["1"]

    def test_from_a_page_without_rows_there_is_a_way_on_and_a_way_back(self) -> None:
        Customer.objects.filter(email__in=["4@example.com", "9@example.com"]).update(name="Anan")
        first = self.page()
        assert (first.rows, first.is_cut_short) == ([], True)
        second = self.page(first.next)
        assert (second.rows, second.previous != "") == ([], True)
        assert self.names(self.page(second.next)) == ["1"]

    def test_of_nothing_there_is_one_empty_page(self) -> None:
        assert page_among(Customer.objects.none(), Customer.objects.none(), most=4) == Page()

    def test_a_cursor_of_another_list_is_refused(self) -> None:
        with pytest.raises(InvalidCursor):
            self.page("zzz")
