"""The orders that began runs, many at once: from what the event speaks of, else from what it says itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, Q

from crm.lib import texts
from crm.lib.among import Among
from crm.models import Event, Product, Purchase, PurchaseItem
from journeys.facts import Fact
from journeys.flows.steps.base import Bought

PLACED, DELIVERED, CANCELLED, REFUNDED = "Order Completed", "Order Delivered", "Order Cancelled", "Order Refunded"
_TELL_OF_ORDERS = frozenset({PLACED, "Order Paid", "Order Shipped", DELIVERED})
Spans = tuple[timedelta, timedelta | None]  # time of use, runs out after


@dataclass(frozen=True, slots=True)
class Beginning:
    """
    What began a run.

    Attributes:
        event: its number on the log; None by hand, or when it is on the log no more.
        said: the properties that messages know as {{ event }}.
    """

    customer: int
    event: int | None
    said: Mapping[str, Any]


@dataclass(slots=True)
class _Began:
    """A beginning with the event behind it, if there is one."""

    customer: int
    fact: Fact | None = None
    purchase: int | None = None
    order_id: str = ""
    source: str = ""
    is_told: bool = False  # the event is no news of a record: what facts say of the order is all there is
    facts: list[Fact] = field(default_factory=list)


def behind(beginnings: Sequence[Beginning]) -> list[Bought | None]:
    """
    The order behind each of `beginnings`, None where there is none; a fixed number of queries, the fewest for orders on
    record.

    The event leads to the purchase: by the record it speaks of, else by its `order_id` (and `source`) among the
    customer's own. An order that only facts tell of (a simulation's) has its dates and products from them.
    """
    began = _began(beginnings)
    found = _purchases(began)
    _gather_facts([it for it in began if it.is_told])
    spans = _spans_of_items({purchase["pk"] for purchase in found if purchase})
    by_sku = _spans_of_skus({sku for it in began for fact in it.facts for sku in _skus(fact.properties)})
    return [
        _told(it, purchase, spans, by_sku) if it.facts else _recorded(purchase, spans)
        for it, purchase in zip(began, found, strict=True)
    ]


def _began(beginnings: Sequence[Beginning]) -> list[_Began]:
    ids = {it.event for it in beginnings if it.event is not None}
    events = {event.pk: event for event in Event.objects.filter(Among("pk", ids))} if ids else {}
    return [_one(it, events.get(it.event or 0)) for it in beginnings]


def _one(beginning: Beginning, event: Event | None) -> _Began:
    properties = event.properties if event else beginning.said
    return _Began(
        beginning.customer,
        Fact.of(event) if event else None,
        purchase=event.object_id if event and event.object_type == "purchase" else None,
        order_id=texts.order_id(properties),
        source=texts.said(properties, "source"),
        is_told=event is not None and not event.object_type,
    )


def _purchases(began: Sequence[_Began]) -> list[Mapping[str, Any] | None]:
    """The purchase of each, as a row of values."""
    numbers = {it.purchase for it in began if it.purchase is not None}
    named = [it for it in began if it.purchase is None and it.order_id]
    if not numbers and not named:
        return [None] * len(began)
    by_name = Q(Among("customer", (it.customer for it in named)), reference__in={it.order_id for it in named})
    rows = Purchase.objects.filter(Q(Among("pk", numbers)) | by_name if named else Q(Among("pk", numbers)))
    found = rows.order_by("placed_at", "pk").values(
        "pk", "customer", "source", "reference", "status", "placed_at", "delivered_at", "cancelled_at",
        given_back_at=Max("refunds__refunded_at"),
    )  # fmt: skip
    by_pk = {row["pk"]: row for row in found}
    # Of several sources with the same number the latest order is meant, unless the source is said.
    by_reference = {(row["customer"], row["reference"], source): row for row in found for source in ("", row["source"])}
    return [
        by_pk.get(it.purchase) if it.purchase is not None else by_reference.get((it.customer, it.order_id, it.source))
        for it in began
    ]


def _gather_facts(began: Sequence[_Began]) -> None:
    """What facts tell of these orders, in the order it occurred: the one that began the run, and news of its order."""
    told: dict[int, list[Fact]] = defaultdict(list)
    if began:
        events = Event.objects.filter(
            Among("customer", (it.customer for it in began)),
            name__in=[PLACED, DELIVERED, CANCELLED, REFUNDED],
            object_type="",
        )
        for event in events.order_by("occurred_at", "pk"):
            told[event.customer_id].append(Fact.of(event))
    for it in began:
        news = [fact for fact in told[it.customer] if it.order_id and texts.order_id(fact.properties) == it.order_id]
        first = it.fact
        if first and first.name in _TELL_OF_ORDERS and first.id not in {fact.id for fact in news}:
            news = sorted([first, *news], key=lambda fact: (fact.at, fact.id))
        it.facts = news


def _spans_of_items(purchases: Iterable[int]) -> Mapping[int, list[Spans]]:
    found: dict[int, list[Spans]] = defaultdict(list)
    numbers = set(purchases)
    if numbers:
        items = PurchaseItem.objects.filter(Among("purchase", numbers))
        rows = items.values_list("purchase", "product__time_of_use", "product__repurchase_after")
        for purchase, time_of_use, repurchase_after in rows:
            if time_of_use is not None:
                found[purchase].append((time_of_use, repurchase_after))
    return found


def _spans_of_skus(skus: set[str]) -> Mapping[str, Spans]:
    if not skus:
        return {}
    products = Product.objects.filter(sku__in=skus).values_list("sku", "time_of_use", "repurchase_after")
    return {sku: (time_of_use, repurchase_after) for sku, time_of_use, repurchase_after in products}


def _recorded(purchase: Mapping[str, Any] | None, spans: Mapping[int, list[Spans]]) -> Bought | None:
    if purchase is None:
        return None
    ended_at = purchase["cancelled_at"]
    if purchase["status"] == Purchase.Status.REFUNDED:
        ended_at = ended_at or purchase["given_back_at"] or purchase["placed_at"]
    return _bought(purchase["placed_at"], purchase["delivered_at"], ended_at, spans.get(purchase["pk"], ()))


def _told(
    it: _Began, purchase: Mapping[str, Any] | None, spans: Mapping[int, list[Spans]], by_sku: Mapping[str, Spans]
) -> Bought:
    """What facts say, and for what they leave open the record."""
    at = {fact.name: fact.at for fact in it.facts[::-1]}  # the first of each name
    ended = next((fact.at for fact in it.facts if fact.name == CANCELLED or _is_whole(fact)), None)
    told = [by_sku[sku] for sku in {sku for fact in it.facts for sku in _skus(fact.properties)} if sku in by_sku]
    known = spans.get(purchase["pk"], ()) if purchase else ()
    placed_at = min([*at.values(), *([purchase["placed_at"]] if purchase else [])])
    return _bought(at.get(PLACED, placed_at), at.get(DELIVERED), ended, told or known)


def _is_whole(fact: Fact) -> bool:
    """A refund that names no amount gives all of it back."""
    return fact.name == REFUNDED and not texts.said(fact.properties, "total", "revenue", "value")


def _bought(
    ordered_at: datetime, delivered_at: datetime | None, ended_at: datetime | None, spans: Sequence[Spans]
) -> Bought:
    return Bought(
        ordered_at,
        delivered_at,
        ended_at,
        times_of_use=tuple(sorted(time_of_use for time_of_use, _ in spans)),
        runs_out_after=tuple(sorted(lasts for _, lasts in spans if lasts is not None)),
    )


def _skus(said: Mapping[str, Any]) -> set[str]:
    """The products an event names, as Segment's e-commerce spec has it; one on its own stands beside the rest."""
    listed = [said.get(name) for name in ("products", "items")]
    lines = [line for lines in listed if isinstance(lines, list) for line in lines if isinstance(line, Mapping)]
    return {texts.said(line, name) for line in [*lines, said] for name in ("sku", "product_id")} - {""}
