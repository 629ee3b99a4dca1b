"""What a monitor may know of webhooks."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count

from crm.lib import metrics
from crm.lib.metrics import Figures
from crm.models import HookDelivery


@metrics.gauge("waymark_webhook_calls_due", "Webhook calls that are due and not made yet.")
def calls_due(now: datetime) -> Figures:
    return [({}, HookDelivery.objects.overdue(now).count())]


@metrics.gauge("waymark_webhook_calls", "Webhook calls kept, by state.")
def calls(now: datetime) -> Figures:
    rows = HookDelivery.objects.order_by("state").values_list("state").annotate(n=Count("pk"))
    return [({"state": state}, number) for state, number in rows]
