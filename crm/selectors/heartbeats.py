"""Whether anybody works off what is due."""

from __future__ import annotations

from datetime import datetime, timedelta

from crm.models import Heartbeat

# As long as the supervisor waits before it replaces a cluster that stands still.
FRESH = timedelta(seconds=90)


def is_worker_alive(now: datetime) -> bool:
    """Whether any worker has given a sign of life lately."""
    return Heartbeat.objects.filter(beat_at__gt=now - FRESH).exists()
