"""
The Brazilian E-Commerce Public Dataset by Olist: orders with their dates, payments and reviews.

One customer per `customer_unique_id`; times are São Paulo's wall clock; an order's total is the sum of its payments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from operator import attrgetter
from pathlib import Path
from zoneinfo import ZoneInfo

from config.replay import files
from config.replay.history import Happening, History, OrderDated, OrderPlaced, Person, ReviewWritten, Rows
from crm.lib.money import InvalidMoney, Money
from crm.services.purchases import ItemIn

SOURCE = "olist"
ZONE = ZoneInfo("America/Sao_Paulo")
CURRENCY = "BRL"
NEVER_CAME = frozenset({"canceled", "unavailable"})
DATES = {
    "order_approved_at": "paid_at",
    "order_delivered_carrier_date": "shipped_at",
    "order_delivered_customer_date": "delivered_at",
}


@dataclass(frozen=True, slots=True)
class _Buyer:
    """Who placed an order, and when."""

    person: Person
    placed_at: datetime


@dataclass(slots=True)
class _Tables:
    people: dict[str, Person]
    items: dict[str, list[ItemIn]]
    freight: dict[str, Decimal]
    paid: dict[str, Decimal]
    method: dict[str, str]
    read: int = 0
    rejected: int = 0
    no_customer: int = 0
    seen: set[str] = field(default_factory=set)


def read(directory: Path, *, limit: int | None = None) -> History:
    """
    Read the data set's CSV files in `directory`; with `limit`, only the first so many rows of the orders.

    Raises:
        UnreadableHistory: a file or column is missing, or no CSV.
    """
    paths = {name: files.find(directory, name) for name in ("orders", "customers", "order_items", "order_payments")}
    paths |= {name: files.find(directory, name) for name in ("order_reviews", "products")}
    tables = _Tables({}, {}, {}, {}, {})
    _read_people(tables, paths["customers"])
    _read_items(tables, paths["order_items"], _categories(tables, paths["products"]))
    _read_payments(tables, paths["order_payments"])
    happenings: list[Happening] = []
    buyers: dict[str, _Buyer] = {}
    for row in _first(files.read_rows(paths["orders"], _ORDER_COLUMNS), limit):
        tables.read += 1
        happenings += _order(tables, row, buyers)
    happenings += _reviews(tables, paths["order_reviews"], buyers, partial=limit is not None)
    happenings.sort(key=attrgetter("lived_at"))
    return History(
        source=SOURCE,
        label=f"Olist: {len(buyers)} orders",
        happenings=happenings,
        rows=Rows(tables.read, tables.no_customer, tables.rejected),
        fingerprint=files.fingerprint([paths[name] for name in sorted(paths)], SOURCE, str(limit or "")),
        time_zone="America/Sao_Paulo",
        country="BR",
        currency=CURRENCY,
    )


_ORDER_COLUMNS = (
    "order_id", "customer_id", "order_status", "order_purchase_timestamp", "order_approved_at",
    "order_delivered_carrier_date", "order_delivered_customer_date", "order_estimated_delivery_date",
)  # fmt: skip


def _order(tables: _Tables, row: Mapping[str, str], buyers: dict[str, _Buyer]) -> Iterable[Happening]:
    """Everything the row says happened to one order."""
    person = tables.people.get(row["customer_id"])
    reference = row["order_id"]
    placed_at = files.local_time(row["order_purchase_timestamp"], ZONE)
    if person is None:
        tables.no_customer += 1
        return
    if placed_at is None or not reference or reference in buyers:
        tables.rejected += 1
        return
    buyers[reference] = _Buyer(person, placed_at)
    yield OrderPlaced(
        at=placed_at,
        person=person,
        reference=reference,
        total=Money.of(_total(tables, reference), CURRENCY),
        items=tuple(tables.items.get(reference, ())),
        promised_at=files.local_time(row["order_estimated_delivery_date"], ZONE),
        payment_method=tables.method.get(reference, ""),
    )
    last = placed_at
    for column, date in DATES.items():
        at = files.local_time(row[column], ZONE)
        if at is not None:
            last = max(last, at)
            yield OrderDated(at=at, person=person, reference=reference, date=date, learnt_at=max(at, placed_at))
    if row["order_status"] in NEVER_CAME:
        # The set says that it was cancelled, not when: at the last time known of the order.
        yield OrderDated(at=last, person=person, reference=reference, date="cancelled_at")


def _total(tables: _Tables, reference: str) -> Decimal:
    """What was paid; for the few orders without a payment row, goods and freight."""
    if reference in tables.paid:
        return tables.paid[reference]
    goods = sum((item.price.amount * item.quantity for item in tables.items.get(reference, ())), Decimal(0))
    return goods + tables.freight.get(reference, Decimal(0))


def _read_people(tables: _Tables, path: Path) -> None:
    for row in files.read_rows(path, ("customer_id", "customer_unique_id", "customer_city", "customer_state")):
        tables.read += 1
        if not row["customer_id"] or not row["customer_unique_id"]:
            tables.rejected += 1
            continue
        tables.people[row["customer_id"]] = Person(
            key=row["customer_unique_id"],
            language="pt",
            time_zone="America/Sao_Paulo",
            attributes={"city": row["customer_city"].title(), "state": row["customer_state"]},
        )


def _categories(tables: _Tables, path: Path) -> dict[str, str]:
    categories = {}
    for row in files.read_rows(path, ("product_id", "product_category_name")):
        tables.read += 1
        categories[row["product_id"]] = row["product_category_name"]
    return categories


def _read_items(tables: _Tables, path: Path, categories: Mapping[str, str]) -> None:
    """The set has a row for each piece: equal pieces of an order become one line."""
    counts: dict[tuple[str, str, Decimal], int] = {}
    for row in files.read_rows(path, ("order_id", "product_id", "price", "freight_value")):
        tables.read += 1
        price, freight = _amount(row["price"]), _amount(row["freight_value"] or "0")
        if price is None or freight is None:
            tables.rejected += 1
            continue
        key = (row["order_id"], row["product_id"], price)
        counts[key] = counts.get(key, 0) + 1
        tables.freight[row["order_id"]] = tables.freight.get(row["order_id"], Decimal(0)) + freight
    for (order, product, price), quantity in counts.items():
        category = categories.get(product, "")
        item = ItemIn(
            sku=product, name=category.replace("_", " ").capitalize(), quantity=quantity,
            price=Money.of(price, CURRENCY), category=category,
        )  # fmt: skip
        tables.items.setdefault(order, []).append(item)


def _read_payments(tables: _Tables, path: Path) -> None:
    largest: dict[str, Decimal] = {}
    for row in files.read_rows(path, ("order_id", "payment_type", "payment_value")):
        tables.read += 1
        value = _amount(row["payment_value"])
        if value is None:
            tables.rejected += 1
            continue
        order = row["order_id"]
        tables.paid[order] = tables.paid.get(order, Decimal(0)) + value
        if value >= largest.get(order, Decimal(0)):
            largest[order], tables.method[order] = value, row["payment_type"]


def _reviews(tables: _Tables, path: Path, buyers: Mapping[str, _Buyer], *, partial: bool) -> Iterable[Happening]:
    columns = ("review_id", "order_id", "review_score", "review_comment_title", "review_comment_message",
               "review_creation_date")  # fmt: skip
    for row in files.read_rows(path, columns):
        tables.read += 1
        buyer = buyers.get(row["order_id"])
        at = files.local_time(row["review_creation_date"], ZONE)
        rating = int(row["review_score"]) if row["review_score"] in {"1", "2", "3", "4", "5"} else None
        reference = f"{row['review_id']}/{row['order_id']}"
        if buyer is None:
            # Of a partial reading, the other orders' reviews are not missing anybody.
            tables.no_customer += 0 if partial else 1
            continue
        if at is None or rating is None or not row["review_id"] or reference in tables.seen:
            tables.rejected += 1
            continue
        tables.seen.add(reference)
        yield ReviewWritten(
            at=at, person=buyer.person, reference=reference, rating=rating, title=row["review_comment_title"],
            body=row["review_comment_message"], order=row["order_id"], learnt_at=max(at, buyer.placed_at),
        )  # fmt: skip


def _amount(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
        Money.of(value, CURRENCY)
    except (InvalidOperation, InvalidMoney):
        return None
    return value if value >= 0 else None


def _first(rows: Iterable[dict[str, str]], limit: int | None) -> Iterable[dict[str, str]]:
    for number, row in enumerate(rows):
        if limit is not None and number >= limit:
            return
        yield row
