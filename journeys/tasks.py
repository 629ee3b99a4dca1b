"""What django-q calls; config/schedules.py says when. Runs may be lost, doubled or late: the rows are what is owed."""

from django.utils import timezone

from crm.lib.rounds import work_off
from journeys.flows import punctuality, runner, work
from journeys.flows.listening import BELL
from journeys.simulation.backtest import rows as backtests
from journeys.stages import health, replaying
from journeys.stages.replaying import BELL as REPLAY_BELL

# A batch a round: `now` is then when it is taken (flows.punctuality).
PER_ROUND = runner.BATCH


def run_due() -> str:
    """
    Let in whose time came and take the steps that are due. Claiming decides who takes which. The line returned shows in
    the admin.
    """
    total = work_off(lambda: work.work_due(now=timezone.now(), limit=PER_ROUND), again=BELL)
    return f"{total} steps"


def replay_journeys() -> str:
    """Go on judging the journeys anew that somebody asked for."""
    total = work_off(lambda: replaying.go_on(now=timezone.now()), again=REPLAY_BELL)
    return f"{total} customers judged"


def run_backtests() -> str:
    """Go on trying drafts on the past, as somebody asked for."""
    total = work_off(lambda: backtests.go_on(now=timezone.now()), again=backtests.BELL)
    return f"{total} events tried"


def assess_health() -> str:
    """Set the health of every position by the days since the last sign of life. Nightly."""
    return f"{health.assess_all(now=timezone.now())} changes"


def forget_lateness() -> str:
    """Delete what is known of how late steps were taken before yesterday. Nightly."""
    return f"{punctuality.forget(timezone.now())} batches"
