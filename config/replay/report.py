"""What came of a replayed history: the table at its end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypedDict

from django.db.models import Count, QuerySet, Sum

from config.replay.history import History
from crm.lib.money import Money
from crm.models import Customer, Event, Identity, Purchase, Refund, ReplayRun, Review
from journeys.models import Enrolment, Position, StageMove
from messaging.models import Message


class Report(TypedDict):
    """The keys of `replay --json`."""

    rows: dict[str, int]
    customers: int
    purchases: int
    refunds: int
    revenue: dict[str, str]
    late: int
    reviews: int
    positions: dict[str, dict[str, int]]
    moves: int
    enrolments: dict[str, dict[str, int]]
    messages: dict[str, int]
    withheld: dict[str, int]
    events: int
    events_per_second: float


def add_up(history: History, run: ReplayRun, *, end: datetime) -> Report:
    """
    Count what the history's own customers and records have become by `end`.

    Revenue is what was ordered, before refunds. Late is delivered after the promise, or promised by `end` with neither
    delivery nor cancellation.
    """
    people = Customer.objects.filter(
        pk__in=Identity.objects.filter(kind=Identity.Kind.EXTERNAL, source=history.source).values("customer_id")
    )
    orders = Purchase.objects.filter(source=history.source)
    of_people = {"customer__in": people.values("pk")}
    messages = Message.objects.filter(**of_people)
    seconds = run.report.get("seconds", 0.0)
    return {
        "rows": {
            "read": history.rows.read, "no_customer": history.rows.no_customer, "rejected": history.rows.rejected
        },
        "customers": people.count(),
        "purchases": orders.count(),
        "refunds": Refund.objects.filter(source=history.source).count(),
        "revenue": _revenue(orders),
        "late": orders.late(end).count(),
        "reviews": Review.objects.filter(source=history.source).count(),
        "positions": _nested(Position.objects.filter(stage__isnull=False, **of_people), "journey__slug", "stage__slug"),
        "moves": StageMove.objects.filter(would_have=False, **of_people).count(),
        "enrolments": _nested(Enrolment.objects.filter(**of_people), "flow__slug", "state"),
        "messages": _counts(messages, "state"),
        "withheld": _counts(messages.filter(state=Message.State.WITHHELD), "reason"),
        "events": Event.objects.filter(**of_people).count(),
        "events_per_second": round(run.report.get("events", 0) / seconds, 1) if seconds else 0.0,
    }  # fmt: skip


def lines(report: Report) -> Iterable[tuple[str, str]]:
    """The report as (label, value) rows for a terminal."""
    for label, value in report.items():
        if not isinstance(value, dict):
            yield label, f"{value:,}"
            continue
        if not value:
            yield label, "none"
        for key, inner in value.items():
            shown = (
                ", ".join(f"{name} {n:,}" for name, n in inner.items()) if isinstance(inner, dict) else _shown(inner)
            )
            yield f"{label} · {key}", shown


def _shown(value: Any) -> str:
    return f"{Decimal(value):,}" if isinstance(value, str) else f"{value:,}"


def _revenue(orders: QuerySet[Purchase]) -> dict[str, str]:
    totals = orders.values_list("currency").annotate(revenue=Sum("total_minor")).order_by("currency")
    return {currency: str(Money(revenue, currency).amount) for currency, revenue in totals}


def _counts(rows: QuerySet[Any], by: str) -> dict[str, int]:
    return dict(rows.order_by(by).values_list(by).annotate(n=Count("pk")))


def _nested(rows: QuerySet[Any], outer: str, inner: str) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for first, second, n in rows.order_by(outer, inner).values_list(outer, inner).annotate(n=Count("pk")):
        nested.setdefault(first, {})[second] = n
    return nested
