"""Facts: `record_many` with stage machine and flow triggers on, beside a raw multi-row INSERT of the same events."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count, islice

from django.db import connection

from crm.events.types import EventDraft
from crm.models import Customer, Event
from tests.benchmarks import shop, sql
from tests.benchmarks.crew import Crew
from tests.benchmarks.harness import Rate, in_turn, row, scaled

BATCH = 500
NOW = datetime(2026, 3, 2, 5, tzinfo=UTC)
NAMES = ("Product Viewed", "Product Added", "Checkout Started", "Order Completed", "Order Delivered")


def rows() -> list[dict[str, str]]:
    _let_in(scaled(20_000))
    shop.open_for_business(now=NOW)
    batches, turns = scaled(20), count()

    def raw() -> int:
        for turn in islice(turns, batches):
            insert_plainly(drafts(everybody(), turn))
        return batches * BATCH

    crews = [Crew(size) for size in ((1, 2) if sql.is_postgres() else (1,))]

    def recorded_by(crew: Crew) -> Callable[[], int]:
        def work() -> int:
            _seconds, replies = crew.do("record", now=NOW, turns=list(islice(turns, batches)))
            return sum(reply["done"] for reply in replies)

        return work

    *ours, floor = in_turn(*map(recorded_by, crews), raw)
    for crew in crews:
        crew.dismiss()
    return [
        row(
            f"events, batches of {BATCH}, all consequences, {crew.size} process{'es' if crew.size > 1 else ''}",
            Rate(rate, "events"), Rate(floor, "rows"), "0.3", "0.6",
        )
        for crew, rate in zip(crews, ours, strict=True)
    ]  # fmt: skip


def _let_in(n: int) -> None:
    Customer.objects.bulk_create(
        (Customer(name=f"Person {k}", phone=f"+6681{k:07d}", created_at=NOW) for k in range(n)), batch_size=2000
    )


@cache
def everybody() -> list[int]:
    return list(Customer.objects.order_by("pk").values_list("pk", flat=True))


def drafts(people: list[int], turn: int) -> list[EventDraft]:
    """A batch as a storefront sends it: each event of another customer, as in life mostly views."""
    drafts = []
    for number in range(BATCH):
        name = NAMES[(turn * BATCH + number) % 7 % len(NAMES)]
        customer = people[(turn * BATCH + number) * 7919 % len(people)]
        properties = {
            "order_id": f"{turn}-{number}", "total": "590.00", "currency": "THB", "sku": "KTL-1", "name": "Kettle",
            "cart_id": f"cart-{customer}",
        }  # fmt: skip
        at = NOW - timedelta(seconds=BATCH - number)
        drafts.append(EventDraft(name, customer, at, uuid.uuid4().hex, "bench", properties))
    return drafts


def insert_plainly(drafts: list[EventDraft]) -> None:
    """The floor: one INSERT with a placeholder for every value, nothing else."""
    table = Event._meta.db_table
    columns = "customer_id, name, occurred_at, received_at, source, dedupe_key, properties, object_type, object_id"
    values = ", ".join(["(%s, %s, %s, %s, %s, %s, %s, '', NULL)"] * len(drafts))
    parameters: list[object] = []
    for draft in drafts:
        at = draft.occurred_at if connection.vendor == "postgresql" else draft.occurred_at.replace(tzinfo=None)
        now = NOW if connection.vendor == "postgresql" else NOW.replace(tzinfo=None)
        parameters += [
            draft.customer_id, draft.name, at, now, draft.source, draft.dedupe_key, json.dumps(dict(draft.properties))
        ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({columns}) VALUES {values}", parameters)
