"""The runner: customers in a flow wait → branch on a rule → send, taken to its end."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

from crm.lib import bell
from crm.models import Customer
from journeys.flows import enrolment, runner, versions
from journeys.models import Enrolment, StepVisit
from tests.benchmarks.harness import Rate, in_turn, row, scaled
from tests.benchmarks.ingest import NOW

PEOPLE = scaled(5_000)
FLOW: dict[str, Any] = {
    "trigger": {"manual": True},
    "reentry": {"policy": "always"},
    "steps": [
        {"id": "settle", "type": "wait", "for": "PT1H"},
        {
            "id": "who",
            "type": "branch",
            "paths": [{"name": "buyers", "if": {"purchases": {"count": {"gte": 1}}}, "steps": []}],
            "else": [],
        },
        {
            "id": "ask",
            "type": "send",
            "channel": "sms",
            "body": "Hello {{ customer.first_name }}",
            "topic": "after_sales",
        },
    ],
}


def rows() -> list[dict[str, str]]:
    flow = versions.create_flow(slug="bench", name="Bench", definition=FLOW, now=NOW)
    versions.publish(flow, actor=None, now=NOW)
    flow.refresh_from_db()
    people = list(Customer.objects.order_by("pk")[:PEOPLE])
    rounds = count(1)

    def entered() -> int:
        with bell.silenced():
            return len(enrolment.enrol_by_hand(flow, people, now=NOW + timedelta(days=next(rounds))))

    def run() -> int:
        before = StepVisit.objects.filter(flow=flow).count()
        entered()
        with bell.silenced():
            runner.run_due(now=NOW + timedelta(days=9999), limit=10**9)
        if Enrolment.objects.filter(flow=flow, state=Enrolment.State.ACTIVE).exists():
            raise AssertionError("somebody is still inside")
        return StepVisit.objects.filter(flow=flow).count() - before

    steps, entries = in_turn(run, entered, rounds=3)
    return [
        row(f"steps of a flow of three, {PEOPLE:,} people, entering included", Rate(steps, "steps")),
        row("entries into that flow", Rate(entries, "entries")),
    ]
