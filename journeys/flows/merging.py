"""Two customers become one: runs move with the survivor, and of two for the same order or cart the older stays."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from crm.models import Customer
from journeys.flows import rows
from journeys.models import Enrolment, StepVisit

DOUBLE = "the same run of a merged record is older"


@transaction.atomic(savepoint=False)
def merge_runs(*, survivor: Customer, loser: Customer, now: datetime) -> None:
    """Move the enrolments of `loser` to `survivor`; of two under way with one flow and key the younger ends."""
    both = list(
        Enrolment.objects.filter(customer__in=[survivor, loser]).order_by("entered_at", "pk").select_for_update()
    )
    if not any(row.customer_id == loser.pk for row in both):
        return
    _end_doubles(both, now)
    taken = {(row.flow_id, row.entry_key) for row in both if row.customer_id == survivor.pk}
    for row in both:
        if row.customer_id == loser.pk:
            key = row.entry_key.replace(f"{loser.pk}:", f"{survivor.pk}:", 1)
            # Both entered a flow that lets one person in once: the second entry stays on record under its own key.
            row.entry_key = f"{key}:merged:{row.pk}" if (row.flow_id, key) in taken else key
            row.slot = f"{survivor.pk}:{row.key}" if row.slot else ""
            row.customer = survivor
            taken.add((row.flow_id, row.entry_key))
    Enrolment.objects.bulk_update(both, ["customer", "entry_key", "slot"], batch_size=500)


def _end_doubles(runs: Iterable[Enrolment], now: datetime) -> None:
    seen: set[tuple[int, str]] = set()
    ended: dict[int, rows.Row] = {}
    visits: list[StepVisit] = []
    for row in runs:
        if row.state != Enrolment.State.ACTIVE or not row.slot:
            continue
        if (row.flow_id, row.key) in seen:
            state = rows.state_of(row)
            as_ = Enrolment.State.EXITED
            ended[row.pk] = rows.ended(state, now=now, as_=as_, reason=DOUBLE, goal_at=row.goal_at)
            visits.append(rows.interrupted(row, state, now=now, reason=DOUBLE))
        seen.add((row.flow_id, row.key))
    rows.write(ended, visits)
