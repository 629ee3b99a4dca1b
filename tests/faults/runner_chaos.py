"""
Workers that are killed in the middle of a batch of flow steps, and in the middle of judging a journey anew; run as a
process of its own by test_runner_kill.

    python -m tests.faults.runner_chaos

Two workers at a time do the same tick, most of them doomed to die at some point of it, while the clock moves on an hour
a round. Prints what came of it as JSON.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import django

from tests.faults import dying

CUSTOMERS = 90
ROUNDS, DOOMED_ROUNDS = 60, 16
# So that every round has several batches to die over.
BATCH, PER_TICK = 7, 21
STEPS = ("settle", "mark", "rest", "who", "ask")
POINTS = ("claimed", "noted", "walked", "performed", "written", "reacted")
JUDGING = ("chosen", "judged", "kept")


def main() -> None:
    django.setup()
    print(json.dumps({"steps": break_the_runner(), "judging": break_the_judge()}))


def break_the_runner() -> dict[str, Any]:
    from tests.factories.crm import NOON

    _enrol(NOON)

    def work(now: datetime) -> None:
        _arm_the_runner()
        from journeys.flows import work as flows

        flows.work_due(now=now, limit=PER_TICK)

    chaos = _chaos(work, POINTS, NOON, lambda: _states().get("active", 0))
    return {**chaos, **_steps()}


def break_the_judge() -> dict[str, Any]:
    """Positions and moves as they were lived through, all taken away, and found again by a journey judged anew."""
    from journeys.models import Position, StageMove
    from journeys.stages import replaying, rulebook
    from tests.factories.crm import NOON

    lived = _standing()
    StageMove.objects.all().delete()
    Position.objects.all().delete()
    for ruleset in rulebook.current():
        replaying.begin(ruleset, now=NOON)

    def work(now: datetime) -> None:
        _arm_the_judge()
        replaying.go_on(now=now)

    chaos = _chaos(work, JUDGING, NOON, lambda: replaying.under_way().count())
    found = _standing()
    return {**chaos, "people": len(lived["positions"]), **{name: found[name] == lived[name] for name in lived}}


def _chaos(
    work: Callable[[datetime], None], points: tuple[str, ...], now: datetime, left: Callable[[], int]
) -> dict[str, int]:
    """Have two workers at a time do it, until none has to die any more and nothing is left."""
    from django.db import connection

    chance = random.Random(4)
    killed = errors = rounds = 0
    for rounds in range(1, ROUNDS + 1):
        now += timedelta(hours=1)
        is_doomed = rounds <= DOOMED_ROUNDS
        connection.close()  # a connection must not be shared with a child
        dooms = [(chance.choice(points), chance.randint(1, 2)) if is_doomed else None for _ in range(2)]
        workers = [dying.fork(partial(work, now), doom) for doom in dooms]
        statuses = [os.waitpid(worker, 0)[1] for worker in workers]
        killed += sum(map(os.WIFSIGNALED, statuses))
        errors += sum(os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0 for status in statuses)
        if not is_doomed and not left():
            break
    return {"killed": killed, "errors": errors, "rounds": rounds, "left": left()}


def _arm_the_runner() -> None:
    from crm.events import log
    from journeys.flows import punctuality, rows, runner
    from journeys.models.enrolment import EnrolmentQuerySet

    runner.BATCH = BATCH
    dying.after(EnrolmentQuerySet, "locked", "claimed")
    dying.after(punctuality, "note", "noted")
    dying.after(runner.interpreter, "walk", "walked")
    dying.after(runner, "_perform", "performed")
    dying.after(rows, "write", "written")
    dying.after(log, "dispatch", "reacted")


def _arm_the_judge() -> None:
    from journeys.stages import replaying

    replaying.BATCH = BATCH
    dying.after(replaying, "_ahead", "chosen")
    dying.after(replaying, "recompute", "judged")
    dying.after(replaying.ReplayRun, "save", "kept")


def _enrol(now: datetime) -> None:
    """Everybody in a flow that waits, changes the record, waits, asks a rule and sends."""
    from crm.events import log
    from crm.events.types import EventDraft
    from crm.models import Customer
    from tests.factories.journeys import live_flow

    rule = {"event": {"name": "Product Viewed"}}
    live_flow(
        {"id": "settle", "type": "wait", "for": "PT1H"},
        {"id": "mark", "type": "set", "attributes": {"asked": True}},
        {"id": "rest", "type": "wait", "for": "PT2H"},
        {"id": "who", "type": "branch", "paths": [{"name": "lookers", "if": rule, "steps": []}], "else": []},
        {"id": "ask", "type": "send", "channel": "sms", "topic": "after_sales", "body": "Hello"},
        trigger={"event": "Order Completed"},
    )
    known = now - timedelta(days=1)
    people = [
        Customer.objects.create(name=f"P{n}", phone=f"+6681000{n:04}", created_at=known) for n in range(CUSTOMERS)
    ]
    drafts = []
    for number, person in enumerate(people):
        drafts.append(EventDraft("Order Completed", person.pk, now, f"o{number}", "web", {"order_id": f"{number}"}))
        if number % 2:
            drafts.append(EventDraft("Product Viewed", person.pk, now, f"v{number}", "web", {"sku": "K"}))
    log.record_many(drafts, now=now)


def _steps() -> dict[str, Any]:
    from crm.models import Customer
    from journeys.models import Lateness, StepVisit
    from messaging.models import Message

    visits = Counter(StepVisit.objects.values_list("enrolment", "step"))
    messages = Counter(Message.objects.values_list("customer", flat=True))
    marked = Customer.objects.filter(attributes={"asked": True})
    return {
        "states": _states(),
        "visited": dict(Counter(step for _, step in visits)),
        "visited_twice": [visit for visit, times in visits.items() if times > 1],
        "messages": messages.total(),
        "written_to_twice": [customer for customer, times in messages.items() if times > 1],
        "marked": marked.count(),
        # The customer's own history, one line a change.
        "marked_twice": sum(customer.history.filter(attributes={"asked": True}).count() > 1 for customer in marked),
        # Counted in the same transaction as the steps: each run was taken up twice, after each of its waits.
        "taken": sum(sum(batch.counts.values()) for batch in Lateness.objects.all()),
    }


def _states() -> dict[str, int]:
    from journeys.models import Enrolment

    return dict(Counter(Enrolment.objects.values_list("state", flat=True)))


def _standing() -> dict[str, list[Any]]:
    """Where everybody stands since when, and how they came there."""
    from journeys.models import Position, StageMove

    positions = Position.objects.values_list("customer", "journey__slug", "stage__slug", "since")
    moves = StageMove.objects.values_list("customer", "journey__slug", "to_stage__slug", "effective_at")
    return {"positions": sorted(positions), "moves": sorted(moves)}


if __name__ == "__main__":
    main()
