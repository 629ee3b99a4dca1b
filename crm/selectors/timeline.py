"""One customer's timeline: everything that happened, newest first, by day; and what is still to come."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from crm import extensions
from crm.events import types
from crm.lib.paging import Sort, keyset_page
from crm.models import Customer, Event

Text = str | Promise

# The filter chips, in the order they are shown. The keys are EventType.category.
CATEGORIES: dict[str, Text] = {
    "visit": _("Visits"),
    "enquiry": _("Enquiries"),
    "order": _("Orders"),
    "message": _("Messages"),
    "ticket": _("Tickets"),
    "review": _("Reviews"),
    "stage": _("Stages"),
    "staff": _("Notes and calls"),
    "other": _("Other"),
}
NEWEST_FIRST = Sort("occurred_at")


@dataclass(frozen=True, slots=True)
class Mark:
    """What became of a row's record, said on the row itself: "delivered"."""

    text: Text
    at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One row. `url` is the record's page, "" when it has none.

    `learnt_at` is set when we heard of it much later than it happened.
    """

    at: datetime
    title: Text
    text: Text
    category: str
    icon: str
    url: str = ""
    why: Text = ""
    why_url: str = ""
    tone: str = ""
    learnt_at: datetime | None = None
    marks: list[Mark] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Day:
    date: date
    entries: list[Entry]


@dataclass(frozen=True, slots=True)
class Timeline:
    """`next` is the cursor of the older rows, "" at the end. `upcoming` is filled on the first page only."""

    days: list[Day] = field(default_factory=list)
    upcoming: list[extensions.UpcomingItem] = field(default_factory=list)
    next: str = ""


def timeline(
    customer: Customer, *, now: datetime, zone: ZoneInfo, category: str = "", cursor: str = "", size: int = 40
) -> Timeline:
    """
    A page of the customer's timeline; days are those of `zone`.

    Args:
        category: one of CATEGORIES, or "" for everything.

    Raises:
        crm.lib.paging.InvalidCursor: `cursor` is not of this timeline.
    """
    page = keyset_page(_of_category(customer, category), NEWEST_FIRST, cursor=cursor, size=size)
    entries = _entries(page.rows)
    days = groupby(entries, key=lambda entry: entry.at.astimezone(zone).date())
    return Timeline(
        days=[Day(day, list(of_day)) for day, of_day in days],
        upcoming=[] if cursor or category else extensions.upcoming_items(customer, now),
        next=page.next,
    )


def _of_category(customer: Customer, category: str) -> QuerySet[Event]:
    events = Event.objects.filter(customer=customer)
    if not category:
        return events
    if category == "other":
        # Names that no app registered (a shop's own events) belong here too.
        return events.exclude(name__in=_names(set(CATEGORIES) - {"other"}))
    return events.filter(name__in=_names({category}))


def _names(categories: Collection[str]) -> list[str]:
    return [event_type.name for event_type in types.known() if event_type.category in categories]


def _entries(events: Sequence[Event]) -> list[Entry]:
    urls = _urls(events)
    entries: list[Entry] = []
    bearers: dict[tuple[str, str, int], Entry] = {}
    # Oldest first, so that a row is there before the marks on it.
    for event in reversed(events):
        record = (event.object_type, event.object_id or 0)
        fold = extensions.folded(event.name)
        bearer = bearers.get((fold[0], *record)) if fold and event.object_id else None
        if fold and bearer:
            bearer.marks.append(Mark(fold[1], event.occurred_at))
            continue
        entry = _entry(event, urls.get(record, ""))
        bearers[(event.name, *record)] = entry
        entries.append(entry)
    return entries[::-1]


def _urls(events: Sequence[Event]) -> dict[tuple[str, int], str]:
    """The pages of the records the events speak of, found in one query however many kinds there are."""
    wanted: dict[str, set[int]] = {}
    for event in events:
        if event.object_id and extensions.record_page(event.object_type):
            wanted.setdefault(event.object_type, set()).add(event.object_id)
    pages = {kind: page for kind in wanted if (page := extensions.record_page(kind))}
    if not pages:
        return {}
    first, *others = (page.keys(wanted[kind]) for kind, page in sorted(pages.items()))
    rows = first.union(*others, all=True) if others else first
    return {(kind, pk): pages[kind].url(key) for kind, pk, key in rows}


def _entry(event: Event, url: str) -> Entry:
    said = extensions.describe(event.name, event.properties)
    late = event.received_at - event.occurred_at
    return Entry(
        at=event.occurred_at,
        title=event.type.label,
        text=said.text,
        category=event.type.category,
        icon=event.type.icon,
        url=url,
        why=said.why,
        why_url=said.why_url,
        tone=said.tone,
        # An import or a replay knows old things; a minute's delay of a storefront is not worth a word.
        learnt_at=event.received_at if late.days >= 1 else None,
    )
