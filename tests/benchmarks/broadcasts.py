"""A broadcast to a hundred thousand people: from the button to the ledger, beside writing the same rows at once."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.db import connection

from crm.lib import bell
from crm.models import Topic, User
from messaging.broadcasts import drafts, launch, work
from messaging.broadcasts.drafts import BroadcastIn, VariantIn
from messaging.broadcasts.estimate import estimate
from messaging.models import Broadcast, BroadcastRecipient, Message
from messaging.outbox.queue import MessageRequest, queue_messages
from tests.benchmarks import shop, sql
from tests.benchmarks.crew import Crew
from tests.benchmarks.harness import Rate, row, scaled
from tests.benchmarks.ingest import NOW
from tests.factories.crm import UserFactory

PEOPLE = scaled(100_000)
FEW = PEOPLE // 10
WARM_UP = 2_000
BATCH = 1_000
TEXTS = ("Hello {{ customer.first_name }}, the spring teas are here", "Good day {{ customer.first_name }}, new teas")


def rows() -> list[dict[str, str]]:
    UserFactory(username="bench")
    people = shop.add_people(FEW, now=NOW, topic=Topic.objects.get(slug="promotions"))
    to_few, few_held = _worker()
    people += shop.add_people(PEOPLE - FEW, now=NOW, topic=Topic.objects.get(slug="promotions"))
    to_all, all_held = _worker()
    _bare(people[:WARM_UP], "warm")
    bare = _rate(lambda: _bare(people, "bare"))
    raw = _rate(_raw)
    Message.objects.all().delete()
    judged = _rate(_estimate)
    ours = _broadcast()
    return [
        row(f"messages queued by a broadcast to {PEOPLE:,}, beside queue_messages", ours, bare),
        row(f"messages queued by a broadcast to {PEOPLE:,}, beside one raw INSERT", ours, raw),
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
    busy = 0.0
    with bell.silenced():
        while Broadcast.objects.get(pk=draft.pk).state == Broadcast.State.SENDING or not busy:
            started = time.perf_counter()
            while work.work_due(now=NOW, limit=BATCH):
                pass
            busy += time.perf_counter() - started
            Message.objects.queued().update(state=Message.State.SENT)
    done = BroadcastRecipient.objects.filter(broadcast=draft, state=BroadcastRecipient.State.QUEUED).count()
    return Rate(done / busy, "messages")


def _estimate() -> int:
    draft = drafts.create_broadcast(_meant(), actor=None, now=NOW)
    found = estimate(draft, now=NOW)
    Broadcast.objects.all().delete()
    return found.people


def _meant() -> BroadcastIn:
    return BroadcastIn(
        name="Spring", topic="promotions", channel="sms", variants=[VariantIn(body=text) for text in TEXTS]
    )


def _bare(people: list[int], name: str) -> int:
    with bell.silenced():
        for start in range(0, len(people), BATCH):
            queue_messages(
                [
                    MessageRequest(
                        customer_id=pk, channel="sms", topic="promotions", body=TEXTS[pk % 2],
                        dedupe_key=f"bench:{name}:{pk}",
                    )
                    for pk in people[start : start + BATCH]
                ],
                now=NOW,
            )  # fmt: skip
    return len(people)


def _raw() -> int:
    """The rows of the bare run once more, by one statement of the database's own."""
    own = {"public_id": sql.uuid(), "dedupe_key": "'raw:' || dedupe_key"}
    columns = [field.column for field in Message._meta.concrete_fields if not field.primary_key]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO messaging_message ({', '.join(columns)}) "
            f"SELECT {', '.join(own.get(column, column) for column in columns)} FROM messaging_message "
            "WHERE dedupe_key LIKE 'bench:bare:%'"
        )
        return int(cursor.rowcount)


def _rate(work: Callable[[], int]) -> Rate:
    started = time.perf_counter()
    done = work()
    return Rate(done / (time.perf_counter() - started), "messages" if work is not _estimate else "people")
