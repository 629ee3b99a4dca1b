"""What `/metrics` tells of flows."""

from __future__ import annotations

from datetime import datetime

from crm.lib import metrics
from crm.lib.metrics import Figures
from journeys.flows import punctuality
from journeys.models import Enrolment


@metrics.gauge("waymark_step_lateness_seconds", "How late steps were taken in the last hour, by quantile.")
def lateness(now: datetime) -> Figures:
    found = punctuality.of_last_hour(now)
    return [({"quantile": "0.5"}, found.p50), ({"quantile": "0.95"}, found.p95)]


@metrics.gauge("waymark_runs_taken", "Runs of flows that were taken up in the last hour.")
def taken(now: datetime) -> Figures:
    return [({}, punctuality.of_last_hour(now).runs)]


@metrics.gauge("waymark_steps_overdue", "Steps that are due and not taken yet.")
def overdue(now: datetime) -> Figures:
    return [({}, Enrolment.objects.due(now).count())]
