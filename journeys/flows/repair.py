"""Take up runs that were set aside."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from crm.lib import bell
from journeys.flows.listening import BELL
from journeys.models import Enrolment, Flow


@transaction.atomic
def retry_failed(runs: Iterable[Enrolment], *, now: datetime) -> int:
    """
    Put failed runs back where they stood, due as they were; return how many.

    A run whose place another run of the same customer has taken meanwhile stays failed.
    """
    retried = 0
    failed = Enrolment.objects.filter(pk__in=[run.pk for run in runs], state=Enrolment.State.FAILED)
    for run in failed.select_related("flow").order_by("pk").locked():
        if _is_replaced(run):
            continue
        resume = run.memory.pop("resume")
        run.state, run.ended_at, run.error = Enrolment.State.ACTIVE, None, ""
        run.stand, run.awaits, run.due_at = resume["stand"], resume["awaits"], datetime.fromisoformat(resume["due_at"])
        run.is_paused, run.release_at = run.flow.state == Flow.State.PAUSED, None
        run.ready_at = now
        run.save(
            update_fields=[
                "is_paused",
                "release_at",
                "ready_at",
                "state",
                "ended_at",
                "error",
                "stand",
                "awaits",
                "due_at",
                "memory",
            ]
        )
        retried += 1
    if retried:
        bell.ring(BELL)
    return retried


def _is_replaced(run: Enrolment) -> bool:
    return bool(run.slot) and Enrolment.objects.active().filter(flow=run.flow_id, slot=run.slot).exists()
