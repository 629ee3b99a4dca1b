"""Journeys on Today: the way all customers go, and runs that failed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from crm.access.contacts import name_for
from crm.access.roles import may
from crm.extensions import (
    DashboardCard,
    WorkAction,
    WorkItem,
    WorkSection,
    add_dashboard_card,
    add_work_section,
)
from crm.lib.paging import first_few
from crm.models import Customer, User
from journeys.models import Enrolment, Journey
from journeys.selectors import flows, stages
from journeys.selectors.links import customers_in


def glance(user: User, now: datetime) -> Mapping[str, Any] | None:
    """The first journey with its counts."""
    journey = Journey.objects.active().first()
    if journey is None:
        return None
    counts = stages.stage_counts(journey, Customer.objects.visible_to(user), now=now, in_full=False)
    return {"journey": journey, "counts": [{"count": count, "url": customers_in(count.stage)} for count in counts]}


add_dashboard_card(DashboardCard("journey", "journeys/glance.html", glance, "journeys.view", order=10))


def failed_items(user: User, now: datetime, limit: int) -> tuple[list[WorkItem], int]:
    runs, total = first_few(flows.failed_runs(user), limit)
    return [_failed(run, user) for run in runs], total


def _failed(run: Enrolment, user: User) -> WorkItem:
    last_line = run.error.strip().rsplit("\n", 1)[-1]
    return WorkItem(
        title=str(run.flow),
        url=reverse("journeys:run_detail", args=[run.pk]),
        detail=f"{name_for(run.customer, user)} · {last_line[:100]}",
        at=run.ended_at,
        tone="bad",
        action=WorkAction(_("Try again"), reverse("journeys:run_retry", args=[run.pk]), "undo")
        if may(user, "flows.stop")
        else None,
    )


add_work_section(
    WorkSection(
        "runs", _("Flows that failed"), failed_items, "flows.stop",
        empty=_("Every flow runs."), url="journeys:flow_list", order=80,
    )
)  # fmt: skip
