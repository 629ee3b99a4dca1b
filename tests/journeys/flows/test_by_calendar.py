"""Flows that the calendar starts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from crm.lib.durations import parse_duration
from crm.models import Customer, Segment, SegmentMember
from journeys.flows import by_calendar, calendar, versions, work
from journeys.flows.definition import DateOfTheirs
from journeys.models import Enrolment, Flow
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.journeys import PAUSE, live_flow
from tests.journeys.happenings import day, happens

pytestmark = pytest.mark.django_db


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def born(birthday: str | None, **rest: Any) -> Customer:
    return CustomerFactory.create(birthday=birthday, **rest)


def flow_on(date_: dict[str, Any], **rest: Any) -> Flow:
    return live_flow(PAUSE, trigger={"date": date_}, **rest)


def look(*moments: str) -> list[int]:
    return [by_calendar.enter_on_time(now=utc(moment)) for moment in moments]


def inside() -> set[int]:
    return set(Enrolment.objects.values_list("customer", flat=True))


# --- days of the customer's own ---------------------------------------------------------------


def test_a_birthday_enters_its_customer_at_nine_on_their_own_clock() -> None:
    flow_on({"attribute": "birthday"})
    bangkok, berlin = born("1990-03-05"), born("1985-03-05", time_zone="Europe/Berlin")
    born("1990-03-06"), born(None)
    assert look("2026-03-05T01:59", "2026-03-05T02:00", "2026-03-05T02:01") == [0, 1, 0]
    assert inside() == {bangkok.pk}
    assert look("2026-03-05T08:00") == [1]
    assert Enrolment.objects.get(customer=berlin).entered_at == utc("2026-03-05T08:00")


def test_a_birthday_comes_again_next_year_and_only_then() -> None:
    flow = flow_on({"attribute": "birthday"})
    customer = born("1990-03-05")
    look("2026-03-05T02:00")
    Enrolment.objects.update(state="completed", stand="", due_at=None, ended_at=NOON)
    Flow.objects.filter(pk=flow.pk).update(looked_at=utc("2026-03-04T12:00"))
    assert look("2026-03-05T02:00") == [0]
    Flow.objects.filter(pk=flow.pk).update(looked_at=utc("2027-03-04T12:00"))
    assert look("2027-03-05T02:00") == [1]
    assert Enrolment.objects.filter(customer=customer).count() == 2


def test_somebody_born_on_29_february_is_congratulated_on_the_28th_where_there_is_none() -> None:
    flow = flow_on({"attribute": "birthday"})
    customer = born("1992-02-29")
    Flow.objects.filter(pk=flow.pk).update(looked_at=utc("2027-02-27T12:00"))
    assert look("2027-02-28T02:00", "2027-03-01T02:00") == [1, 0]
    Enrolment.objects.update(state="completed", stand="", due_at=None, ended_at=NOON)
    Flow.objects.filter(pk=flow.pk).update(looked_at=utc("2028-02-27T12:00"))
    assert look("2028-02-28T02:00", "2028-02-29T02:00") == [0, 1]
    assert inside() == {customer.pk}


def test_an_attribute_with_a_date_enters_once_so_long_before_it() -> None:
    flow_on({"attribute": "warranty_ends", "offset": "-P3D", "at": "10:30"})
    here = CustomerFactory.create(attributes={"warranty_ends": "2026-03-10"})
    CustomerFactory.create(attributes={"warranty_ends": "2025-03-10"})
    CustomerFactory.create(attributes={"warranty_ends": "soon"})
    CustomerFactory.create(attributes={"warranty_ends": 20260310})
    assert look("2026-03-07T03:29", "2026-03-07T03:30") == [0, 1]
    assert inside() == {here.pk}


def test_a_date_with_a_time_counts_by_its_day_as_written() -> None:
    flow_on({"attribute": "delivery", "offset": "P1W", "yearly": True})
    here = CustomerFactory.create(attributes={"delivery": "2024-02-26T18:00:00+07:00"})
    assert look("2026-03-05T02:00") == [1]
    assert inside() == {here.pk}


def test_the_end_of_a_month_gathers_the_days_that_a_month_earlier_has_not() -> None:
    month_before = DateOfTheirs(attribute="x", offset="-P1M")
    assert by_calendar.bases(month_before, date(2026, 2, 28)) == [date(2026, 3, day) for day in (28, 29, 30, 31)]
    assert by_calendar.bases(month_before, date(2026, 2, 27)) == [date(2026, 3, 27)]
    month_after = DateOfTheirs(attribute="x", offset="P1M")
    assert by_calendar.bases(month_after, date(2026, 3, 30)) == []


@given(
    st.dates(date(1990, 1, 1), date(2040, 1, 1)),
    st.sampled_from(["P0D", "P3D", "P2W", "P1M", "P1Y", "P1M10D", "P11M"]),
    st.sampled_from(["", "-"]),
)
def test_every_date_is_found_on_the_day_its_offset_moves_it_to(base: date, offset: str, sign: str) -> None:
    theirs = DateOfTheirs(attribute="x", offset=f"{sign}{offset}")
    day = calendar.shift(base, parse_duration(offset), sign=-1 if sign else 1)
    assert base in by_calendar.bases(theirs, day)


def test_a_worker_that_was_away_for_a_day_makes_up_for_it_and_not_for_a_week() -> None:
    flow_on({"attribute": "birthday"})
    late, lost = born("1990-03-09"), born("1990-03-03")
    assert look("2026-03-10T02:30") == [1]
    assert (inside(), lost.pk in inside()) == ({late.pk}, False)


def test_days_that_passed_while_the_flow_was_paused_start_nothing() -> None:
    flow = flow_on({"attribute": "birthday"})
    born("1990-03-05")
    versions.pause(flow, now=utc("2026-03-04T12:00"))
    assert look("2026-03-05T02:00") == [0]
    versions.resume(flow, now=utc("2026-03-05T12:00"))
    assert look("2026-03-05T12:01") == [0]


def test_the_audience_and_who_is_gone_are_asked_here_too() -> None:
    flow_on({"attribute": "birthday"}, audience={"field": {"name": "language", "op": "eq", "value": "th"}})
    born("1990-03-05", erased_at=NOON, language="th"), born("1990-03-05", language="en")
    here = born("1990-03-05", language="th")
    assert look("2026-03-05T02:00") == [1]
    assert inside() == {here.pk}


def test_a_minute_in_which_no_clock_strikes_asks_nothing_about_customers() -> None:
    flow_on({"attribute": "birthday"})
    look("2026-03-05T02:00")
    with CaptureQueriesContext(connection) as captured:
        look("2026-03-05T02:07")
    assert not any("crm_customer" in query["sql"] for query in captured.captured_queries)


# --- schedules --------------------------------------------------------------------------------


@pytest.fixture
def vip() -> Segment:
    return Segment.objects.create(slug="vip", name="VIP", rule={"tag": "vip"})


def join(segment: Segment) -> Customer:
    customer = CustomerFactory.create()
    SegmentMember.objects.create(segment=segment, customer=customer, since=NOON)
    return customer


def run(now: str) -> None:
    while work.work_due(now=utc(now), limit=100):
        pass


def test_everybody_in_the_segment_enters_when_the_clock_of_the_shop_says_so(vip: Segment) -> None:
    live_flow(PAUSE, trigger={"schedule": {"cron": "0 9 * * mon", "segment": "vip"}})
    member = join(vip)
    CustomerFactory.create()
    run("2026-03-09T01:59")
    assert inside() == set()
    run("2026-03-09T02:00:20")
    assert inside() == {member.pk}
    assert Enrolment.objects.get().entered_at == utc("2026-03-09T02:00")


def test_each_time_is_an_entry_of_its_own_and_the_same_time_is_not(vip: Segment) -> None:
    live_flow(PAUSE, trigger={"schedule": {"cron": "0 9 * * *", "segment": "vip"}}, reentry={"policy": "always"})
    join(vip)
    for now in ("2026-03-05T02:00", "2026-03-05T02:01", "2026-03-06T02:00"):
        run(now)
    assert Enrolment.objects.count() == 2


def test_after_an_outage_only_the_last_time_is_made_up_for(vip: Segment) -> None:
    live_flow(PAUSE, trigger={"schedule": {"cron": "0 9 * * *", "segment": "vip"}}, reentry={"policy": "always"})
    join(vip)
    run("2026-03-04T03:00")
    run("2026-03-07T03:00")
    assert [entered.date() for entered in Enrolment.objects.order_by("pk").values_list("entered_at", flat=True)] == [
        date(2026, 3, 4), date(2026, 3, 7),
    ]  # fmt: skip


def test_who_enters_or_leaves_a_segment_is_heard_by_its_slug(vip: Segment) -> None:
    entering = live_flow(PAUSE, trigger={"segment": "vip", "on": "enter"})
    leaving = live_flow(PAUSE, trigger={"segment": "vip", "on": "leave"})
    customer = CustomerFactory.create()
    happens(customer, "Segment Entered", day(1), segment="other")
    happens(customer, "Segment Entered", day(1), segment="vip")
    assert Enrolment.objects.get().flow == entering
    happens(customer, "Segment Left", day(2), segment="vip")
    assert Enrolment.objects.get(flow=leaving).entered_at == day(1) + timedelta(days=1)
