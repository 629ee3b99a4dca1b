"""What django-q calls; config/schedules.py says when. Runs may be lost, doubled or late: the rows are what is owed."""

from django.utils import timezone

from crm.lib.rounds import work_off
from messaging.outbox import sender
from messaging.outbox.queue import BELL
from messaging.outbox.reconcile import reconcile as settle

PER_ROUND = 1_000


def send_due() -> str:
    """Send what is due. Claiming decides who sends what. The line returned shows in the admin."""
    total = work_off(lambda: sender.send_due(now=timezone.now(), limit=PER_ROUND).total(), again=BELL)
    return f"{total} messages"


def reconcile() -> str:
    """Clear up after workers that died and answers that were lost."""
    counts = settle(now=timezone.now())
    return ", ".join(f"{state} {n}" for state, n in sorted(counts.items())) or "nothing unclear"
