"""Data to try a template with: a real customer and what they last did, or made up where there is nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import F

from crm.models import Customer, Event, Shop, User

# In the shape of the storefront's "Order Completed".
MADE_UP_ORDER: Mapping[str, Any] = {
    "order_id": "1024",
    "total": "1290.00",
    "currency": "THB",
    "promised_at": "2026-03-06T10:00:00+00:00",
    "products": [{"sku": "KTL-1", "name": "Kettle", "price": "1290.00", "quantity": 1}],
}


@dataclass(frozen=True, slots=True)
class Sample:
    """`context` is what a flow would bring; `is_made_up` says that it is not from the customer's own log."""

    customer: Customer
    context: Mapping[str, Any]
    is_made_up: bool


def sample_for(user: User, text: str = "") -> Sample:
    """The customer whom `text` finds, or who was last heard of, and their latest order; somebody made up for nobody."""
    people = Customer.objects.visible_to(user).known()
    found = people.matching(text) if text else people
    customer = found.order_by(F("last_seen_at").desc(nulls_last=True), "-pk").first()
    if customer is None:
        return Sample(_nobody(), {"event": MADE_UP_ORDER}, is_made_up=True)
    order = latest_order(customer)
    return Sample(customer, {"event": order or MADE_UP_ORDER}, is_made_up=order is None)


def latest_order(customer: Customer) -> Mapping[str, Any] | None:
    """What the log says of the order they were last busy with, in the shape of the storefront's facts."""
    order = Event.objects.filter(customer=customer, object_type="purchase").order_by("-occurred_at", "-pk").first()
    return order.properties if order else None


def _nobody() -> Customer:
    return Customer(
        name="Somchai Jaidee", email="somchai@example.com", phone="+66812345678", language=Shop.current().language
    )
