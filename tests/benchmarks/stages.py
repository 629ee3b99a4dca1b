"""The stage machine on its own: events that are on the log already, judged in batches."""

from __future__ import annotations

import time
from itertools import count
from statistics import median

from django.db import connection, transaction

from crm.lib import bell, bulk
from crm.models import Event, Topic
from journeys.stages import machine
from tests.benchmarks import shop
from tests.benchmarks.harness import ROUNDS, Rate, row, scaled
from tests.benchmarks.ingest import BATCH, NOW, drafts

BATCHES = scaled(20)


def rows() -> list[dict[str, str]]:
    people = shop.add_people(scaled(20_000), now=NOW, topic=Topic.objects.order_by("pk")[0])
    turns = count()
    rates = [_judge(people, turns) for _ in range(ROUNDS + 1)]
    work = f"stage machine: both journeys, {BATCH} events a time"
    return [row(work, Rate(median(rates[1:]), "events"))]


def _judge(people: list[int], turns: count[int]) -> float:
    """Events a second, writing the events themselves left out."""
    spent = 0.0
    for _ in range(BATCHES):
        events = [
            Event(
                customer_id=draft.customer_id, name=draft.name, occurred_at=draft.occurred_at, received_at=NOW,
                source=draft.source, dedupe_key=draft.dedupe_key, properties=dict(draft.properties),
            )
            for draft in drafts(people, next(turns))
        ]  # fmt: skip
        new = bulk.insert_new(Event, events, unique=("source", "dedupe_key"))
        started = time.perf_counter()
        with bell.silenced(), transaction.atomic():
            machine.advance(new, now=NOW)
        spent += time.perf_counter() - started
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return BATCHES * BATCH / spent
