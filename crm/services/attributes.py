"""
What a customer's record says of them changed: a fact like any other, since a flow may wait for a date on it.

The fact names what changed and never the values; these stand on the record.
"""

from __future__ import annotations

from datetime import datetime

from crm.events.types import ATTRIBUTES_CHANGED, EventDraft
from crm.lib.ids import uuid7
from crm.models import Customer


def changes_of(customer: Customer, *, now: datetime) -> list[EventDraft]:
    """
    The fact that attributes or the birthday differ from when the record was read or saved last; none when they do not.

    For whoever has written `customer` past its `save`, which tells by itself.
    """
    names = customer.changed_attributes()
    if not names:
        return []
    return [
        EventDraft(
            name=ATTRIBUTES_CHANGED,
            customer_id=customer.pk,
            occurred_at=now,
            dedupe_key=f"attributes:{uuid7()}",
            properties={"attributes": names},
            object_type="customer",
            object_id=customer.pk,
        )
    ]
