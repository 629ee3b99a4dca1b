"""Purchases over the API."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from crm.models import Customer, Event, Product, Purchase, Refund, Shop, User
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import CustomerFactory, PurchaseFactory, UserFactory, later

pytestmark = pytest.mark.django_db
BAHT = "THB"
ORDER: dict[str, Any] = {
    "customer": {"email": "ploy@example.com", "external": {"web": "42"}},
    "placed_at": "2026-03-02T12:00:00Z",
    "total": {"amount": "1112.80", "currency": BAHT},
    "items": [
        {"sku": "KTL-1", "name": "Kettle", "quantity": 1, "price": {"amount": "590.00", "currency": BAHT}},
        {"sku": "FLT-1", "name": "Filter", "quantity": 2, "price": {"amount": 250, "currency": BAHT}},
    ],
    "promised_at": "2026-03-06T12:00:00Z",
    "payment_method": "promptpay",
    "coupon": "SONGKRAN100",
}
PATH = "purchases/web/1001/"


def facts() -> list[str]:
    return list(Event.objects.filter(name__startswith="Order").order_by("pk").values_list("name", flat=True))


def test_an_order_is_recorded_and_answered_with_every_field(api: Program) -> None:
    response = api.put(PATH, ORDER)

    assert response.status_code == 201
    body = response.json()
    purchase = Purchase.objects.get()
    assert body == {
        "id": str(purchase.public_id),
        "source": "web",
        "reference": "1001",
        "customer": str(Customer.objects.get().public_id),
        "status": "placed",
        "total": {"amount": "1112.80", "currency": BAHT},
        "refunded": {"amount": "0.00", "currency": BAHT},
        "items": [
            {"sku": "KTL-1", "name": "Kettle", "quantity": 1, "price": {"amount": "590.00", "currency": BAHT}},
            {"sku": "FLT-1", "name": "Filter", "quantity": 2, "price": {"amount": "250.00", "currency": BAHT}},
        ],
        "refunds": [],
        "payment_method": "promptpay",
        "coupon": "SONGKRAN100",
        "placed_at": "2026-03-02T12:00:00Z",
        "paid_at": None,
        "shipped_at": None,
        "promised_at": "2026-03-06T12:00:00Z",
        "delivered_at": None,
        "completed_at": None,
        "cancelled_at": None,
        "late": True,
        "redemption": {
            "redeemed": False, "reason": "unknown_coupon", "detail": "There is no coupon with this code.",
        },
    }  # fmt: skip
    assert facts() == ["Order Completed"]
    assert set(Product.objects.values_list("sku", flat=True)) == {"KTL-1", "FLT-1"}


def test_the_same_order_five_times_is_one_purchase_and_one_fact(api: Program) -> None:
    answers = [api.put(PATH, ORDER) for _ in range(5)]

    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 200]
    assert len({answer.content for answer in answers}) == 1
    assert (Purchase.objects.count(), Customer.objects.count(), facts()) == (1, 1, ["Order Completed"])


def test_an_update_adds_its_dates_and_leaves_what_it_does_not_say(api: Program) -> None:
    api.put(PATH, ORDER)
    short = {key: ORDER[key] for key in ("customer", "placed_at", "total")}

    body = api.put(PATH, {**short, "paid_at": "2026-03-02T12:05:00Z", "delivered_at": "2026-03-05T09:00:00+07:00"})

    assert body.status_code == 200
    shown = body.json()
    assert (shown["status"], shown["late"], shown["coupon"], len(shown["items"])) == (
        "delivered",
        False,
        "SONGKRAN100",
        2,
    )
    assert shown["delivered_at"] == "2026-03-05T02:00:00Z"
    assert facts() == ["Order Completed", "Order Paid", "Order Delivered"]


def test_a_customer_can_be_named_by_our_id(api: Program) -> None:
    customer = CustomerFactory.create()
    assert api.put(PATH, {**ORDER, "customer": str(customer.public_id)}).status_code == 201
    assert Purchase.objects.get().customer == customer


@pytest.mark.parametrize(
    ("changes", "place", "code"),
    [
        ({"customer": "nobody"}, "/customer", "invalid"),
        ({"customer": "00000000-0000-7000-8000-000000000000"}, "/customer", "unknown_customer"),
        ({"customer": {"phone": "12"}}, "/customer/phone", "invalid_phone"),
        ({"customer": {"mail": "x"}}, "/customer/mail", "unknown_field"),
        ({"customer": {}}, "/customer", "invalid_identities"),
        ({"customer": 7}, "/customer", "invalid"),
        ({"total": "12"}, "/total", "invalid"),
        ({"total": {"amount": "12"}}, "/total/currency", "required"),
        ({"total": {"amount": "x", "currency": "THB"}}, "/total/amount", "invalid_money"),
        ({"total": {"amount": "-1", "currency": "THB"}}, "/total", "invalid"),
        ({"total": {"amount": "1", "currency": "baht"}}, "/total/currency", "invalid_money"),
        ({"total": {"amount": True, "currency": "THB"}}, "/total/amount", "invalid_money"),
        ({"total": {"amount": "1", "currency": "THB", "vat": 7}}, "/total/vat", "unknown_field"),
        ({"placed_at": "2026-03-02T12:00:00"}, "/placed_at", "no_zone"),
        ({"placed_at": "2096-03-02T12:00:00Z"}, "/placed_at", "future"),
        ({"placed_at": 5}, "/placed_at", "invalid_time"),
        ({"status": "lost"}, "/status", "invalid_choice"),
        ({"items": [{"price": {"amount": "1", "currency": "THB"}, "quantity": 0}]}, "/items/0/quantity", "min_value"),
        ({"items": [{"price": {"amount": "1", "currency": "EUR"}}]}, "/items/0/price/currency", "invalid"),
        ({"items": [{"sku": "x"}]}, "/items/0/price", "required"),
        ({"items": [{"price": {"amount": "1", "currency": "THB"}, "vat": 7}]}, "/items/0/vat", "unknown_field"),
        ({"items": "KTL-1"}, "/items", "not_a_list"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_and_nothing_is_written(
    api: Program, changes: dict[str, Any], place: str, code: str
) -> None:
    response = api.put(PATH, {**ORDER, **changes})

    assert (response.status_code, faults(response)) == (400, [(place, code)])
    assert not Purchase.objects.exists()
    assert not Customer.objects.exists()


def test_an_order_number_of_somebody_else_is_409_and_changes_nothing(api: Program) -> None:
    api.put(PATH, ORDER)

    response = api.put(PATH, {**ORDER, "customer": {"email": "other@example.com"}, "coupon": "X"})

    assert (response.status_code, response.json()["code"]) == (409, "reference_taken")
    assert Purchase.objects.get().coupon == "SONGKRAN100"
    assert not Customer.objects.filter(email="other@example.com").exists()


def test_an_order_number_may_hold_what_shops_put_into_it(api: Program) -> None:
    assert api.put("purchases/web/%23ORD 1%2D2/", ORDER).status_code == 201
    assert Purchase.objects.get().reference == "#ORD 1-2"
    assert api.put(f"purchases/web/{'9' * 101}/", ORDER).status_code == 400


def test_the_status_moves_along_and_each_step_is_one_fact(api: Program) -> None:
    api.put(PATH, ORDER)

    for status in ("paid", "shipped", "delivered", "delivered"):
        response = api.post(f"{PATH}status/", {"status": status, "at": "2026-03-04T12:00:00Z"})
        assert (response.status_code, response.json()["status"]) == (200, status)

    assert facts() == ["Order Completed", "Order Paid", "Order Shipped", "Order Delivered"]


def test_a_status_without_a_time_happened_now(api: Program) -> None:
    api.put(PATH, ORDER)
    api.post(f"{PATH}status/", {"status": "cancelled"})
    assert Purchase.objects.get().cancelled_at is not None
    assert facts() == ["Order Completed", "Order Cancelled"]


def test_a_status_that_is_none_or_before_the_order_is_named(api: Program) -> None:
    api.put(PATH, ORDER)

    assert faults(api.post(f"{PATH}status/", {"status": "lost"})) == [("/status", "invalid_choice")]
    early = api.post(f"{PATH}status/", {"status": "paid", "at": "2026-03-01T12:00:00Z"})
    assert faults(early) == [("/at", "invalid")]
    assert api.post("purchases/web/9999/status/", {"status": "paid"}).status_code == 404


def test_a_refund_is_recorded_once_per_number(api: Program) -> None:
    api.put(PATH, ORDER)
    refund = {"reference": "R1", "amount": {"amount": "243.63", "currency": BAHT}, "reason": "one filter came broken"}

    first, again = api.post(f"{PATH}refunds/", refund), api.post(f"{PATH}refunds/", refund)

    assert (first.status_code, again.status_code) == (201, 200)
    body = again.json()
    assert body["refunded"] == {"amount": "243.63", "currency": BAHT}
    assert [row["reference"] for row in body["refunds"]] == ["R1"]
    assert facts() == ["Order Completed", "Order Refunded"]


def test_a_refund_without_amount_gives_back_what_is_left(api: Program) -> None:
    api.put(PATH, ORDER)
    api.post(f"{PATH}refunds/", {"amount": {"amount": "112.80", "currency": BAHT}})

    body = api.post(f"{PATH}refunds/", {}).json()

    assert (body["status"], body["refunded"]["amount"]) == ("refunded", "1112.80")
    assert [row["amount"]["amount"] for row in body["refunds"]] == ["112.80", "1000.00"]


def test_more_than_was_paid_is_never_given_back(api: Program) -> None:
    api.put(PATH, ORDER)

    response = api.post(f"{PATH}refunds/", {"amount": {"amount": "1112.81", "currency": BAHT}})

    assert faults(response) == [("/amount", "invalid")]
    assert not Refund.objects.exists()


@pytest.mark.parametrize("door", ["put", "status"])
def test_an_order_said_to_be_refunded_is_given_back_whole_and_once(api: Program, door: str) -> None:
    api.put(PATH, ORDER)

    for _ in range(2):
        if door == "put":
            body = api.put(PATH, {**ORDER, "status": "refunded"}).json()
        else:
            body = api.post(f"{PATH}status/", {"status": "refunded"}).json()

    assert (body["status"], len(body["refunds"])) == ("refunded", 1)
    assert facts() == ["Order Completed", "Order Refunded"]


def test_a_refund_number_of_another_order_is_409(api: Program) -> None:
    api.put(PATH, ORDER)
    api.put("purchases/web/1002/", ORDER)
    api.post(f"{PATH}refunds/", {"reference": "R1", "amount": {"amount": "1", "currency": BAHT}})

    response = api.post("purchases/web/1002/refunds/", {"reference": "R1"})

    assert (response.status_code, response.json()["code"]) == (409, "reference_taken")


def test_the_list_narrows_by_customer_source_status_time_and_number(api: Program) -> None:
    first = PurchaseFactory.create(source="web", reference="A1001", placed_at=later(days=0))
    PurchaseFactory.create(
        source="shop", reference="B1002", placed_at=later(days=1), paid_at=later(days=1), status="paid"
    )

    for query in (
        f"customer={first.customer.public_id}", "source=web", "status=placed", "reference=A1001", "search=a10",
        "placed_before=2026-03-03T00:00:00Z",
    ):  # fmt: skip
        assert [row["reference"] for row in api.get(f"purchases/?{query}").json()["results"]] == ["A1001"], query
    assert [row["reference"] for row in api.get("purchases/").json()["results"]] == ["B1002", "A1001"]


def test_sales_who_see_only_their_own_find_no_other_orders() -> None:
    Shop.current()
    Shop.objects.update(sales_see=Shop.SalesSee.OWN)
    other = PurchaseFactory.create(
        reference="1001", customer=CustomerFactory.create(owner=UserFactory.create(role=User.Role.SALES))
    )
    client = Client()
    client.force_login(UserFactory.create(role=User.Role.SALES))

    assert client.get("/api/v1/purchases/").json()["results"] == []
    assert client.get(f"/api/v1/purchases/web/{other.reference}/").status_code == 404
    refused = client.put(
        "/api/v1/purchases/web/1001/",
        {**ORDER, "customer": str(other.customer.public_id)},
        content_type="application/json",
    )
    assert refused.status_code == 400


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
def test_dates_that_are_reported_at_once_undo_none_of_each_other() -> None:
    program = Program()
    dates = {
        "paid_at": "2026-03-02T12:05:00Z",
        "shipped_at": "2026-03-03T12:00:00Z",
        "delivered_at": "2026-03-05T12:00:00Z",
    }
    with ThreadPoolExecutor(len(dates)) as pool:
        for number in range(8):
            path = f"purchases/web/{number}/"
            program.put(path, ORDER)
            together = Barrier(len(dates))

            def report(date: str, path: str = path, together: Barrier = together) -> int:
                together.wait(10)
                try:
                    return program.put(path, {**ORDER, date: dates[date]}).status_code
                finally:
                    connection.close()

            assert list(pool.map(report, dates)) == [200] * len(dates)
            purchase = Purchase.objects.get(reference=str(number))
            assert [getattr(purchase, date) is None for date in dates] == [False] * len(dates)
