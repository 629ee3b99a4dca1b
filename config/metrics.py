"""`/metrics`: what a monitor such as Prometheus may know of the whole installation, read from the database."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from django_q.models import OrmQ

from crm.lib import metrics as socket
from crm.lib.metrics import Figures
from crm.models import FailedReaction, Heartbeat


@require_GET
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """
    All figures, for whoever shows METRICS_TOKEN as a bearer token; 401 for others. Without such a token in the settings
    there is no such page.
    """
    if not settings.METRICS_TOKEN:
        raise Http404
    if not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"):
        return HttpResponse("A token is needed.\n", "text/plain", 401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(socket.exposition(timezone.now()), "text/plain; version=0.0.4; charset=utf-8")


@socket.gauge("waymark_worker_heartbeat_age_seconds", "Since the last heartbeat of any worker.")
def heartbeat(now: datetime) -> Figures:
    newest = Heartbeat.objects.order_by("-beat_at").first()
    return [({}, (now - newest.beat_at).total_seconds())] if newest else []


@socket.gauge("waymark_tasks_queued", "Wake-ups in the database's own queue.")
def tasks(now: datetime) -> Figures:
    return [({}, OrmQ.objects.count())]


@socket.gauge("waymark_reactions_failed", "Facts that something has not reacted to yet, because it raised.")
def reactions(now: datetime) -> Figures:
    return [({}, FailedReaction.objects.open().count())]
