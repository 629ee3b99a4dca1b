"""Messages go on the ledger; whether they may go out is asked when they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from journeys.flows.effects.base import Order
from journeys.flows.steps.send import SendMessage
from messaging.outbox.queue import MessageRequest, queue_messages


def queue(orders: Sequence[Order[SendMessage]], now: datetime) -> None:
    queue_messages([_request(order) for order in orders], now=now)


def _request(order: Order[SendMessage]) -> MessageRequest:
    effect = order.effect
    return MessageRequest(
        customer_id=order.run.customer_id,
        channel=effect.channel,
        fallback=effect.fallback,
        topic=effect.topic,
        template=effect.template,
        subject=effect.subject,
        body=effect.body,
        context=order.run.context,
        dedupe_key=order.key,
        cause={
            "kind": "flow", "flow": order.flow.slug, "enrolment": order.run.pk, "step": order.step,
            "visit": order.visit,
        },
        expires_at=effect.expires_at,
        meant_at=order.due_at,
        over_cap=effect.over_cap,
    )  # fmt: skip
