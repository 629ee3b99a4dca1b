"""Everything that happens by itself: the tick, the bells and the nightly jobs. Each is a function of a `tasks.py`."""

from datetime import time
from typing import NamedTuple


class Nightly(NamedTuple):
    """A job at a time of the shop's day."""

    name: str
    func: str
    at: time


# Handed out every TICK_SECONDS by the worker's own broker (config/broker.py). The heartbeat goes first: it proves that
# queue, pool and database work, whatever the work behind it does.
HEARTBEAT = "crm.tasks.beat"
# Handed out by itself as well, when a step falls due between two ticks (config/lookout.py).
STEPS = "journeys.tasks.run_due"
TICK = (
    "crm.tasks.retry_reactions",
    "crm.tasks.flag_late",
    "crm.tasks.refresh_segments",
    STEPS,
    "messaging.tasks.send_broadcasts",
    "messaging.tasks.send_due",
    "messaging.tasks.work_off_calls",
    "messaging.tasks.fetch_files",
    "journeys.tasks.replay_journeys",
    "journeys.tasks.run_backtests",
    "messaging.tasks.reconcile",
    "crm.tasks.deliver_hooks",
)

# What answers a bell rung on commit (crm/lib/bell.py).
BELLS = {
    "run_due": STEPS,
    "deliver_hooks": "crm.tasks.deliver_hooks",
    "send_broadcasts": "messaging.tasks.send_broadcasts",
    "send_due": "messaging.tasks.send_due",
    "fetch_files": "messaging.tasks.fetch_files",
    "refresh_segments": "crm.tasks.refresh_segments",
    "replay_journeys": "journeys.tasks.replay_journeys",
    "run_backtests": "journeys.tasks.run_backtests",
}

NIGHT = time(3, 0)
# django-q's own schedules, one row each, applied by `manage.py sync_schedules`.
NIGHTLY = (
    Nightly("assess-health", "journeys.tasks.assess_health", NIGHT),
    Nightly("forget-lateness", "journeys.tasks.forget_lateness", time(3, 10)),
    Nightly("forget-old", "messaging.tasks.forget_old", time(3, 15)),
    Nightly("prune", "crm.tasks.prune", time(3, 10)),
    Nightly("refresh-segments", "crm.tasks.refresh_all_segments", time(3, 5)),
)
