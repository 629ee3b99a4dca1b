"""Promotions and coupons over the API."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from crm.models import Coupon, Customer, Promotion, User
from crm.services import coupons
from tests.crm.api.conftest import Program, faults
from tests.factories.crm import NOON, CustomerFactory, PromotionFactory, PurchaseFactory, UserFactory

pytestmark = pytest.mark.django_db
MONEY = {"amount": "100.00", "currency": "THB"}


def codes(api: Program, count: int = 1, **promotion: Any) -> list[str]:
    made = api.post("promotions/", {"name": "Spring", "percent": 10, **promotion}).json()
    return api.post(f"promotions/{made['id']}/coupons/", {"count": count}).json()["codes"]


def redemption(code: str, customer: Customer, **more: Any) -> dict[str, Any]:
    return {"code": code, "customer": str(customer.public_id), **more}


# --- promotions -------------------------------------------------------------------------------


def test_a_promotion_is_added_read_listed_and_changed(api: Program) -> None:
    response = api.post(
        "promotions/", {"name": "Spring fair", "amount": MONEY, "limit": 10, "audience": {"tag": "vip"}}
    )
    assert response.status_code == 201
    body = response.json()
    expected = {
        "slug": "spring-fair", "name": "Spring fair", "kind": "amount", "percent": None, "amount": MONEY, "terms": "",
        "starts_at": None, "ends_at": None, "coupon_days": None, "limit": 10, "limit_per_customer": 1,
        "audience": {"tag": "vip"}, "is_active": True, "issued": 0, "redeemed": 0,
    }  # fmt: skip
    assert {name: body[name] for name in expected} == expected
    assert api.get(f"promotions/{body['id']}/").json() == body
    assert [row["id"] for row in api.get("promotions/?search=fair").json()["results"]] == [body["id"]]
    changed = api.patch(f"promotions/{body['id']}/", {"percent": 20, "kind": "percent", "limit": None})
    assert changed.status_code == 200
    assert {name: changed.json()[name] for name in ("kind", "percent", "amount", "limit")} == {
        "kind": "percent", "percent": 20, "amount": None, "limit": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "place", "code"),
    [
        ({"percent": 0}, "/percent", "min_value"),
        ({"percent": None, "kind": "percent"}, "/percent", "invalid"),
        ({"kind": "amount"}, "/amount", "invalid"),
        ({"kind": "amount", "amount": {"amount": "0", "currency": "THB"}}, "/amount", "invalid"),
        ({"kind": "text"}, "/terms", "invalid"),
        ({"slug": "taken"}, "/slug", "invalid"),
        ({"slug": "new"}, "/slug", "invalid"),
        ({"starts_at": "2026-03-02T00:00:00Z", "ends_at": "2026-03-02T00:00:00Z"}, "/ends_at", "invalid"),
        ({"starts_at": "tomorrow"}, "/starts_at", "invalid_time"),
        ({"limit": 0}, "/limit", "min_value"),
        ({"audience": {"moon": 1}}, "/audience/moon", "invalid_rule"),
        ({"audience": {"segment": "gone"}}, "/audience/segment", "invalid_rule"),
        ({"name": ""}, "/name", "blank"),
        ({"colour": "red"}, "/colour", "unknown_field"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_at_its_place(api: Program, changes: dict[str, Any], place: str, code: str) -> None:
    PromotionFactory.create(slug="taken")
    response = api.post("promotions/", {"name": "Spring", "percent": 10, **changes})
    assert (response.status_code, faults(response)) == (400, [(place, code)])
    assert Promotion.objects.count() == 1


def test_a_limit_below_what_was_redeemed_is_refused(api: Program) -> None:
    promotion = PromotionFactory.create(limit=5, redeemed_count=3)
    response = api.patch(f"promotions/{promotion.public_id}/", {"limit": 2})
    assert (response.status_code, faults(response)) == (400, [("/limit", "invalid")])


def test_codes_are_made_and_listed_by_promotion_state_and_customer(api: Program) -> None:
    first, second = codes(api, 2)
    customer = CustomerFactory.create()
    api.post("coupons/redeem/", redemption(first, customer))
    everything = api.get("coupons/?promotion=spring").json()["results"]
    assert {row["code"]: row["state"] for row in everything} == {first: "redeemed", second: "open"}
    assert [row["code"] for row in api.get("coupons/?state=open").json()["results"]] == [second]
    assert [row["code"] for row in api.get(f"coupons/?customer={customer.public_id}").json()["results"]] == [first]
    assert api.get("promotions/").json()["results"][0]["issued"] == 2


@pytest.mark.parametrize("count", [0, 1001, "many", None])
def test_codes_are_made_by_the_thousand_at_most(api: Program, count: Any) -> None:
    promotion = PromotionFactory.create()
    assert api.post(f"promotions/{promotion.public_id}/coupons/", {"count": count}).status_code == 400
    assert not Coupon.objects.exists()


# --- redeeming --------------------------------------------------------------------------------


def test_a_code_is_redeemed_for_an_order(api: Program) -> None:
    (code,) = codes(api)
    purchase = PurchaseFactory.create(source="web", reference="1001")
    order = {"source": "web", "reference": "1001"}
    response = api.post("coupons/redeem/", redemption(code, purchase.customer, purchase=order))
    assert response.status_code == 201
    body = response.json()
    assert (body["code"], body["state"], body["purchase"], body["value"]) == (code, "redeemed", order, "10%")
    assert body["customer"] == str(purchase.customer.public_id)
    assert Coupon.objects.get().redeemed_through == "web"


def test_somebody_new_is_named_by_their_identities(api: Program) -> None:
    (code,) = codes(api)
    response = api.post("coupons/redeem/", {"code": code, "customer": {"email": "new@example.com"}})
    assert response.status_code == 201
    assert Customer.objects.get().email == "new@example.com"


@pytest.mark.parametrize(
    ("changes", "status", "problem"),
    [
        ({"limit": 1, "redeemed_count": 1}, 409, "coupon_exhausted"),
        ({"ends_at": NOON}, 409, "expired"),
        ({"is_active": False}, 409, "inactive"),
        ({"audience": {"tag": "vip"}}, 409, "not_in_audience"),
    ],
)
def test_what_is_refused_says_why(api: Program, changes: dict[str, Any], status: int, problem: str) -> None:
    (code,) = codes(api)
    Promotion.objects.update(**changes)
    response = api.post("coupons/redeem/", redemption(code, CustomerFactory.create()))
    assert (response.status_code, response.json()["code"]) == (status, problem)
    assert response.headers["Content-Type"] == "application/problem+json"
    assert Coupon.objects.get().redeemed_at is None


def test_a_code_is_redeemed_once_but_the_same_call_again_has_the_same_answer(api: Program) -> None:
    (code,) = codes(api)
    customer = CustomerFactory.create()
    first = api.post("coupons/redeem/", redemption(code, customer), Idempotency_Key="k1")
    again = api.post("coupons/redeem/", redemption(code, customer), Idempotency_Key="k1")
    other = api.post("coupons/redeem/", redemption(code, customer), Idempotency_Key="k2")
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 409)
    assert first.content == again.content
    assert other.json()["code"] == "already_redeemed"


def test_a_code_that_nobody_knows_is_not_found(api: Program) -> None:
    response = api.post("coupons/redeem/", redemption("AAAAA-AAAAA", CustomerFactory.create()))
    assert (response.status_code, response.json()["code"]) == (404, "unknown_coupon")


def test_asking_whether_a_code_is_good_writes_nothing(api: Program) -> None:
    (code,) = codes(api)
    customer = CustomerFactory.create()
    good = api.post("coupons/validate/", {"code": code.lower(), "customer": str(customer.public_id)}).json()
    assert (good["valid"], good["reason"], good["coupon"]["code"]) == (True, "", code)
    Promotion.objects.update(is_active=False)
    bad = api.post("coupons/validate/", {"code": code}).json()
    assert (bad["valid"], bad["reason"], bad["coupon"]) == (False, "inactive", None)
    assert api.post("coupons/validate/", {"code": "nothing"}).json()["reason"] == "unknown_coupon"
    assert Coupon.objects.get().redeemed_at is None


@pytest.mark.django_db(transaction=True)
def test_sixty_programs_at_once_redeem_no_more_than_the_limit(api: Program) -> None:
    given = codes(api, 60, limit=10)
    people = CustomerFactory.create_batch(60)
    answers: Counter[str] = Counter()
    gate = threading.Barrier(60)

    def redeem(code: str, customer: Customer) -> None:
        gate.wait(timeout=60)
        response = api.post("coupons/redeem/", redemption(code, customer))
        answers[f"{response.status_code} {response.json().get('code', '') if response.status_code != 201 else ''}"] += 1
        connection.close()

    threads = [threading.Thread(target=redeem, args=pair) for pair in zip(given, people, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {"201 ": 10, "409 coupon_exhausted": 50}


def test_a_code_is_made_void_however_it_is_typed_and_once(api: Program) -> None:
    first, second = codes(api, 2)
    api.post("coupons/redeem/", redemption(second, CustomerFactory.create()))
    response = api.post(f"coupons/{first.lower().replace('-', '')}/void/")
    assert (response.status_code, response.json()["code"], response.json()["state"]) == (200, first, "void")
    refused = [api.post(f"coupons/{code}/void/") for code in (first, second, "nothing")]
    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [
        (409, "void"), (409, "already_redeemed"), (404, "unknown_coupon"),
    ]  # fmt: skip
    assert api.post("coupons/validate/", {"code": first}).json()["reason"] == "void"
    assert Coupon.objects.get(code=first).voided_by is None


# --- who may ----------------------------------------------------------------------------------


def test_each_scope_opens_its_own_calls() -> None:
    promotion = PromotionFactory.create()
    (coupon,) = coupons.create_codes(promotion, 1, now=NOON)
    customer = CustomerFactory.create()
    till, office = Program("coupons:redeem"), Program("promotions:write")
    assert till.post("coupons/validate/", {"code": coupon.code}).status_code == 200
    assert till.get("coupons/").json()["code"] == "missing_scope"
    assert till.post("promotions/", {"name": "x", "percent": 5}).json()["code"] == "missing_scope"
    assert office.post("coupons/redeem/", redemption(coupon.code, customer)).json()["code"] == "missing_scope"
    assert office.post("promotions/", {"name": "x", "percent": 5}).status_code == 201
    assert till.post("coupons/redeem/", redemption(coupon.code, customer)).status_code == 201
    (other,) = coupons.create_codes(promotion, 1, now=NOON)
    assert till.post(f"coupons/{other.code}/void/").json()["code"] == "missing_scope"
    assert office.post(f"coupons/{other.code}/void/").json()["code"] == "missing_scope"
    assert Program("coupons:void").post(f"coupons/{other.code}/void/").status_code == 200


@pytest.mark.parametrize(
    ("role", "add", "redeem", "void"),
    [
        (User.Role.ADMIN, 201, 201, 200),
        (User.Role.MANAGER, 201, 201, 200),
        (User.Role.MARKETER, 201, 403, 403),
        (User.Role.SALES, 403, 201, 403),
        (User.Role.SUPPORT, 403, 201, 200),
        (User.Role.VIEWER, 403, 403, 403),
    ],
)
def test_staff_do_what_their_role_may(role: str, add: int, redeem: int, void: int) -> None:
    client = Client()
    client.force_login(UserFactory.create(role=role))
    coupon, other = coupons.create_codes(PromotionFactory.create(), 2, now=NOON)
    body = redemption(coupon.code, CustomerFactory.create())
    kind = "application/json"
    made = client.post("/api/v1/promotions/", {"name": "Spring", "percent": 10}, content_type=kind)
    assert made.status_code == add
    assert client.post("/api/v1/coupons/redeem/", body, content_type=kind).status_code == redeem
    assert client.post(f"/api/v1/coupons/{other.code}/void/").status_code == void


def test_support_makes_so_many_codes_void_a_day(settings: Any) -> None:
    settings.SUPPORT_VOIDS_PER_DAY = 1
    client = Client()
    client.force_login(UserFactory.create(role=User.Role.SUPPORT))
    made = coupons.create_codes(PromotionFactory.create(), 2, now=NOON)
    answers = [client.post(f"/api/v1/coupons/{coupon.code}/void/") for coupon in made]
    assert [answer.status_code for answer in answers] == [200, 403]
    assert answers[1].json()["code"] == "limit_exceeded"
    assert Coupon.objects.filter(voided_at=None).count() == 1
