"""
Workers that are killed in the middle of a broadcast; run as a process of its own by test_broadcast_kill.

    python -m tests.faults.broadcast_chaos

Two workers at a time gather, draw lots, queue and send, most of them doomed to die at some point of it, while the
broadcast is a trial whose rest gets the winner and another one is paused, let go and cancelled. Prints what came of it
as JSON.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import django

from tests.faults import dying

CUSTOMERS = 80
ROUNDS, DOOMED_ROUNDS = 60, 16
# So that every round has several batches to die over.
BATCH, LOOKED_AT = 9, 20
POINTS = ("gathered", "chosen", "queued", "marked", "kept", "settled", "sent")


def main() -> None:
    django.setup()
    print(json.dumps(break_it()))


def break_it() -> dict[str, Any]:
    from django.db import connection

    from messaging.broadcasts import launch
    from tests.factories.crm import NOON

    trial, stopped = _make(NOON)
    chance = random.Random(4)
    now, killed, errors, rounds = NOON, 0, 0, 0
    for rounds in range(1, ROUNDS + 1):
        now += timedelta(minutes=20)
        is_doomed = rounds <= DOOMED_ROUNDS
        if rounds == 4:
            launch.pause_broadcast(stopped, now=now)
        if rounds == 10:
            launch.resume_broadcast(stopped, actor=None, now=now)
        connection.close()  # a connection must not be shared with a child
        dooms = [(chance.choice(POINTS), chance.randint(1, 2)) if is_doomed else None for _ in range(2)]
        workers = [dying.fork(partial(_work, now), doom) for doom in dooms]
        statuses = [os.waitpid(worker, 0)[1] for worker in workers]
        killed += sum(map(os.WIFSIGNALED, statuses))
        errors += sum(os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0 for status in statuses)
        if not is_doomed and not _left():
            break
    return {"killed": killed, "errors": errors, "rounds": rounds, **_counted(trial, stopped)}


def _make(now: datetime) -> tuple[Any, Any]:
    from messaging.broadcasts import launch
    from tests.factories.crm import UserFactory
    from tests.factories.messaging import make_broadcast, make_people

    make_people(CUSTOMERS)
    made = (
        make_broadcast("One", "Two", number=1, test_share=40, winner_after=1, expires_after=720),
        make_broadcast("Other", number=2, per_minute=12, expires_after=720),
    )
    for broadcast in made:
        launch.send_broadcast(broadcast, actor=UserFactory(), now=now)
    return made


def _work(now: datetime) -> None:
    _arm()
    from messaging.broadcasts import work
    from messaging.outbox import reconcile, sender

    for _ in range(4):
        work.work_due(now=now, limit=BATCH)
        reconcile.reconcile(now=now)
        sender.send_due(now=now, limit=30)


def _arm() -> None:
    from messaging.broadcasts import audience, expansion, settling
    from messaging.models import Broadcast
    from messaging.outbox import results

    audience.LOOKED_AT = LOOKED_AT
    settling.BATCH = BATCH
    dying.after(expansion.bulk, "insert_new", "gathered")
    dying.after(expansion, "_next_turns", "chosen")
    dying.after(expansion, "queue_messages", "queued")
    dying.after(expansion.bulk, "update_rows", "marked")
    dying.after(Broadcast, "save", "kept")
    dying.after(settling, "settle_batch", "settled")
    dying.after(results, "write_results", "sent")


def _left() -> int:
    from messaging.models import Broadcast

    return Broadcast.objects.exclude(state="done").count()


def _counted(*broadcasts: Any) -> dict[str, Any]:
    from messaging.models import Broadcast, Message

    messages = Message.objects.values_list("recipient__broadcast", "customer")
    per_person = Counter(messages)
    return {
        "states": [Broadcast.objects.get(pk=broadcast.pk).state for broadcast in broadcasts],
        "people": [Broadcast.objects.get(pk=broadcast.pk).people for broadcast in broadcasts],
        "messages": [sum(1 for key, _who in per_person if key == broadcast.pk) for broadcast in broadcasts],
        "written_to_twice": [key for key, times in per_person.items() if times > 1],
        "of_no_broadcast": Message.objects.filter(recipient=None).count(),
        "ended": sorted(set(Message.objects.values_list("state", flat=True))),
        "lots_that_moved": _moved(broadcasts[0]),
    }


def _moved(broadcast: Any) -> int:
    """People of the trial whose variant is not the one of their lot."""
    from messaging.broadcasts.lots import draw
    from messaging.models import Broadcast

    broadcast = Broadcast.objects.get(pk=broadcast.pk)
    rows = broadcast.recipients.values_list("customer__public_id", "variant")
    return sum(
        variant != (draw(broadcast.public_id, who, (1, 1), test_share=broadcast.test_share) or broadcast.winner)
        for who, variant in rows
    )


if __name__ == "__main__":
    main()
