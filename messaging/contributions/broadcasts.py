"""Broadcasts on other pages: those that a segment's page names, and those that wait for somebody, on Today."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from crm.extensions import WorkItem, WorkSection, add_work_section, segment_users
from crm.lib.paging import first_few
from crm.models import User
from messaging.broadcasts.uses import uses_of_segment
from messaging.models import Broadcast

segment_users("broadcasts")(uses_of_segment)


def waiting_items(user: User, now: datetime, limit: int) -> tuple[list[WorkItem], int]:
    """Somebody asks for approval, a trial for its winner, or it has stopped by itself."""
    found, total = first_few(_waiting(user), limit)
    return [_item(broadcast) for broadcast in found], total


def _waiting(user: User) -> QuerySet[Broadcast]:
    state, person = Broadcast.State, Broadcast.WinnerBy.PERSON
    asked = Q(state=state.DRAFT, approval_asked_at__isnull=False) & ~Q(approval_asked_by=user)
    trial = Q(state=state.SENDING, winner_by=person, winner=None, tested_at__isnull=False, test_share__gt=0)
    rows = Broadcast.objects.filter(asked | trial | (Q(state=state.PAUSED) & ~Q(halt="")))
    return rows.select_related("approval_asked_by").order_by("pk")


def _item(broadcast: Broadcast) -> WorkItem:
    if broadcast.halt:
        detail, at = str(broadcast.get_halt_display()), broadcast.started_at
    elif broadcast.awaits_approval:
        detail, at = _t("waits for approval"), broadcast.approval_asked_at
    else:
        detail, at = _t("The rest waits for somebody to decide."), broadcast.tested_at
    page = "messaging:broadcast_review" if broadcast.awaits_approval else "messaging:broadcast_detail"
    return WorkItem(title=broadcast.name, url=reverse(page, args=[broadcast.public_id]), detail=detail, at=at)


add_work_section(
    WorkSection(
        "broadcasts", _("Broadcasts that wait for you"), waiting_items, "broadcasts.approve",
        empty=_("No broadcast waits for anybody."), url="messaging:broadcast_list", order=50,
    )
)  # fmt: skip
