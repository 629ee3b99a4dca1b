"""Segments as their pages show them."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from django.db.models import F
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from crm.lib.charts import Chart, Series, line_chart
from crm.models import Customer, Segment, User


def newest_members(segment: Segment, user: User, most: int = 12) -> list[Customer]:
    """Members `user` may see, who came last first; `member_since` says when."""
    return list(
        Customer.objects.visible_to(user)
        .filter(segment_memberships__segment=segment)
        .annotate(member_since=F("segment_memberships__since"))
        .order_by("-member_since", "-pk")[:most]
    )


def comings_and_goings(segment: Segment, *, now: datetime, days: int) -> tuple[int, int, Chart]:
    """How many entered and left in the last `days` days of the current time zone, in all and day by day."""
    today = timezone.localdate(now)
    dates = [today - timedelta(days=back) for back in range(days - 1, -1, -1)]
    entered, left = Counter[object](), Counter[object]()
    for change in segment.changes.filter(changed_at__gte=now - timedelta(days=days + 1)):
        day = timezone.localdate(change.changed_at)
        entered[day] += change.entered
        left[day] += change.left
    chart = line_chart(
        title=_("Came and went"),
        label=_("Day"),
        labels=[date_format(day, "j M") for day in dates],
        series=[
            Series(_("Entered"), [entered[day] for day in dates]),
            Series(_("Left"), [left[day] for day in dates]),
        ],
    )
    return sum(entered[day] for day in dates), sum(left[day] for day in dates), chart
