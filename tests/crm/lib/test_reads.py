from datetime import timedelta
from typing import Any

import pytest

from crm.lib.reads import attach, read_rows
from crm.models import Event, Ticket
from tests.factories.crm import NOON, CustomerFactory, TicketFactory, UserFactory

pytestmark = pytest.mark.django_db


def event(number: int) -> Event:
    return Event.objects.create(
        customer=CustomerFactory(), name="Seen", occurred_at=NOON + timedelta(hours=number), received_at=NOON,
        source="storefront", dedupe_key=f"{number}", properties={"n": number},
    )  # fmt: skip


def test_rows_are_read_as_the_query_says_and_as_they_are(django_assert_num_queries: Any) -> None:
    first, second, _another = event(1), event(2), event(3)
    with django_assert_num_queries(1):
        found = read_rows(Event.objects.filter(pk__in=[first.pk, second.pk]).order_by("-pk"))
        assert found == [second, first]
        assert [row.properties for row in found] == [{"n": 2}, {"n": 1}]
        assert [row.occurred_at for row in found] == [second.occurred_at, first.occurred_at]
    found[0].name = "Renamed"
    found[0].save()
    second.refresh_from_db()
    assert second.name == "Renamed"


def test_what_is_left_out_is_read_by_whoever_asks_for_it_after_all(django_assert_num_queries: Any) -> None:
    seen = event(1)
    with django_assert_num_queries(1):
        (found,) = read_rows(Event.objects.filter(pk=seen.pk), leaving_out=["source"])
    with django_assert_num_queries(1):
        assert found.source == "storefront"


def test_related_rows_are_read_once_for_all(django_assert_num_queries: Any) -> None:
    ann, agent = CustomerFactory(), UserFactory()
    TicketFactory.create_batch(2, customer=ann, assignee=agent)
    TicketFactory(customer=ann, assignee=None)
    rows = read_rows(Ticket.objects.order_by("pk"))
    with django_assert_num_queries(2):
        attach(rows, "customer", "assignee")
    with django_assert_num_queries(0):
        assert [(row.customer, row.assignee) for row in rows] == [(ann, agent), (ann, agent), (ann, None)]


def test_of_no_rows_nothing_is_asked(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        attach([], "customer")
