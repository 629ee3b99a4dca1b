"""Facts through the doors: POST /api/v1/events/ and the Segment door, beside a raw INSERT of the same events."""

from __future__ import annotations

import base64
import uuid
from datetime import timedelta
from itertools import count
from typing import Any

import orjson
from django.test import Client
from django.utils import timezone

from crm.access import keys
from crm.events.types import EventDraft
from crm.lib import bell
from crm.models import Customer, Identity, Source
from tests.benchmarks import shop
from tests.benchmarks.harness import Rate, in_turn, row, scaled
from tests.benchmarks.ingest import insert_plainly

BATCH = 500
NAMES = ("Product Viewed", "Page Viewed", "Product Added", "Products Searched", "Cart Viewed")


def rows() -> list[dict[str, str]]:
    shop.open_for_business(now=timezone.now())
    people = _people(scaled(20_000))
    secret = keys.create_key(name="bench", scopes=["events:write"], source="bench").secret
    source = Source.objects.create(name="Bench", slug="bench")
    basic = base64.b64encode(f"{source.write_key}:".encode()).decode()
    batches = scaled(20)
    turns = count()

    def rest() -> int:
        return _posted("/api/v1/events/", f"Bearer {secret}", [_rest(people, next(turns)) for _ in range(batches)])

    def segment() -> int:
        return _posted("/v1/batch", f"Basic {basic}", [_segment(people, next(turns)) for _ in range(batches)])

    def raw() -> int:
        for _ in range(batches):
            insert_plainly(_drafts(people, next(turns)))
        return batches * BATCH

    events, batch, floor = in_turn(rest, segment, raw)
    return [
        row(f"{door}, {BATCH} a call, all consequences", Rate(rate, "events"), Rate(floor, "rows"), "0.5", "1.0")
        for door, rate in (("POST /api/v1/events/", events), ("POST /v1/batch", batch))
    ]


def _posted(path: str, authorization: str, bodies: list[bytes]) -> int:
    client = Client(SERVER_NAME="localhost")
    with bell.silenced():
        for body in bodies:
            response = client.post(
                path, body, "application/json", secure=True, headers={"Authorization": authorization}
            )
            assert response.status_code == 200, response.content[:300]
    return len(bodies) * BATCH


def _people(n: int) -> list[tuple[int, str]]:
    """Customers whom the storefront knows by a user id of its own: (primary key, user id)."""
    now = timezone.now()
    Customer.objects.bulk_create((Customer(name=f"Person {k}", created_at=now) for k in range(n)), batch_size=2000)
    pks = list(Customer.objects.filter(name__startswith="Person ", identities=None).values_list("pk", flat=True)[:n])
    Identity.objects.bulk_create(
        (Identity(customer_id=pk, kind="external", source="bench", value=f"u{pk}") for pk in pks), batch_size=2000
    )
    return [(pk, f"u{pk}") for pk in pks]


def _facts(people: list[tuple[int, str]], turn: int) -> list[dict[str, Any]]:
    """A batch as a storefront sends it: nearly every event of another customer."""
    at = timezone.now()
    facts = []
    for number in range(BATCH):
        place = turn * BATCH + number
        pk, user = people[place * 7919 % len(people)]
        facts.append(
            {
                "pk": pk, "user": user, "name": NAMES[place % len(NAMES)], "id": uuid.uuid4().hex,
                "at": (at - timedelta(seconds=BATCH - number)).isoformat(),
                "properties": {"sku": "KTL-1", "name": "Kettle", "price": "590.00", "currency": "THB"},
            }
        )  # fmt: skip
    return facts


def _rest(people: list[tuple[int, str]], turn: int) -> bytes:
    return orjson.dumps(
        {
            "events": [
                {
                    "customer": {"external": {"bench": fact["user"]}}, "event": fact["name"], "id": fact["id"],
                    "occurred_at": fact["at"], "properties": fact["properties"],
                }
                for fact in _facts(people, turn)
            ]
        }
    )  # fmt: skip


def _segment(people: list[tuple[int, str]], turn: int) -> bytes:
    return orjson.dumps(
        {
            "batch": [
                {
                    "type": "track", "userId": fact["user"], "event": fact["name"], "messageId": fact["id"],
                    "timestamp": fact["at"], "properties": fact["properties"],
                }
                for fact in _facts(people, turn)
            ],
            "sentAt": timezone.now().isoformat(),
        }
    )  # fmt: skip


def _drafts(people: list[tuple[int, str]], turn: int) -> list[EventDraft]:
    now = timezone.now()
    return [
        EventDraft(fact["name"], fact["pk"], now, fact["id"], "raw", fact["properties"])
        for fact in _facts(people, turn)
    ]
