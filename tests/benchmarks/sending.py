"""The ledger: from queued to delivered on the sandbox phone, policy and receipts included."""

from __future__ import annotations

from itertools import count

from crm.lib import bell
from crm.models import Topic
from messaging.models import Message
from messaging.outbox import sender
from messaging.outbox.queue import MessageRequest, queue_messages
from tests.benchmarks import shop
from tests.benchmarks.harness import Rate, in_turn, row, scaled
from tests.benchmarks.ingest import NOW

MESSAGES = scaled(5_000)


def rows() -> list[dict[str, str]]:
    people = shop.add_people(MESSAGES, now=NOW, topic=Topic.objects.order_by("pk")[0])
    rounds = count(1)

    def queue() -> int:
        number = next(rounds)
        requests = [
            MessageRequest(
                customer_id=pk, channel="sms", topic="after_sales", body="Hello {{ customer.first_name }}, all well?",
                dedupe_key=f"bench:{number}:{pk}",
            )
            for pk in people
        ]  # fmt: skip
        with bell.silenced():
            for start in range(0, len(requests), 500):
                queue_messages(requests[start : start + 500], now=NOW)
        return len(requests)

    def send() -> int:
        waiting = Message.objects.queued().count()
        with bell.silenced():
            while sum(sender.send_due(now=NOW, limit=10_000).values()):
                pass
        return waiting - Message.objects.queued().count()

    queued, sent = in_turn(queue, send)
    return [
        row("messages queued, batches of 500", Rate(queued, "messages")),
        row("messages queued → delivered in the sandbox", Rate(sent, "messages")),
    ]
