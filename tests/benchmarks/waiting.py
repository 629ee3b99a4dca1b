"""Does a step cost more when a million others wait? Enrolments by the million, of which only a few are due."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from statistics import median

from django.db.models import Max

from journeys.models import Enrolment, Flow
from tests.benchmarks import contacts, sql
from tests.benchmarks.contacts import NOW, Lap
from tests.benchmarks.crew import Crew
from tests.benchmarks.harness import ROUNDS, row, scaled

WAITING = tuple(scaled(n) for n in (10_000, 100_000, 1_000_000))
DUE = scaled(5_000)


def rows() -> list[dict[str, str]]:
    flow = contacts.prepare()
    people = contacts.add_people(len(WAITING) * (ROUNDS + 1) * DUE)
    laps: dict[int, list[Lap]] = {}
    kilobytes: dict[int, int] = {}
    for waiting in WAITING:
        _let_wait(flow, waiting - Enrolment.objects.active().count())
        crew = Crew(1)
        found = [contacts.run_lap(crew, list(islice(people, DUE))) for _ in range(ROUNDS + 1)]
        laps[waiting], kilobytes[waiting] = found[1:], found[-1].kilobytes
        crew.dismiss()
    return [
        _growth("a step", laps, lambda lap: lap.stepping / contacts.STEPS),
        _growth("an entry", laps, lambda lap: lap.entering),
        _growth("a message sent", laps, lambda lap: lap.sending),
        row(
            f"memory of a worker: {WAITING[-1]:,} waiting beside {WAITING[0]:,}",
            f"{kilobytes[WAITING[-1]] / 1024:,.0f} MB", f"{kilobytes[WAITING[0]] / 1024:,.0f} MB",
            f"≤ 1.3 ({kilobytes[WAITING[-1]] / kilobytes[WAITING[0]]:.2f})", "≤ 1.1",
        ),
    ]  # fmt: skip


def _growth(what: str, laps: dict[int, list[Lap]], seconds: Callable[[Lap], float]) -> dict[str, str]:
    """The exponent e of "n of them cost n to the power of e", from the line through all sizes."""
    cost = {waiting: median(seconds(lap) for lap in found) / DUE for waiting, found in laps.items()}
    across, up = [math.log(waiting) for waiting in cost], [math.log(each) for each in cost.values()]
    middle, level = sum(across) / len(across), sum(up) / len(up)
    slope = sum((x - middle) * (y - level) for x, y in zip(across, up, strict=True)) / sum(
        (x - middle) ** 2 for x in across
    )
    each = ", ".join(f"{1e6 * one:,.0f}" for one in cost.values())
    sizes = ", ".join(f"{waiting:,}" for waiting in cost)
    return row(f"{what}, {sizes} waiting: µs each, and growth", each, f"exponent {1 + slope:.2f}", "≤ 1.05", "1.00")


def _let_wait(flow: Flow, n: int) -> None:
    """`n` more people in the flow whose time has long not come."""
    start = (Enrolment.objects.aggregate(last=Max("pk"))["last"] or 0) + 1
    at, due = sql.at(NOW), sql.at(NOW + timedelta(days=400), "s.n % 30000000", "seconds")
    sql.run(
        "INSERT INTO journeys_enrolment (id, flow_id, version_id, customer_id, entry_key, key, slot, context, "
        "entered_at, state, stand, step, visit, arrived_at, due_at, awaits, is_paused, memory, reason, error) "
        f"SELECT {start} + s.n, {flow.pk}, {flow.live_version_id}, c.id, 'waits:' || ({start} + s.n), '', '', "
        f"{sql.json('{}')}, {at}, 'active', 'time', 'settle', 1, {at}, {due}, '', {sql.false()}, {sql.json('{}')}, "
        f"'', '' FROM {sql.series(n)} JOIN crm_customer c ON c.id = (SELECT MIN(id) FROM crm_customer) + s.n % {DUE}"
    )
    sql.continue_ids("journeys_enrolment")
    sql.run("ANALYZE")
