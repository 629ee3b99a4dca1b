"""How webhook calls went, for the Settings page, Today and the health check."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet

from crm.models import HookDelivery, WebhookEndpoint

LATELY = timedelta(days=7)
SHOWN = 20
State = HookDelivery.State


def calls_lately(now: datetime) -> QuerySet[WebhookEndpoint]:
    """All endpoints, those given up on first, with how many calls of the last week arrived, failed and still wait."""
    lately = Q(deliveries__queued_at__gt=now - LATELY)
    return WebhookEndpoint.objects.annotate(
        arrived=Count("deliveries", filter=lately & Q(deliveries__state=State.DELIVERED)),
        failed=Count("deliveries", filter=lately & Q(deliveries__state=State.FAILED)),
        waiting=Count("deliveries", filter=Q(deliveries__state__in=[State.QUEUED, State.SENDING])),
    ).order_by("is_active", "pk")


def calls_of_flows() -> list[HookDelivery]:
    """The latest calls by steps of flows."""
    rows = HookDelivery.objects.filter(endpoint=None).select_related("customer")
    return list(rows.order_by("-pk")[:SHOWN])


def given_up() -> QuerySet[WebhookEndpoint]:
    """Endpoints that took nothing for so long that they are told nothing more."""
    return WebhookEndpoint.objects.filter(is_active=False, disabled_at__isnull=False).order_by("-disabled_at")
