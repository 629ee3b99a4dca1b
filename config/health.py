"""Answers for whatever watches over the processes: load balancers, systemd, people with curl."""

from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from config.checks import pending_migrations
from crm.models import Heartbeat


@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """The process is up. Asks nothing of the database, so its outage does not make anybody kill the web server."""
    return JsonResponse({"status": "ok"})


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """
    Whether requests can be served: 200, or 503 with the reason.

    The worker's last heartbeat is told but not required: pages and the API work without a worker.
    """
    try:
        missing = pending_migrations()
        newest = Heartbeat.objects.order_by("-beat_at").first() if not missing else None
    except DatabaseError:
        return JsonResponse({"status": "unavailable", "reason": "the database does not answer"}, status=503)
    if missing:
        reason = f"{len(missing)} migrations are not applied"
        return JsonResponse({"status": "unavailable", "reason": reason}, status=503)
    age = (timezone.now() - newest.beat_at).total_seconds() if newest else None
    return JsonResponse({"status": "ready", "worker_heartbeat_age_seconds": age})
