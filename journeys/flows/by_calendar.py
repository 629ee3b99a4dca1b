"""
Flows that the calendar starts: a day of the customer's own, or a schedule for a segment.

No customer has a timer. Each flow remembers until when it has been looked at; a look finds, with one query, everybody
for whom the time came since.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from functools import reduce
from itertools import islice
from operator import or_
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Substr

from crm.lib import zones
from crm.models import Customer, Shop
from journeys.flows import calendar, intake, plans
from journeys.flows.chunks import CHUNK, chunks
from journeys.flows.cron import parse_cron
from journeys.flows.definition import BIRTHDAY, DateOfTheirs, DateTrigger, ScheduleTrigger
from journeys.flows.enrolment import STALE, Entry, enrol_many
from journeys.models import Flow, FlowVersion, Intake

# Eight years may lie between two 29ths of February.
LONGEST_PAUSE = timedelta(days=8 * 366)


def enter_on_time(*, now: datetime) -> int:
    """
    Let in everybody for whom the time came since the last look; once a minute is enough, asking more often costs one
    query. What a look missed for three days is too late to start anything. Returns how many entered.
    """
    entered = 0
    zone = ZoneInfo(Shop.current().time_zone)
    for version in plans.live_versions():
        trigger = plans.plan_of(version).definition.trigger
        if not isinstance(trigger, DateTrigger | ScheduleTrigger):
            continue
        seen = version.flow.looked_at or version.published_at
        if seen.replace(second=0, microsecond=0) == now.replace(second=0, microsecond=0):
            continue
        with transaction.atomic():
            if not Flow.objects.filter(pk=version.flow_id, looked_at=version.flow.looked_at).update(looked_at=now):
                continue  # another worker looks
            since = max(seen, now - STALE)
            if isinstance(trigger, ScheduleTrigger):
                # After an outage once is enough: the last time that came.
                for at in list(parse_cron(trigger.schedule.cron).between(since, now, zone))[-1:]:
                    intake.begin(version, Intake.Kind.SCHEDULE, at=at)
            else:
                entered += _enter_on_dates(version, trigger.date, since, now)
    return entered


def next_look_at() -> datetime | None:
    """
    When `enter_on_time` will next have something to do: the next time of a schedule, or of somebody's day within 24
    hours of the last look. Without such a day it is the end of these hours, to look on from there. None when no live
    flow is started by the calendar. For clocks that are moved by hand; a few queries a flow.
    """
    zone = ZoneInfo(Shop.current().time_zone)
    found: list[datetime] = []
    for version in plans.live_versions():
        trigger = plans.plan_of(version).definition.trigger
        seen = version.flow.looked_at or version.published_at
        if isinstance(trigger, ScheduleTrigger):
            found += islice(parse_cron(trigger.schedule.cron).between(seen, seen + LONGEST_PAUSE, zone), 1)
        elif isinstance(trigger, DateTrigger):
            found.append(_next_day_of(trigger.date, seen))
    return min(found, default=None)


def _next_day_of(theirs: DateOfTheirs, seen: datetime) -> datetime:
    shop, until = Shop.current().time_zone, seen + timedelta(days=1)
    found = [until]
    for day, names in _days_begun(time.fromisoformat(theirs.at), seen, until).items():
        people = _whose_day(theirs, day).filter(merged_into=None, erased_at=None)
        zones_of_people = people.order_by().values_list("time_zone", flat=True).distinct()
        found += [_at(theirs, day, name or shop) for name in zones_of_people if (name or shop) in names]
    return min(found)


def _enter_on_dates(version: FlowVersion, theirs: DateOfTheirs, since: datetime, now: datetime) -> int:
    entered = 0
    shop = Shop.current().time_zone
    for day, names in sorted(_days_begun(time.fromisoformat(theirs.at), since, now).items()):
        if shop in names:
            names.add("")
        people = _whose_day(theirs, day).filter(time_zone__in=sorted(names), merged_into=None, erased_at=None)
        entries = (
            Entry(version, customer, _at(theirs, day, name or shop), token=f"date:{day.isoformat()}")
            for customer, name in people.order_by("pk").values_list("pk", "time_zone").iterator(chunk_size=CHUNK)
        )
        for chunk in chunks(entries):
            entered += len(enrol_many(chunk, now=now))
    return entered


def _days_begun(at: time, since: datetime, now: datetime) -> dict[date, set[str]]:
    """The days on which clocks first showed `at` in (since, now], each with the time zones where they did."""
    found: dict[date, set[str]] = defaultdict(set)
    for name in zones.zone_names():
        zone = ZoneInfo(name)
        day, last = since.astimezone(zone).date(), now.astimezone(zone).date()
        while day <= last:
            if since < calendar.at_local(day, at, zone) <= now:
                found[day].add(name)
            day += timedelta(days=1)
    return found


def _at(theirs: DateOfTheirs, day: date, zone: str) -> datetime:
    return calendar.at_local(day, time.fromisoformat(theirs.at), ZoneInfo(zone))


def bases(theirs: DateOfTheirs, day: date) -> list[date]:
    """The dates that `offset` moves to `day`: none, one, or several where months differ in length. Pure."""
    near = calendar.shift(day, theirs.duration, sign=-theirs.sign)
    around = (near + timedelta(days=offset) for offset in range(-4, 5))
    return [base for base in around if calendar.shift(base, theirs.duration, sign=theirs.sign) == day]


def _whose_day(theirs: DateOfTheirs, day: date) -> QuerySet[Customer]:
    found = bases(theirs, day)
    if not found:
        return Customer.objects.none()
    if theirs.attribute == BIRTHDAY:
        if not theirs.is_yearly:
            return Customer.objects.filter(birthday__in=found)
        return Customer.objects.filter(
            reduce(or_, (Q(birthday__month=month, birthday__day=number) for month, number in _anniversaries(found))),
            birthday__lte=max(found),
        )
    text = Customer.objects.annotate(their_day=Substr(KeyTextTransform(theirs.attribute, "attributes"), 1, 10))
    if not theirs.is_yearly:
        return text.filter(their_day__in=[base.isoformat() for base in found])
    ends = [f"{month:02}-{number:02}" for month, number in _anniversaries(found)]
    return text.annotate(of_year=Substr("their_day", 6, 5)).filter(
        of_year__in=ends, their_day__lte=max(found).isoformat()
    )


def _anniversaries(days: Iterable[date]) -> Iterator[tuple[int, int]]:
    """(month, day) of dates that are kept on one of `days`."""
    for day in days:
        yield day.month, day.day
        is_leap = (day + timedelta(days=1)).day == 29
        if (day.month, day.day) == (2, 28) and not is_leap:
            yield 2, 29
