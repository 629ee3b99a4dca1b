"""
A shop with a journey to judge anew and flow steps that are due, and what became of both; for test_worker_kill, which
kills whole workers over it.

    python -m tests.faults.worker_chaos prepare      # prints where everybody stands
    python -m tests.faults.worker_chaos report       # prints where they stand now, and what was done to whom
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any

import django

CUSTOMERS = 2400


def main(action: str) -> None:
    django.setup()
    print(json.dumps(prepare() if action == "prepare" else report(), default=str))


def prepare() -> dict[str, Any]:
    """Everybody has bought, is in a flow whose wait is over, and has lost the position that the purchase gave."""
    from django.utils import timezone

    from crm.events import log
    from crm.events.types import EventDraft
    from crm.lib import bell
    from crm.models import Customer
    from journeys.models import Position, StageMove
    from journeys.stages import replaying, rulebook
    from tests.factories.journeys import live_flow

    then = timezone.now() - timedelta(days=2)
    live_flow(
        {"id": "settle", "type": "wait", "for": "PT1H"},
        {"id": "mark", "type": "set", "attributes": {"asked": True}},
        {"id": "call", "type": "task", "title": "Call {{ customer.name }}", "assign": "owner"},
        trigger={"event": "Order Completed"},
    )
    with bell.silenced():
        Customer.objects.bulk_create(
            (Customer(name=f"P{n}", phone=f"+66810{n:06}", created_at=then) for n in range(CUSTOMERS)), batch_size=1000
        )
        people = list(Customer.objects.order_by("pk").values_list("pk", flat=True))
        for first in range(0, CUSTOMERS, 500):
            batch = enumerate(people[first : first + 500], first)
            orders = [EventDraft("Order Completed", pk, then, f"o{n}", "web", {"order_id": f"{n}"}) for n, pk in batch]
            log.record_many(orders, now=then)
        standing = _standing()
        StageMove.objects.all().delete()
        Position.objects.all().delete()
        for ruleset in rulebook.current():
            replaying.begin(ruleset, now=timezone.now())
    return standing


def report() -> dict[str, Any]:
    from crm.models import Customer, Task
    from journeys.models import Enrolment, StepVisit

    marked = Customer.objects.filter(attributes__asked=True)
    return {
        "standing": _standing(),
        "completed": Enrolment.objects.filter(state="completed").count(),
        "visits": StepVisit.objects.count(),
        "called": Task.objects.count(),
        "called_once": Task.objects.values("customer").distinct().count(),
        "marked": marked.count(),
        "marks": Customer.history.filter(attributes__asked=True).count(),
    }


def _standing() -> dict[str, list[Any]]:
    """Where everybody stands since when, and how they came there."""
    from journeys.models import Position, StageMove

    positions = Position.objects.values_list("customer", "journey__slug", "stage__slug", "since")
    moves = StageMove.objects.values_list("customer", "journey__slug", "to_stage__slug", "effective_at")
    return {"positions": sorted(positions), "moves": sorted(moves)}


if __name__ == "__main__":
    main(sys.argv[1])
