"""crm's filters and columns of the customers list, its tabs of the composer, and a card on the customer's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet, Value
from django.utils.translation import gettext_lazy as _

from crm.access.roles import may
from crm.extensions import (
    ComposerTab,
    ListColumn,
    ListFilter,
    Panel,
    Text,
    add_composer_tab,
    add_list_column,
    add_list_filter,
    add_panel,
)
from crm.forms.work import NoteForm, TaskForm
from crm.lib.memo import once
from crm.models import Customer, Note, Segment, SegmentMember, Tag, Ticket, User
from crm.selectors.promotions import coupons_of, standing
from crm.selectors.staff import colleague_names
from crm.selectors.values import worth_of

NOBODY = "none"
MOST_COUPONS = 8


def tag_choices(user: User) -> Sequence[tuple[str, Text]]:
    return _named(user, "tag")


def _named(user: User, kind: str) -> list[tuple[str, str]]:
    """Tags, or the segments `user` may see, as (value, label); both are read at once, once a request."""

    def read() -> list[tuple[str, str, str]]:
        rows = Tag.objects.order_by().values_list(Value("tag"), "name", "name")
        if may(user, "segments.view"):
            rows = rows.union(Segment.objects.order_by().values_list(Value("segment"), "slug", "name"), all=True)
        return sorted(rows, key=lambda row: row[2].lower())

    return [(value, label) for found, value, label in once(user, "list_names", read) if found == kind]


def with_tag(customers: QuerySet[Customer], value: str, user: User) -> QuerySet[Customer]:
    return customers.filter(tags__name=value)


def owner_choices(user: User) -> Sequence[tuple[str, Text]]:
    return [(NOBODY, _("nobody")), *colleague_names()]


def owned_by(customers: QuerySet[Customer], value: str, user: User) -> QuerySet[Customer]:
    return customers.filter(owner=None) if value == NOBODY else customers.filter(owner__username=value)


def ticket_choices(user: User) -> Sequence[tuple[str, Text]]:
    return [("open", _("open ticket")), ("none", _("no open ticket"))]


def by_ticket(customers: QuerySet[Customer], value: str, user: User) -> QuerySet[Customer]:
    unsolved = Ticket.objects.unsolved().values("customer")
    return customers.filter(pk__in=unsolved) if value == "open" else customers.exclude(pk__in=unsolved)


def segment_choices(user: User) -> Sequence[tuple[str, Text]]:
    return _named(user, "segment")


def in_segment(customers: QuerySet[Customer], value: str, user: User) -> QuerySet[Customer]:
    return customers.filter(pk__in=SegmentMember.objects.filter(segment__slug=value).values("customer_id"))


add_list_filter(ListFilter("segment", _("Segment"), segment_choices, in_segment, order=15))
add_list_filter(ListFilter("tag", _("Tag"), tag_choices, with_tag, order=20))
add_list_filter(ListFilter("owner", _("Owner"), owner_choices, owned_by, order=30))
add_list_filter(ListFilter("ticket", _("Tickets"), ticket_choices, by_ticket, order=40))


def worth(customers: Sequence[Customer]) -> Mapping[int, Any]:
    return worth_of([customer.pk for customer in customers])


def coupons_card(customer: Customer, user: User, now: datetime) -> Mapping[str, Any] | None:
    """The codes that were given to the customer, or that they brought, and what became of each."""
    if not may(user, "promotions.view"):
        return None
    found = coupons_of(customer, most=MOST_COUPONS + 1)
    if not found:
        return None
    return {"coupons": standing(found[:MOST_COUPONS], now), "more": len(found) > MOST_COUPONS, "customer": customer}


add_panel(Panel("coupons", "crm/coupons_card.html", coupons_card, zone="side", order=10))
add_list_column(ListColumn("worth", _("Orders"), worth, "crm/customer_worth.html", order=50, is_figure=True))


def note_context(customer: Customer, user: User) -> Mapping[str, Any]:
    return {"form": NoteForm(prefix="note"), "kind": Note.Kind.NOTE}


def call_context(customer: Customer, user: User) -> Mapping[str, Any]:
    return {"form": NoteForm(prefix="call"), "kind": Note.Kind.CALL}


def task_context(customer: Customer, user: User) -> Mapping[str, Any]:
    return {"form": TaskForm(prefix="task", initial={"assignee": user.username})}


add_composer_tab(
    ComposerTab("note", _("Note"), "crm:note_add", "crm/compose_note.html", "customers.edit", note_context, order=10)
)
add_composer_tab(
    ComposerTab("call", _("Call"), "crm:call_add", "crm/compose_note.html", "customers.edit", call_context, order=60)
)
add_composer_tab(
    ComposerTab("task", _("Task"), "crm:task_add", "crm/compose_task.html", "tasks.edit", task_context, order=70)
)
