"""Calls go into the outbox of webhooks, each with its body filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from crm.models import Customer, Shop
from crm.services import hooks
from crm.services.hooks import HookCall
from journeys.flows.effects.base import Order
from journeys.flows.steps.webhook import CallWebhook
from messaging.models import Message
from messaging.rendering.letters import context_for
from messaging.texts import liquid

EVENT = "flow.step"
TEMPLATE_ERROR = "template_error"


def queue(orders: Sequence[Order[CallWebhook]], now: datetime) -> None:
    people = Customer.objects.in_bulk({order.run.customer_id for order in orders})
    shop = Shop.current()
    hooks.queue_calls([_call(order, people[order.run.customer_id], shop, now) for order in orders], now=now)


def _call(order: Order[CallWebhook], customer: Customer, shop: Shop, now: datetime) -> HookCall:
    body: Any = None
    fault = detail = ""
    if order.effect.body is None:
        body = _usual(order, customer, now)
    else:
        # Its links are those of a message, and this is none.
        data = context_for(Message(context=order.run.context), customer, shop)
        del data["links"]
        try:
            body = _filled(order.effect.body, data, customer.language or shop.language)
        except (liquid.InvalidTemplate, liquid.RenderFailed) as error:
            fault, detail = TEMPLATE_ERROR, str(error)
    return HookCall(
        url=order.effect.url,
        event=EVENT,
        body=body,
        dedupe_key=order.key,
        customer_id=customer.pk,
        cause={
            "kind": "flow", "flow": order.flow.slug, "enrolment": order.run.pk, "step": order.step,
            "visit": order.visit,
        },
        fault=fault,
        detail=detail,
    )  # fmt: skip


def _usual(order: Order[CallWebhook], customer: Customer, now: datetime) -> dict[str, Any]:
    """Who it is about, which run of which flow, and what that knows."""
    known = dict(order.run.context)
    return {
        "type": EVENT,
        "timestamp": now,
        "customer": hooks.person_in_json(customer),
        "flow": order.flow.slug,
        "step": order.step,
        "enrolment": order.run.pk,
        "event": known.pop("event", {}),
        "context": known,
    }


def _filled(value: Any, data: Mapping[str, Any], language: str) -> Any:
    if isinstance(value, str):
        return liquid.parse(value).render(data, language=language)
    if isinstance(value, Mapping):
        return {key: _filled(inner, data, language) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, data, language) for inner in value]
    return value
