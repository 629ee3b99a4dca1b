"""How providers fare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.duration import duration_iso_string
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from crm.access.guards import staff_required
from crm.lib.charts import Chart, Series, line_chart
from crm.lib.htmx import render_page
from crm.lib.spans import span_in_words
from crm.models import Shop
from crm.views.parts import choice_of
from messaging.channels.reasons import Reason, label_of
from messaging.selectors import deliveries, trouble
from messaging.selectors.deliveries import ACCEPTED, CUT_OFF, Health

HOUR = timedelta(hours=1)
DAYS = {"1": gettext_lazy("the last 24 hours"), "7": gettext_lazy("the last 7 days")}


@require_GET
@staff_required("reports.view")
def delivery_health(request: HttpRequest) -> HttpResponse:
    """Each provider: its calls and how they ended, what became of the messages, its circuit, its queue."""
    now, zone = timezone.now(), ZoneInfo(Shop.current().time_zone)
    choice = choice_of(request, "days", _("Time"), list(DAYS.items()))
    days = int(choice.value or 1)
    since = now - timedelta(days=days)
    entries = [_entry(health, since, now, zone) for health in deliveries.healths(since=since, now=now)]
    context = {"entries": entries, "choice": choice, "span": DAYS[str(days)], "card": {"halts": trouble.restored()}}
    return render_page(request, "messaging/delivery_health.html", context, partial="report")


def _entry(health: Health, since: datetime, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    outcomes = [(_ended(outcome.reason), outcome.calls) for outcome in health.outcomes]
    took = health.typical_delivery
    return {
        "health": health,
        "outcomes": outcomes,
        "chart": _chart(health, since, now, zone),
        "to": _links(health),
        "took": took and span_in_words(duration_iso_string(timedelta(seconds=round(took.total_seconds())))),
    }


def _ended(reason: str) -> str:
    return str(label_of(reason)) if reason != CUT_OFF else _("No answer yet, or a worker died in the middle")


def _links(health: Health) -> Mapping[str, str]:
    """Where the log shows the messages behind a number."""
    way = {"channel": health.channel, "provider": health.provider}
    here = reverse("messaging:message_list")
    return {
        state: f"{here}?{urlencode({**way, 'state': state})}" for state in ("sent", "delivered", "failed", "unclear")
    }


def _chart(health: Health, since: datetime, now: datetime, zone: ZoneInfo) -> Chart | None:
    """The calls by hour of a day, by day of more; None when there were none at all."""
    if not health.calls:
        return None
    by_hour = deliveries.hourly(health.channel, health.provider, since=since, zone=zone)
    is_one_day = now - since <= timedelta(days=1)
    # Hours as instants: on the night the clocks go back one of them comes twice.
    first = since.astimezone(zone).replace(minute=0, second=0, microsecond=0).astimezone(UTC)
    hours = [first + number * HOUR for number in range(int((now - first) / HOUR) + 1)]
    found_at = {hour.astimezone(UTC): counts for hour, counts in by_hour.items()}
    steps: dict[date | datetime, Counter[str]] = {}
    for hour in hours:
        local = hour.astimezone(zone)
        steps.setdefault(hour if is_one_day else local.date(), Counter()).update(found_at.get(hour, {}))
    labels = [
        date_format(at.astimezone(zone), "H:i") if isinstance(at, datetime) else date_format(at, "j M") for at in steps
    ]
    counts = list(steps.values())
    unclear = [found[Reason.NO_ANSWER] + found[CUT_OFF] for found in counts]
    accepted = [found[ACCEPTED] for found in counts]
    others = [found.total() - a - u for found, a, u in zip(counts, accepted, unclear, strict=True)]
    series = [
        Series(_("Accepted"), accepted, "t-good"),
        Series(_("Not accepted"), others, "t-bad"),
        Series(_("Unanswered"), unclear, "t-warn"),
    ]
    return line_chart(
        title=_("Calls by the hour") if is_one_day else _("Calls by the day"),
        label=_("Hour") if is_one_day else _("Day"),
        labels=labels,
        series=[one for one in series if any(one.values)],
    )
