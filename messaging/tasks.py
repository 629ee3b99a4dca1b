"""What django-q calls; config/schedules.py says when. Runs may be lost, doubled or late: the rows are what is owed."""

from django.utils import timezone

from crm.lib import bell
from crm.lib.rounds import work_off
from messaging.broadcasts import launch, totals, work
from messaging.inbound import fetching
from messaging.outbox import recovery, restores, sender
from messaging.outbox.queue import BELL
from messaging.outbox.reconcile import reconcile as settle
from messaging.services import calls, retention

PER_ROUND = 1_000
CALLS_PER_ROUND = 50


def send_due() -> str:
    """Send what is due. Claiming decides who sends what. The line returned shows in the admin."""
    restores.beat(now=timezone.now())
    total = work_off(_send_some, again=BELL)
    return f"{total} messages"


def reconcile() -> str:
    """Clear up after workers that died and answers that were lost, and after a restore as a person has said."""
    work_off(lambda: recovery.go_on(now=timezone.now()))
    counts = settle(now=timezone.now())
    return ", ".join(f"{state} {n}" for state, n in sorted(counts.items())) or "nothing unclear"


def work_off_calls() -> str:
    """Try again what providers told us and could not be worked off when it came."""
    total = work_off(lambda: calls.work_off_calls(now=timezone.now(), limit=CALLS_PER_ROUND))
    return f"{total} calls"


def fetch_files() -> str:
    """Fetch what people attached, from the providers that keep it."""
    total = work_off(lambda: fetching.fetch_due(now=timezone.now()), again=fetching.BELL)
    return f"{total} files"


def forget_old() -> str:
    """Forget what has served its time, as the shop's settings say. Nightly; what a night does not do the next does."""
    total = work_off(lambda: retention.forget_some(now=timezone.now()).total())
    return f"{total} rows"


def send_broadcasts() -> str:
    """Queue the messages of the broadcasts that are under way, a batch of each in turn; count what came of them."""
    total = work_off(lambda: work.work_due(now=timezone.now()), again=launch.BELL)
    totals.count_due(now=timezone.now())
    return f"{total} recipients"


def _send_some() -> int:
    """A round; where broadcasts are under way, they may have room in the line again."""
    sent = sender.send_due(now=timezone.now(), limit=PER_ROUND, runs_on=True).total()
    if sent and work.is_under_way():
        bell.ring(launch.BELL)
    return sent
