"""
Workers that are killed in the middle of sending; run as a process of its own by test_sender_kill.

    python -m tests.faults.sender_chaos FOLDER

For each kind of provider it queues messages, then forks two workers at a time, doomed to die at some point of their
work, with the clock moving on two minutes a round, so that leases end without anybody waiting. Prints what came of each
as JSON.
"""

from __future__ import annotations

import json
import os
import random
import sys
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import django

from tests.faults import books, dying

KINDS = ("sandbox", "key", "lookup", "never")
CUSTOMERS, EACH = 12, 4
ROUNDS = 60
DOOMED_ROUNDS = 14
# A worker takes no more a round, so that every round has something to die over.
LIMIT = 5
POINTS = ("claimed", "cleared", "marked", "answered")
# Only a provider of our own can be told to die in the middle of a call.
IN_THE_CALL = ("on the wire", "accepted")


def main(folder: Path) -> None:
    django.setup()
    from django.conf import settings

    path = "tests.faults.ledger_provider.LedgerProvider"
    settings.MESSAGING_PROVIDERS = {**settings.MESSAGING_PROVIDERS, "ledger": path}
    dying.load()
    print(json.dumps({kind: break_workers(kind, str(folder / kind), seed) for seed, kind in enumerate(KINDS)}))


def break_workers(kind: str, path: str, seed: int) -> dict[str, Any]:
    from django.db import connection

    from messaging.outbox import reconcile

    # So many deaths would make a message suspect, and somebody's case; that is another test's matter.
    reconcile.POISON_AFTER = 10 * DOOMED_ROUNDS
    now = _queue(kind, path)
    chance = random.Random(seed)
    points = POINTS if kind == "sandbox" else POINTS + IN_THE_CALL
    killed = rounds = 0
    for rounds in range(1, ROUNDS + 1):
        now += timedelta(minutes=2)
        is_doomed = rounds <= DOOMED_ROUNDS
        connection.close()  # a connection must not be shared with a child
        dooms = [(chance.choice(points), 1) if is_doomed else None for _ in range(2)]
        workers = [dying.fork(partial(_work, now), doom) for doom in dooms]
        killed += sum(os.WIFSIGNALED(os.waitpid(worker, 0)[1]) for worker in workers)
        if not is_doomed and not _pending():
            break
    return {**books.compared(_accepted(kind, path)), "killed": killed, "rounds": rounds}


def _queue(kind: str, path: str) -> datetime:
    from crm.models import Customer
    from messaging.models import ChannelSettings, Message
    from messaging.outbox.queue import MessageRequest, queue_messages
    from tests.factories.crm import NOON

    Message.objects.all().delete()
    channel = ChannelSettings.objects.get(channel="sms")
    if kind != "sandbox":
        channel.provider, channel.config = "ledger", {"path": path, "repeat": kind}
        channel.save()
    people = [Customer.objects.get_or_create(phone=f"+6681000{number:04}")[0] for number in range(CUSTOMERS)]
    queue_messages(
        [
            MessageRequest(
                customer_id=person.pk, channel="sms", topic="order_updates", body=f"{turn}",
                dedupe_key=f"chaos:{kind}:{person.pk}:{turn}",
            )
            for turn in range(EACH)
            for person in people
        ],
        now=NOON,
    )  # fmt: skip
    return NOON


def _work(now: datetime) -> None:
    """One tick of a worker, with the points at which it may die."""
    from messaging.outbox import claims, clearance, delivery, results
    from messaging.outbox.reconcile import reconcile
    from messaging.outbox.sender import send_due

    dying.after(claims, "claim", "claimed")
    dying.after(clearance, "clear", "cleared")
    dying.after(delivery.Delivery, "_mark", "marked")
    dying.before(results, "write_results", "answered")
    reconcile(now=now)
    send_due(now=now, limit=LIMIT)


def _pending() -> bool:
    from messaging.models import Message

    return Message.objects.pending().exists()


def _accepted(kind: str, path: str) -> list[str]:
    """The keys of what the provider took, in order."""
    from messaging.models import SandboxText
    from tests.faults.ledger_provider import LedgerProvider

    if kind == "sandbox":
        return list(SandboxText.objects.order_by("pk").values_list("key", flat=True))
    return LedgerProvider({"path": path, "repeat": kind}).accepted()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
