"""Tickets are opened, each with its line of history and its fact."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from crm.events import log
from crm.lib import bulk
from crm.models import Ticket
from journeys.flows.effects.base import Order
from journeys.flows.steps.ticket import OpenTicket


def open_(orders: Sequence[Order[OpenTicket]], now: datetime) -> None:
    drafts = [
        Ticket(
            customer_id=order.run.customer_id,
            kind=order.effect.kind,
            subject=" ".join(order.effect.subject.split()),
            priority=order.effect.priority,
            source=f"flow:{order.flow.slug}"[:64],
            opened_at=now,
            last_message_at=now,
        )
        for order in orders
    ]
    tickets = bulk.insert_new(Ticket, drafts, unique=("public_id",))
    # Bulk writes pass by django-simple-history, so its lines are written here.
    record = Ticket.history.model
    lines = [
        record(
            **{field.attname: getattr(ticket, field.attname) for field in record.tracked_fields},
            history_date=now,
            history_type="+",
            history_change_reason=ticket.source,
        )
        for ticket in tickets
    ]
    bulk.insert_new(record, lines, unique=("id", "history_date"))
    log.record_many([fact for ticket in tickets for fact in ticket.facts()], now=now)
