"""
Health beside the stage: active, at risk or lapsed, by the days since the customer's last sign of life.

Every journey has its own measure. A change is a fact, "Health Changed", dated when the measure was passed, so that a
history read in late starts no follow-ups.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import DateTimeField, F, Q, QuerySet
from django.db.models.functions import Coalesce

from crm.events import log
from crm.events.types import EventDraft
from crm.lib import bulk
from crm.lib.among import Among
from crm.models import Event
from journeys.events import HEALTH_CHANGED
from journeys.models import Health, Journey, Position

BATCH = 1000


def assess_all(*, now: datetime) -> int:
    """Set the health of every position anew; return how many changed. Nightly."""
    changed = 0
    for journey in Journey.objects.active():
        for health in Health:
            while batch := _assess(journey, health, now):
                changed += batch
    return changed


def revive(events: Sequence[Event], *, now: datetime) -> int:
    """Customers who have just shown a sign of life are active again; return how many positions changed."""
    customers = {event.customer_id for event in events if event.shows_life}
    if not customers:
        return 0
    ill = Position.objects.filter(Among("customer", customers)).exclude(health=Health.ACTIVE)
    found = list(ill.values_list("pk", flat=True))
    if not found:
        return 0
    # Few are ever ill: only their rows are joined with journey and customer.
    back = [
        position
        for position in _standing().filter(Among("pk", found))
        if _seen(position) > _edges(position.journey, now)[0]
    ]
    return _change(back, Health.ACTIVE, now)


@transaction.atomic(savepoint=False)
def _assess(journey: Journey, health: Health, now: datetime) -> int:
    """Give `health` to a batch of positions of `journey` that should have it and do not."""
    at_risk, lapsed = _edges(journey, now)
    right = {
        Health.ACTIVE: Q(seen__gt=at_risk),
        Health.AT_RISK: Q(seen__lte=at_risk, seen__gt=lapsed),
        Health.LAPSED: Q(seen__lte=lapsed),
    }[health]
    others = [other for other in Health if other != health]
    return _change(_standing().filter(right, journey=journey, health__in=others).order_by("pk")[:BATCH], health, now)


def _standing() -> QuerySet[Position]:
    """Positions of people who are in a stage, with journey and customer, and `seen`: their last sign of life."""
    seen = Coalesce(F("customer__last_seen_at"), F("customer__created_at"), output_field=DateTimeField())
    return (
        Position.objects.filter(stage__isnull=False, customer__merged_into=None)
        .select_related("journey", "customer")
        .annotate(seen=seen)
    )


def _seen(position: Position) -> datetime:
    return position.customer.last_seen_at or position.customer.created_at


def _edges(journey: Journey, now: datetime) -> tuple[datetime, datetime]:
    """Seen at or before the first: at risk; at or before the second: lapsed."""
    return now - timedelta(days=journey.at_risk_after), now - timedelta(days=journey.lapsed_after)


def _change(positions: Iterable[Position], health: Health, now: datetime) -> int:
    positions = list(positions)
    bulk.update_rows(
        Position, [{"id": position.pk, "health": health.value} for position in positions], fields=["health"]
    )
    log.record_many([_fact(position, health) for position in positions], now=now)
    return len(positions)


def _fact(position: Position, health: Health) -> EventDraft:
    """Told with its journey and the sign of life it rests on, so that one silence is one fact."""
    seen = _seen(position)
    days = {
        Health.ACTIVE: 0,
        Health.AT_RISK: position.journey.at_risk_after,
        Health.LAPSED: position.journey.lapsed_after,
    }[health]
    return EventDraft(
        name=HEALTH_CHANGED,
        customer_id=position.customer_id,
        occurred_at=seen + timedelta(days=days),
        dedupe_key=f"health:{position.pk}:{health}:{seen.isoformat()}",
        properties={"journey": position.journey.slug, "from": position.health, "to": health.value},
    )
