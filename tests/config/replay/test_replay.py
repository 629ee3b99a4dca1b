"""A replayed history comes to what plain Python makes of the same files."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from config.replay import player
from crm.models import Customer, Event, Purchase, ReplayRun, Review
from journeys.flows import holdout
from messaging.models import Message
from tests.config.replay.histories import Olist, OnlineRetail

pytestmark = pytest.mark.django_db

FIVE = ["awareness", "consideration", "purchase", "retention", "advocacy"]
LOOP = ["awareness", "evaluation", "purchase", "usage", "repurchase"]


def replay(path: Path, format_: str, *more: str) -> dict[str, Any]:
    out = StringIO()
    call_command("replay", str(path), "--format", format_, "--json", *more, stdout=out, stderr=StringIO())
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def positions(reached: dict[str, int], stages: list[str]) -> dict[str, int]:
    return dict(Counter(stages[rank] for rank in reached.values()))


def test_olist_comes_to_what_plain_python_makes_of_it(tmp_path: Path) -> None:
    files = Olist()
    unique = {row["customer_id"]: row["customer_unique_id"] for row in files.customers}
    paid: dict[str, Decimal] = {}
    for row in files.payments:
        paid[row["order_id"]] = paid.get(row["order_id"], Decimal(0)) + Decimal(row["payment_value"])
    goods: dict[str, Decimal] = {}
    for row in files.items:
        goods[row["order_id"]] = goods.get(row["order_id"], Decimal(0)) + Decimal(row["price"]) + Decimal("7.90")
    good = [row for row in files.orders if row["customer_id"] in unique and row["order_purchase_timestamp"][0] == "2"]
    assert len(good) == 38
    people = {row["order_id"]: unique[row["customer_id"]] for row in good}
    happy = {
        people[row["order_id"]] for row in files.reviews if row["order_id"] in people and row["review_score"] in "45"
    }
    end = max(
        [row["review_creation_date"] for row in files.reviews if row["order_id"] in people]
        + [
            row[column]
            for row in good
            for column in row
            if column.endswith(("timestamp", "_at", "_date")) and "estimated" not in column
        ]
    )
    five: dict[str, int] = {}
    loop: dict[str, int] = {}
    for person in set(people.values()):
        orders = [row for row in good if people[row["order_id"]] == person]
        deliveries = [row["order_delivered_customer_date"] for row in orders if row["order_delivered_customer_date"]]
        bought_again = any(row["order_purchase_timestamp"] > at for row in orders for at in deliveries)
        five[person] = 4 if person in happy else 3 if len(orders) > 1 else 2
        loop[person] = 4 if bought_again else 3 if deliveries else 2
    late = 0
    for row in good:
        promised, delivered = row["order_estimated_delivery_date"], row["order_delivered_customer_date"]
        cancelled = row["order_status"] in {"canceled", "unavailable"}
        late += delivered > promised if delivered else (not cancelled and promised < end)

    result = replay(files.write(tmp_path / "olist"), "olist")

    assert result["customers"] == len(set(people.values()))
    assert result["purchases"] == 38
    assert result["revenue"] == {"BRL": str(sum(paid.get(order, goods[order]) for order in people))}
    assert result["late"] == late > 0
    assert result["reviews"] == sum(row["order_id"] in people for row in files.reviews)
    assert result["positions"] == {"five-stage": positions(five, FIVE), "usage-loop": positions(loop, LOOP)}
    stray = sum(row["order_id"] not in people for row in files.reviews)
    assert result["rows"]["no_customer"] == 1 + stray
    assert result["rows"]["rejected"] == 1


def test_what_a_set_dates_before_its_order_is_learnt_with_the_order(tmp_path: Path) -> None:
    files = Olist()
    review = files.reviews[0]
    order = next(row for row in files.orders if row["order_id"] == review["order_id"])
    review |= {"review_score": "5", "review_creation_date": "2017-12-24 00:00:00"}
    order["order_approved_at"] = "2017-12-24 09:30:00"

    replay(files.write(tmp_path / "olist"), "olist")

    stored = Review.objects.select_related("purchase").get(reference=f"{review['review_id']}/{review['order_id']}")
    assert (stored.status, stored.verified) == (Review.Status.PUBLISHED, True)
    assert stored.purchase is not None
    assert stored.purchase.reference == order["order_id"]
    assert stored.reviewed_at == datetime(2017, 12, 24, 2, 0, tzinfo=UTC)
    assert stored.purchase.paid_at == datetime(2017, 12, 24, 11, 30, tzinfo=UTC)
    assert Event.objects.get(name="Product Reviewed", object_id=stored.pk).occurred_at == stored.reviewed_at


def test_online_retail_comes_to_what_plain_python_makes_of_it(tmp_path: Path) -> None:
    files = OnlineRetail()
    orders: dict[tuple[str, str], Decimal] = {}
    refunds: dict[tuple[str, str], Decimal] = {}
    no_customer = rejected = 0
    for row in files.rows:
        key = (row["InvoiceNo"], row["CustomerID"])
        quantity = int(row["Quantity"]) if row["Quantity"].lstrip("-").isdigit() else 0
        price = Decimal(row["UnitPrice"])
        if not row["CustomerID"]:
            no_customer += 1
        elif price <= 0 or quantity == 0 or (quantity < 0) != row["InvoiceNo"].startswith("C"):
            rejected += 1
        elif quantity > 0:
            orders[key] = orders.get(key, Decimal(0)) + quantity * price
        else:
            refunds[key] = refunds.get(key, Decimal(0)) - quantity * price
    bought = Counter(customer for _, customer in orders)
    everybody = set(bought) | {customer for _, customer in refunds}
    five = {person: 3 if bought[person] > 1 else 2 if bought[person] else 0 for person in everybody}
    loop = {person: 2 if bought[person] else 0 for person in everybody}

    result = replay(files.write(tmp_path / "retail.csv.gz"), "online-retail")

    assert result["rows"] == {"read": 120, "no_customer": no_customer, "rejected": rejected}
    assert rejected == 4
    assert (result["customers"], result["purchases"], result["refunds"]) == (len(everybody), len(orders), len(refunds))
    assert result["revenue"] == {"GBP": str(sum(orders.values()))}
    assert result["positions"] == {"five-stage": positions(five, FIVE), "usage-loop": positions(loop, LOOP)}
    assert result["late"] == 0


def test_a_second_run_adds_nothing_and_says_the_same(tmp_path: Path) -> None:
    path = Olist().write(tmp_path / "olist", ".csv.gz")
    first = replay(path, "olist")
    before = (Event.objects.count(), Message.objects.count(), Purchase.history.count())

    assert replay(path, "olist") == first
    assert (Event.objects.count(), Message.objects.count(), Purchase.history.count()) == before


def test_a_killed_run_goes_on_and_ends_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Who is held out hangs on row numbers, which the second time are others.
    monkeypatch.setattr(holdout, "is_held_out", lambda *_: False)
    path = Olist().write(tmp_path / "olist")
    whole = replay(path, "olist")
    for model in (Message, ReplayRun):
        model.objects.all().delete()  # type: ignore[attr-defined]
    Customer.objects.all().delete()
    batches = iter(range(8))

    class Killed(Exception):
        pass

    original = player.Player._apply

    def die(self: player.Player, batch: Any, now: datetime) -> None:
        original(self, batch, now)
        if next(batches, None) is None:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(player.Player, "_apply", die)
        with pytest.raises(Killed):
            replay(path, "olist")
    assert 0 < ReplayRun.objects.get().position < 100

    rest = replay(path, "olist")

    for key in whole:
        if key != "events_per_second":
            assert rest[key] == whole[key], key


def test_until_stops_there_and_a_later_run_goes_on(tmp_path: Path) -> None:
    path = OnlineRetail().write(tmp_path / "retail.csv")
    whole = replay(path, "online-retail", "--until", "2010-12-31")
    ReplayRun.objects.all().delete()
    Customer.objects.all().delete()

    half = replay(path, "online-retail", "--until", "2010-12-09")
    assert 0 < half["purchases"] < whole["purchases"]
    assert replay(path, "online-retail", "--until", "2010-12-31")["purchases"] == whole["purchases"]


def test_a_limit_reads_only_so_many_rows(tmp_path: Path) -> None:
    result = replay(OnlineRetail().write(tmp_path / "retail.csv"), "online-retail", "--limit", "30")

    assert result["rows"]["read"] == 30


def test_without_made_up_phones_nobody_can_be_reached(tmp_path: Path) -> None:
    result = replay(Olist().write(tmp_path / "olist"), "olist", "--no-phones")

    assert set(result["messages"]) <= {"withheld", "cancelled"}
    assert set(result["withheld"]) == {"unreachable"}


def test_with_the_sandbox_the_messages_arrive(tmp_path: Path) -> None:
    result = replay(Olist().write(tmp_path / "olist"), "olist")

    assert result["messages"]["delivered"] > 0
    assert Event.objects.filter(name="Message Delivered").count() == result["messages"]["delivered"]


def test_a_history_starts_nothing_twice_and_ends_in_its_own_time(tmp_path: Path) -> None:
    replay(Olist().write(tmp_path / "olist"), "olist")

    assert ReplayRun.objects.get().clock.year == 2018
    late = Message.objects.exclude(sent_at=None).order_by("-sent_at").first()
    assert late is not None
    assert late.sent_at is not None
    assert late.sent_at.year == 2018


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "shopify"], "invalid choice"),
        (["--format", "olist", "--limit", "0"], "not a number above 0"),
        (["--format", "olist", "--until", "yesterday"], "neither a date nor an ISO 8601 instant"),
        (["--format", "olist"], "there is no orders.csv or orders.csv.gz"),
        (["--format", "online-retail"], "needs exactly one .csv or .csv.gz, has 0"),
    ],
)
def test_bad_arguments_are_named(tmp_path: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("replay", str(tmp_path), *arguments)


def test_a_file_that_is_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "retail.csv").write_bytes(b"\xff\xfe\x00bad")
    with pytest.raises(CommandError, match=r"retail\.csv: cannot be read"):
        call_command("replay", str(tmp_path), "--format", "online-retail")
    (tmp_path / "retail.csv").write_text("InvoiceNo,StockCode\n1,2\n")
    with pytest.raises(CommandError, match=r"retail\.csv: the column Description is missing"):
        call_command("replay", str(tmp_path), "--format", "online-retail")
