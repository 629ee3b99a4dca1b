"""Small made-up files in the shapes of the two data sets."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from random import Random
from typing import Any

Row = dict[str, str]

ORDER_COLUMNS = [
    "order_id", "customer_id", "order_status", "order_purchase_timestamp", "order_approved_at",
    "order_delivered_carrier_date", "order_delivered_customer_date", "order_estimated_delivery_date",
]  # fmt: skip


def write_csv(path: Path, rows: list[Row]) -> Path:
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


class Olist:
    """Forty orders of twenty-five people: some late, some cancelled, some reviewed, some buyers who come back."""

    def __init__(self, seed: int = 1) -> None:
        random = Random(seed)
        self.customers: list[Row] = []
        self.orders: list[Row] = []
        self.items: list[Row] = []
        self.payments: list[Row] = []
        self.reviews: list[Row] = []
        self.products = [{"product_id": f"p{n}", "product_category_name": f"cat_{n % 3}"} for n in range(6)]
        for n in range(40):
            self._order(random, n)
        self.orders[3]["customer_id"] = "nobody"
        self.orders[5]["order_purchase_timestamp"] = "not a time"
        self.reviews.append({**self.reviews[0], "review_id": "stray", "order_id": "unknown-order"})

    def _order(self, random: Random, n: int) -> None:
        order, customer = f"o{n:02}", f"c{n:02}"
        self.customers.append(
            {"customer_id": customer, "customer_unique_id": f"u{random.randrange(25):02}",
             "customer_city": "são paulo", "customer_state": "SP"}
        )  # fmt: skip
        day = 1 + n % 28
        month = 1 + n // 28 * 2
        status = random.choices(["delivered", "canceled", "unavailable", "shipped"], [7, 1, 1, 1])[0]
        delivered = f"2018-{month + 1:02}-{day:02} 15:30:00" if status == "delivered" else ""
        self.orders.append(
            dict(
                zip(
                    ORDER_COLUMNS,
                    [
                        order, customer, status, f"2018-{month:02}-{day:02} 10:{n:02}:07",
                        f"2018-{month:02}-{day:02} 11:00:00" if random.random() < 0.9 else "",
                        f"2018-{month:02}-{day:02} 20:00:00" if status in {"delivered", "shipped"} else "", delivered,
                        f"2018-{month + 1:02}-{random.choice([day, min(day + 1, 28)]):02} 00:00:00",
                    ],
                    strict=True,
                )
            )
        )  # fmt: skip
        for number in range(random.randint(1, 3)):
            self.items.append(
                {"order_id": order, "order_item_id": str(number + 1), "product_id": f"p{random.randrange(6)}",
                 "price": f"{random.randint(100, 9999) / 100:.2f}", "freight_value": "7.90"}
            )  # fmt: skip
        if n != 7:  # one order has no payment: goods and freight count then
            for number in range(random.randint(1, 2)):
                self.payments.append(
                    {"order_id": order, "payment_sequential": str(number + 1), "payment_type": "credit_card",
                     "payment_value": f"{random.randint(500, 20000) / 100:.2f}"}
                )  # fmt: skip
        if random.random() < 0.7:
            self.reviews.append(
                {"review_id": f"r{n}", "order_id": order, "review_score": str(random.randint(1, 5)),
                 "review_comment_title": "", "review_comment_message": "Ótimo, chegou antes do prazo",
                 "review_creation_date": f"2018-{month + 1:02}-{min(day + 2, 28):02} 00:00:00"}
            )  # fmt: skip

    def write(self, folder: Path, suffix: str = ".csv") -> Path:
        folder.mkdir(exist_ok=True)
        for name, rows in (
            ("customers", self.customers), ("orders", self.orders), ("order_items", self.items),
            ("order_payments", self.payments), ("order_reviews", self.reviews), ("products", self.products),
        ):  # fmt: skip
            write_csv(folder / f"{name}{suffix}", rows)
        return folder


class OnlineRetail:
    """A hundred and twenty invoice lines: returns, lines without a customer, lines that make no sense."""

    def __init__(self, seed: int = 1) -> None:
        random = Random(seed)
        self.rows: list[Row] = []
        for n in range(40):
            is_return = random.random() < 0.15
            invoice = f"{'C' if is_return else ''}{536365 + n}"
            customer = "" if random.random() < 0.15 else f"{17000 + random.randrange(12)}.0"
            for _ in range(3):
                quantity = random.choice([1, 2, 6, 12]) * (-1 if is_return else 1)
                self.rows.append(
                    {"InvoiceNo": invoice, "StockCode": f"8{random.randrange(20)}A", "Description": "WHITE MUG, LARGE",
                     "Quantity": str(quantity), "InvoiceDate": f"2010-12-{1 + n // 2:02} 08:{n:02}:00",
                     "UnitPrice": f"{random.randint(1, 999) / 100:.2f}", "CustomerID": customer,
                     "Country": "United Kingdom"}
                )  # fmt: skip
        known = [row for row in self.rows if row["CustomerID"]]
        known[0]["UnitPrice"] = "0.0"
        known[4]["Quantity"] = "0"
        known[5]["Quantity"] = "many"
        known[8]["UnitPrice"] = "-1"

    def write(self, path: Path) -> Path:
        return write_csv(path, self.rows)
