"""What django-q calls for crm. Each task does what is due now and may be lost, doubled or late without harm."""

from datetime import timedelta

from django.utils import timezone
from django_q.models import Failure

from crm.events import log
from crm.hooks import deliver
from crm.lib.rounds import work_off
from crm.models import Heartbeat, HookDelivery, IdempotencyRecord
from crm.services import hooks, purchases, segments

BATCH = 500
KEEP_FAILURES = timedelta(days=30)
KEEP_HEARTBEATS = timedelta(days=1)
KEEP_IDEMPOTENCY = timedelta(hours=48)
KEEP_DELIVERIES = timedelta(days=30)


def beat(worker: str) -> str:
    """Write that `worker` is alive: its queue, its pool and its database work."""
    Heartbeat.objects.update_or_create(name=worker, defaults={"beat_at": timezone.now()})
    return worker


def retry_reactions() -> str:
    """Try again what a receiver raised on."""
    return f"{work_off(lambda: log.retry_reactions(now=timezone.now(), limit=BATCH))} retried"


def flag_late() -> str:
    """Note which orders have broken their promise."""
    return f"{work_off(lambda: purchases.flag_late(now=timezone.now(), limit=BATCH))} late"


def refresh_segments() -> str:
    """Find the members anew of the segments somebody asked for."""
    total = work_off(lambda: segments.refresh_asked(now=timezone.now()), again=segments.BELL)
    return f"{total} refreshed"


def deliver_hooks() -> str:
    """Make the webhook calls that are due. Claiming decides who makes which."""
    total = work_off(lambda: deliver.deliver_due(now=timezone.now(), limit=BATCH).total(), again=hooks.BELL)
    return f"{total} calls"


def refresh_all_segments() -> str:
    """Ask for all segments: with the days people enter and leave although nothing happens. Nightly."""
    return f"{segments.ask_refresh_of_all(timezone.now())} asked for"


def prune() -> str:
    """
    Delete what has served its time: old task failures, heartbeats of workers long gone, idempotency answers, and
    webhook calls that are behind us.
    """
    now = timezone.now()
    failures, _ = Failure.objects.filter(stopped__lt=now - KEEP_FAILURES).delete()
    heartbeats, _ = Heartbeat.objects.filter(beat_at__lt=now - KEEP_HEARTBEATS).delete()
    answers, _ = IdempotencyRecord.objects.filter(created_at__lt=now - KEEP_IDEMPOTENCY).delete()
    calls, _ = HookDelivery.objects.ended_before(now - KEEP_DELIVERIES).delete()
    return f"{failures} failures, {heartbeats} heartbeats, {answers} answers, {calls} calls deleted"
