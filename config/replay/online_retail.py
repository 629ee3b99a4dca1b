"""
UCI Online Retail: the invoice lines of a British shop.

One purchase per invoice and customer; `C…` invoices are refunds on the customer. Times are London's wall clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from zoneinfo import ZoneInfo

from config.replay import files
from config.replay.history import Happening, History, OrderPlaced, Person, RefundGiven, Rows
from crm.lib.money import InvalidMoney, Money
from crm.services.purchases import ItemIn

SOURCE = "online-retail"
ZONE = ZoneInfo("Europe/London")
CURRENCY = "GBP"
COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")


@dataclass(slots=True)
class _Invoice:
    at: datetime
    person: Person
    amount: Decimal = Decimal(0)
    items: list[ItemIn] = field(default_factory=list)


def read(path: Path, *, limit: int | None = None) -> History:
    """
    Read the CSV file at `path` (or the only CSV in that folder); with `limit`, only its first so many rows.

    Raises:
        UnreadableHistory: no such file, a column is missing, or no CSV.
    """
    path = _the_file(path)
    invoices: dict[tuple[str, str], _Invoice] = {}
    read_ = no_customer = rejected = 0
    for row in files.read_rows(path, COLUMNS):
        if limit is not None and read_ >= limit:
            break
        read_ += 1
        customer = row["CustomerID"].removesuffix(".0")
        if not customer:
            no_customer += 1
        elif not _add_line(invoices, row, customer):
            rejected += 1
    happenings = _happenings(invoices)
    return History(
        source=SOURCE,
        label=f"Online Retail: {len(happenings)} invoices",
        happenings=happenings,
        rows=Rows(read_, no_customer, rejected),
        fingerprint=files.fingerprint([path], SOURCE, str(limit or "")),
        time_zone="Europe/London",
        country="GB",
        currency=CURRENCY,
    )


def _add_line(invoices: dict[tuple[str, str], _Invoice], row: dict[str, str], customer: str) -> bool:
    """Put a line on its invoice; False when its numbers make no sense."""
    number = row["InvoiceNo"]
    at = files.local_time(row["InvoiceDate"], ZONE)
    try:
        quantity, price = int(row["Quantity"]), Decimal(row["UnitPrice"])
        unit = Money.of(price, CURRENCY)
        Money.of(price * abs(quantity), CURRENCY)
    except (ValueError, InvalidOperation, InvalidMoney):
        return False
    is_return = number.startswith("C")
    if at is None or not number or price <= 0 or quantity == 0 or (quantity < 0) != is_return:
        return False
    invoice = invoices.setdefault((number, customer), _Invoice(at, _person(customer, row["Country"])))
    invoice.at = min(invoice.at, at)
    invoice.amount += abs(quantity) * price
    invoice.items.append(ItemIn(sku=row["StockCode"], name=row["Description"], quantity=abs(quantity), price=unit))
    return True


def _person(customer: str, country: str) -> Person:
    return Person(key=customer, language="en", time_zone="Europe/London", attributes={"country": country})


def _happenings(invoices: dict[tuple[str, str], _Invoice]) -> list[Happening]:
    holders: dict[str, int] = {}
    for number, _customer in invoices:
        holders[number] = holders.get(number, 0) + 1
    happenings: list[Happening] = []
    for (number, customer), invoice in invoices.items():
        # An invoice number that two customers share is told apart by the customer's.
        reference = number if holders[number] == 1 else f"{number}/{customer}"
        amount = Money.of(invoice.amount, CURRENCY)
        if number.startswith("C"):
            happenings.append(RefundGiven(invoice.at, invoice.person, reference, amount, reason="returned"))
        else:
            happenings.append(OrderPlaced(invoice.at, invoice.person, reference, amount, tuple(invoice.items)))
    return sorted(happenings, key=lambda happening: happening.at)


def _the_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    found = sorted([*path.glob("*.csv"), *path.glob("*.csv.gz")])
    if len(found) != 1:
        raise files.UnreadableHistory(f"{path}: needs exactly one .csv or .csv.gz, has {len(found)}")
    return found[0]
