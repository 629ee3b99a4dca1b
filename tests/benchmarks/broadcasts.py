"""A broadcast to a hundred thousand people: from the button to the ledger, beside writing the same rows at once."""

from __future__ import annotations

import statistics
import time
from datetime import timedelta

from django.db import connection

from crm.lib import bell
from crm.lib.ids import uuid7
from crm.models import Topic, User
from messaging.broadcasts import drafts, launch, pace, work
from messaging.broadcasts.drafts import BroadcastIn, VariantIn
from messaging.broadcasts.estimate import estimate
from messaging.models import Broadcast, BroadcastRecipient, Message
from messaging.outbox.queue import MessageRequest, queue_messages
from tests.benchmarks import shop, sql
from tests.benchmarks.crew import Crew
from tests.benchmarks.harness import ROUNDS, Rate, row, scaled
from tests.benchmarks.ingest import NOW
from tests.factories.crm import UserFactory

PEOPLE = scaled(100_000)
FEW = PEOPLE // 10
BATCH = 1_000
DAY = timedelta(days=1)
TEXTS = ("Hello {{ customer.first_name }}, the spring teas are here", "Good day {{ customer.first_name }}, new teas")


def rows() -> list[dict[str, str]]:
    UserFactory(username="bench")
    topic = Topic.objects.get(slug="promotions")
    people = shop.add_people(FEW, now=NOW, topic=topic)
    to_few, few_held = _worker()
    turns = [(_bare(people, f"turn {turn}"), _broadcast()) for turn in range(ROUNDS + 1)][1:]
    bare, ours = (
        Rate(statistics.median(each.per_second for each in rates), "messages") for rates in zip(*turns, strict=True)
    )
    people += shop.add_people(PEOPLE - FEW, now=NOW, topic=topic)
    to_all, all_held = _worker()
    judged = _estimate()
    to_everybody = _broadcast()
    _bare(people, "raw")
    raw = _raw()
    return [
        row(f"messages queued by a broadcast to {FEW:,}, beside queue_messages", ours, bare, "0.8", "1.0"),
        row(f"messages queued by a broadcast to {PEOPLE:,}, beside one raw INSERT", to_everybody, raw),
        row(f"people judged by an estimate of {PEOPLE:,}", judged),
        row(
            f"memory of a worker: a broadcast to {PEOPLE:,} beside one to {FEW:,}",
            f"{to_all / 1024:,.0f} MB", f"{to_few / 1024:,.0f} MB", f"≤ 1.3 ({to_all / to_few:.2f})", "≤ 1.1",
        ),
        row(
            f"its longest transaction: a broadcast to {PEOPLE:,} beside one to {FEW:,}",
            f"{all_held:,} ms", f"{few_held:,} ms", "≤ 1 s",
        ),
    ]  # fmt: skip


def _worker() -> tuple[int, int]:
    """
    Of a process of its own that does a broadcast to everybody there is: the most memory it has, in kilobytes, and its
    longest transaction, in milliseconds.
    """
    _launched()
    crew = Crew(1)
    _seconds, (reply,) = crew.do("broadcast", now=NOW)
    crew.dismiss()
    Message.objects.all().delete()
    Broadcast.objects.all().delete()
    return reply["kilobytes"], reply["longest"]


def _launched() -> Broadcast:
    draft = drafts.create_broadcast(_meant(), actor=None, now=NOW)
    launch.send_broadcast(draft, actor=User.objects.get(username="bench"), now=NOW)
    return draft


def _broadcast() -> Rate:
    """From the button to the last message; not the time in which somebody sends, so that there is room in the line."""
    draft = _launched()
    clock = _Clock()
    with bell.silenced():
        while not clock.seconds or Broadcast.objects.get(pk=draft.pk).state == Broadcast.State.SENDING:
            with clock:
                while work.work_due(now=NOW, limit=BATCH):
                    pass
            _send_all()
    done = BroadcastRecipient.objects.filter(broadcast=draft, state=BroadcastRecipient.State.QUEUED).count()
    _forget_all()
    return Rate(done / clock.seconds, "messages")


def _bare(people: list[int], name: str) -> Rate:
    """The same messages by `queue_messages` alone, as many at a time."""
    clock = _Clock()
    cause = {"kind": "broadcast", "broadcast": str(uuid7()), "name": "Spring", "variant": 1}
    with bell.silenced():
        for start in range(0, len(people), BATCH):
            with clock:
                queue_messages(
                    [
                        MessageRequest(
                            customer_id=pk, channel="sms", topic="promotions", body=TEXTS[pk % 2], cause=cause,
                            dedupe_key=f"bench:{name}:{pk}", not_before=NOW, expires_at=NOW + DAY,
                        )
                        for pk in people[start : start + BATCH]
                    ],
                    now=NOW,
                )  # fmt: skip
            if start % pace.LINE == pace.LINE - BATCH:
                _send_all()
    if name != "raw":
        _forget_all()
    return Rate(len(people) / clock.seconds, "messages")


class _Clock:
    """Adds up the time within it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self.seconds += time.perf_counter() - self._started


def _send_all() -> None:
    Message.objects.queued().update(state=Message.State.SENT)


def _forget_all() -> None:
    Broadcast.objects.all().delete()
    Message.objects.all().delete()
    # As the database would by itself some minutes later.
    sql.run("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def _estimate() -> Rate:
    draft = drafts.create_broadcast(_meant(), actor=None, now=NOW)
    started = time.perf_counter()
    found = estimate(draft, now=NOW)
    seconds = time.perf_counter() - started
    draft.delete()
    return Rate(found.people / seconds, "people")


def _meant() -> BroadcastIn:
    return BroadcastIn(
        name="Spring", topic="promotions", channel="sms", variants=[VariantIn(body=text) for text in TEXTS]
    )


def _raw() -> Rate:
    """The rows of the bare run once more, by one statement of the database's own."""
    own = {"public_id": sql.uuid(), "dedupe_key": "'raw:' || dedupe_key"}
    columns = [field.column for field in Message._meta.concrete_fields if not field.primary_key]
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO messaging_message ({', '.join(columns)}) "
            f"SELECT {', '.join(own.get(column, column) for column in columns)} FROM messaging_message "
            "WHERE dedupe_key LIKE 'bench:raw:%'"
        )
        return Rate(int(cursor.rowcount) / (time.perf_counter() - started), "messages")
