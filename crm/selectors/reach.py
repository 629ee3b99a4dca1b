"""Who came through a touchpoint."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from django.db.models import Count, Min
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from crm.lib.charts import Chart, Series, line_chart
from crm.models import Customer, Touchpoint, User


def visits_per_day(touchpoint: Touchpoint, *, now: datetime, days: int) -> Chart:
    """People's visits (no robots) on each of the last `days` days of the current time zone."""
    today = timezone.localdate(now)
    dates = [today - timedelta(days=back) for back in range(days - 1, -1, -1)]
    counted = (
        touchpoint.visits.filter(is_bot=False, visited_at__gte=now - timedelta(days=days + 1))
        .annotate(day=TruncDate("visited_at"))
        .values("day")
        .annotate(n=Count("pk"))
        .order_by()
    )
    by_day = Counter({row["day"]: row["n"] for row in counted})
    return line_chart(
        title=_("Visits a day"),
        label=_("Day"),
        labels=[date_format(day, "j M") for day in dates],
        series=[Series(_("Visits"), [by_day[day] for day in dates])],
    )


def came_through(touchpoint: Touchpoint, user: User, most: int = 20) -> list[Customer]:
    """Customers `user` may see who came through it, the latest first; `came_at` is their first visit there."""
    return list(
        Customer.objects.visible_to(user)
        .known()
        .filter(touchpoint_visits__touchpoint=touchpoint, touchpoint_visits__is_bot=False)
        .annotate(came_at=Min("touchpoint_visits__visited_at"))
        .order_by("-came_at")[:most]
    )
