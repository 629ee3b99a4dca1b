"""Tasks for staff: for the customer's owner, for somebody named, or for whoever takes them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from crm.lib import bulk
from crm.models import Customer, Task, User
from journeys.flows.effects.base import Order
from journeys.flows.steps.task import OWNER, OpenTask


def open_(orders: Sequence[Order[OpenTask]], now: datetime) -> None:
    """Whoever is named and no longer there leaves the task to everybody."""
    names = {order.effect.assign for order in orders} - {"", OWNER}
    staff = dict(User.objects.filter(username__in=names, is_active=True).values_list("username", "pk")) if names else {}
    customers = {order.run.customer_id for order in orders if order.effect.assign == OWNER}
    owners = dict(Customer.objects.filter(pk__in=customers).values_list("pk", "owner")) if customers else {}
    tasks = [
        Task(
            customer_id=order.run.customer_id,
            title=order.effect.title,
            assignee_id=(
                owners.get(order.run.customer_id) if order.effect.assign == OWNER else staff.get(order.effect.assign)
            ),
            due_at=order.effect.due_at,
            outcomes=list(order.effect.outcomes),
            cause=f"flow:{order.flow.slug}",
            dedupe_key=order.key,
            created_at=now,
        )
        for order in orders
    ]
    bulk.insert_new(Task, tasks, unique=("dedupe_key",))
