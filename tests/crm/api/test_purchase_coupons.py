"""An order that came with one of our codes redeems it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from crm.models import Coupon, Customer, Event, Promotion, Purchase
from crm.services import coupons
from tests.crm.api.conftest import Program
from tests.factories.crm import NOON, CustomerFactory, PromotionFactory, PurchaseFactory

pytestmark = pytest.mark.django_db
ORDER: dict[str, Any] = {
    "customer": {"email": "ploy@example.com"},
    "placed_at": NOON.isoformat(),
    "total": {"amount": "590.00", "currency": "THB"},
}
PATH = "purchases/web/1001/"
TAKEN = {"redeemed": True, "reason": "", "detail": ""}
HOUR = timedelta(hours=1)


@pytest.fixture
def code() -> str:
    """Made an hour before the order."""
    promotion = PromotionFactory.create(slug="spring", name="Spring")
    return coupons.create_codes(promotion, 1, now=NOON - HOUR)[0].code


def redeemed() -> list[str]:
    """Numbers of the orders for which coupons were redeemed, by the facts."""
    facts = Event.objects.filter(name="Coupon Redeemed").order_by("pk")
    return [fact.properties["order_id"] for fact in facts]


def test_an_order_redeems_its_coupon_for_who_bought_as_of_the_order(api: Program, code: str) -> None:
    response = api.put(PATH, {**ORDER, "coupon": code.lower()})

    assert (response.status_code, response.json()["redemption"]) == (201, TAKEN)
    coupon = Coupon.objects.get()
    assert (coupon.customer, coupon.redeemed_at, coupon.redeemed_through) == (Customer.objects.get(), NOON, "web")
    assert (coupon.purchase_source, coupon.purchase_reference) == ("web", "1001")
    assert Promotion.objects.get().redeemed_count == 1
    assert redeemed() == ["1001"]
    assert Event.objects.get(name="Coupon Redeemed").occurred_at == NOON
    assert "redemption" not in api.get(PATH).json()


def test_the_same_order_again_changes_nothing(api: Program, code: str) -> None:
    answers = [api.put(PATH, {**ORDER, "coupon": code}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [201, 200, 200]
    assert len({answer.content for answer in answers}) == 1
    assert Promotion.objects.get().redeemed_count == 1
    assert (redeemed(), Purchase.objects.count()) == (["1001"], 1)


def test_a_coupon_that_the_till_redeemed_for_this_order_is_not_redeemed_again(api: Program, code: str) -> None:
    order = {"source": "web", "reference": "1001"}
    api.post("coupons/redeem/", {"code": code, "customer": ORDER["customer"], "purchase": order})

    assert api.put(PATH, {**ORDER, "coupon": code}).json()["redemption"] == TAKEN
    assert (Promotion.objects.get().redeemed_count, redeemed()) == (1, ["1001"])


def test_an_update_without_a_coupon_says_nothing_of_one(api: Program, code: str) -> None:
    api.put(PATH, {**ORDER, "coupon": code})
    response = api.put(PATH, {**ORDER, "paid_at": (NOON + HOUR).isoformat()})
    assert (response.json()["redemption"], response.json()["coupon"]) == (None, code)


def test_a_coupon_told_later_is_redeemed_then(api: Program, code: str) -> None:
    assert api.put(PATH, ORDER).json()["redemption"] is None
    assert api.put(PATH, {**ORDER, "coupon": code}).json()["redemption"] == TAKEN
    assert redeemed() == ["1001"]


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"ends_at": NOON}, "expired", "The coupon or its promotion is over."),
        (
            {"limit": 1, "redeemed_count": 1},
            "coupon_exhausted",
            "The promotion has been redeemed as often as it may be.",
        ),
        ({"starts_at": NOON + HOUR}, "not_started", "The promotion has not begun."),
        ({"is_active": False}, "inactive", "The promotion is switched off."),
        ({"audience": {"tag": "vip"}}, "not_in_audience", "The promotion is not for this customer."),
    ],
)  # fmt: skip
def test_what_is_refused_leaves_the_order_and_says_why(
    api: Program, code: str, changes: dict[str, Any], reason: str, detail: str
) -> None:
    Promotion.objects.update(**changes)
    before = Promotion.objects.get().redeemed_count

    response = api.put(PATH, {**ORDER, "coupon": code})

    assert response.status_code == 201
    assert response.json()["redemption"] == {"redeemed": False, "reason": reason, "detail": detail}
    assert Purchase.objects.get().coupon == code
    assert list(Event.objects.values_list("name", flat=True)) == ["Customer Created", "Order Completed"]
    coupon = Coupon.objects.get()
    assert (coupon.redeemed_at, coupon.customer, coupon.purchase_reference) == (None, None, "")
    assert Promotion.objects.get().redeemed_count == before


def test_what_was_good_when_the_order_was_placed_is_good_however_late_we_hear_of_it(api: Program, code: str) -> None:
    Promotion.objects.update(ends_at=NOON + HOUR)
    assert api.put(PATH, {**ORDER, "coupon": code}).json()["redemption"] == TAKEN


def test_an_offer_for_first_time_buyers_holds_for_the_first_order_and_not_for_the_second(api: Program) -> None:
    audience = {"purchases": {"count": {"eq": 0}}}
    promotion = PromotionFactory.create(audience=audience, limit_per_customer=None)
    first, second = coupons.create_codes(promotion, 2, now=NOON - HOUR)

    assert api.put(PATH, {**ORDER, "coupon": first.code}).json()["redemption"] == TAKEN
    again = api.put("purchases/web/1002/", {**ORDER, "coupon": second.code})
    assert (again.status_code, again.json()["redemption"]["reason"]) == (201, "not_in_audience")


def test_a_code_redeemed_for_another_order_or_given_to_somebody_else_is_refused(api: Program, code: str) -> None:
    api.put(PATH, {**ORDER, "coupon": code})
    other = api.put("purchases/web/1002/", {**ORDER, "coupon": code})
    assert (other.status_code, other.json()["redemption"]["reason"]) == (201, "already_redeemed")
    gift = coupons.Gift(Promotion.objects.get().pk, CustomerFactory.create().pk, "flow:x", "one")
    (given,) = coupons.give([gift], now=NOON)
    theirs = api.put("purchases/web/1003/", {**ORDER, "coupon": given.code})
    assert (theirs.status_code, theirs.json()["redemption"]["reason"]) == (201, "not_theirs")
    assert (redeemed(), Purchase.objects.count()) == (["1001"], 3)


def test_an_order_that_is_refused_redeems_nothing(api: Program, code: str) -> None:
    PurchaseFactory.create(source="web", reference="1001")
    taken = api.put(PATH, {**ORDER, "coupon": code})
    wrong = api.put("purchases/web/1002/", {**ORDER, "coupon": code, "total": {"amount": "-1", "currency": "THB"}})

    assert (taken.status_code, taken.json()["code"]) == (409, "reference_taken")
    assert wrong.status_code == 400
    assert (Coupon.objects.get().redeemed_at, redeemed()) == (None, [])
    assert not Purchase.objects.filter(reference="1002").exists()


@pytest.mark.django_db(transaction=True)
def test_one_order_reported_eight_times_at_once_redeems_once(api: Program, code: str) -> None:
    api.post("customers/upsert/", {"identities": ORDER["customer"]})
    gate = Barrier(8)

    def report(_number: int) -> Any:
        try:
            gate.wait(timeout=30)
            return api.put(PATH, {**ORDER, "coupon": code}).json()["redemption"]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(report, range(8))) == [TAKEN] * 8
    assert (Promotion.objects.get().redeemed_count, redeemed(), Purchase.objects.count()) == (1, ["1001"], 1)
