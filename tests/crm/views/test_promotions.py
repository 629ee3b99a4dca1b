"""Promotions, their codes and the counter, as staff use them."""

from __future__ import annotations

import csv
import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from crm.models import Coupon, Promotion, User
from crm.services import coupons
from crm.services.coupons import Gift
from tests.crm.views.conftest import SignIn
from tests.crm.views.test_budgets import LIST_BUDGET, RECORD_BUDGET, cost
from tests.factories.crm import (
    NOON,
    CustomerFactory,
    PromotionFactory,
    PurchaseFactory,
    UserFactory,
    sales_see_their_own,
)

pytestmark = pytest.mark.django_db
FORM = {"name": "Spring fair", "kind": "percent", "percent": "15", "limit_per_customer": "1", "is_active": "on"}


def promotion_with(count: int, **fields: object) -> tuple[Promotion, list[Coupon]]:
    promotion = PromotionFactory.create(slug="spring", name="Spring", **fields)
    return promotion, coupons.create_codes(promotion, count, now=NOON) if count else []


def test_a_promotion_is_made_shown_and_edited(manager: Client) -> None:
    response = manager.post("/promotions/new/", {**FORM, "audience": json.dumps({"tag": "vip"}), "limit": "10"})
    assert response["Location"] == "/promotions/spring-fair/"
    promotion = Promotion.objects.get()
    assert (promotion.percent, promotion.limit, promotion.audience) == (15, 10, {"tag": "vip"})
    assert promotion.created_by is not None
    page = manager.get("/promotions/spring-fair/").content.decode()
    assert "15%" in page
    assert "vip" in page
    assert "Spring fair" in manager.get("/promotions/").content.decode()
    changed = {**FORM, "kind": "amount", "amount": "99.50", "percent": "", "ends_at": "2026-12-31T23:59"}
    assert manager.post("/promotions/spring-fair/edit/", changed).status_code == 302
    promotion.refresh_from_db()
    assert (promotion.kind, promotion.amount_minor, promotion.currency, promotion.percent) == (
        "amount",
        9950,
        "THB",
        None,
    )
    assert promotion.ends_at is not None
    assert promotion.ends_at.isoformat() == "2026-12-31T16:59:00+00:00"  # by the shop's clock in Bangkok


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"percent": ""}, "Say how much, from 1 to 100"),
        ({"kind": "amount"}, "Say how much, more than nothing"),
        ({"kind": "text"}, "Say what it gives"),
        ({"starts_at": "2026-03-02T12:00", "ends_at": "2026-03-02T11:00"}, "Is before the beginning"),
        ({"audience": '{"moon": 1}'}, "This rule cannot be used yet."),
        ({"audience": "{"}, "This rule cannot be used yet."),
        ({"slug": "redeem"}, "Is taken"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(manager: Client, changes: dict[str, str], said: str) -> None:
    response = manager.post("/promotions/new/", {**FORM, **changes})
    assert response.status_code == 422
    assert said in response.content.decode()
    assert not Promotion.objects.exists()


def test_codes_are_made_and_shown_by_state(manager: Client) -> None:
    promotion_with(0)
    assert "No code yet." in manager.get("/promotions/spring/").content.decode()
    assert manager.post("/promotions/spring/codes/", {"count": "3"}).status_code == 302
    assert manager.post("/promotions/spring/codes/", {"count": "1001"}).status_code == 302
    assert Coupon.objects.count() == 3
    page = manager.get("/promotions/spring/?state=open").content.decode()
    assert all(coupon.code in page for coupon in Coupon.objects.all())
    assert "No code in this state." in manager.get("/promotions/spring/?state=void").content.decode()


def test_the_page_tells_what_came_of_the_codes(manager: Client) -> None:
    promotion, (first, second, _third) = promotion_with(3)
    purchase = PurchaseFactory.create(source="web", reference="1", total_minor=50_000, refunded_minor=10_000)
    coupons.redeem(first.code, customer=purchase.customer, now=NOON, through="web", purchase=("web", "1"))
    coupons.redeem(second.code, customer=CustomerFactory.create(), now=NOON, through="web", purchase=("web", "later"))
    page = manager.get(promotion.get_absolute_url()).content.decode()
    assert "<b>3</b><span>codes</span>" in page
    assert "<b>2</b><span>redeemed</span>" in page
    assert "<b>1</b><span>orders</span>" in page
    assert "400.00 THB" in page


def test_a_code_is_redeemed_at_the_counter_for_who_brings_it(sign_in: SignIn) -> None:
    sales = sign_in(User.Role.SALES)
    _promotion, (coupon,) = promotion_with(1)
    customer = CustomerFactory.create(name="Ploy", phone="+66812345678")
    body = {"code": coupon.code.lower(), "who": "081 234 5678", "order": "77"}
    response = sales.post("/promotions/redeem/", body, follow=True)
    assert f"{coupon.code} is redeemed: 10% for Ploy." in response.content.decode()
    coupon.refresh_from_db()
    assert (coupon.customer, coupon.purchase_source, coupon.purchase_reference) == (customer, "staff", "77")
    assert coupon.redeemed_by is not None
    again = sales.post("/promotions/redeem/", body)
    assert again.status_code == 422
    assert "has been redeemed" in again.content.decode()


def test_a_code_given_to_somebody_needs_nobody_to_be_named(sign_in: SignIn) -> None:
    promotion, _none = promotion_with(0)
    customer = CustomerFactory.create()
    (coupon,) = coupons.give([Gift(promotion.pk, customer.pk, "flow:x", "one")], now=NOON)
    assert sign_in(User.Role.SUPPORT).post("/promotions/redeem/", {"code": coupon.code}).status_code == 302
    coupon.refresh_from_db()
    assert coupon.customer == customer
    assert coupon.redeemed_at is not None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"code": "nothing"}, "There is no coupon with this code."),
        ({}, "This code was given to nobody in person: say who brings it."),
        ({"who": "nobody@example.com"}, "There is no such customer yet: add them first."),
        ({"who": "12"}, "number"),
    ],
)
def test_what_stands_in_the_way_at_the_counter_is_said(manager: Client, body: dict[str, str], said: str) -> None:
    _promotion, (coupon,) = promotion_with(1)
    response = manager.post("/promotions/redeem/", {"code": coupon.code} | body)
    assert response.status_code == 422
    assert said in response.content.decode()
    coupon.refresh_from_db()
    assert coupon.redeemed_at is None


def test_support_may_make_so_many_codes_void_a_day_and_leaders_any(
    sign_in: SignIn, manager: Client, settings: object
) -> None:
    settings.SUPPORT_VOIDS_PER_DAY = 1  # type: ignore[attr-defined]
    _promotion, made = promotion_with(4)
    addresses = [f"/coupons/{coupon.public_id}/void/" for coupon in made]
    support = sign_in(User.Role.SUPPORT)
    assert "is void." in support.post(addresses[0], follow=True).content.decode()
    refused = support.post(addresses[1], follow=True)
    assert "Your role may do this only so often a day." in refused.content.decode()
    Coupon.objects.filter(voided_at__isnull=False).update(voided_at=timezone.now() - timedelta(days=1))
    support.post(addresses[1])
    for address in addresses[2:]:
        manager.post(address)
    assert Coupon.objects.filter(voided_at__isnull=False).count() == 4


def test_the_codes_of_a_promotion_are_taken_away_as_csv_by_the_same_filter(manager: Client) -> None:
    promotion, (first, second) = promotion_with(2, ends_at=NOON + timedelta(days=30))
    customer = CustomerFactory.create(name="=Ploy")
    coupons.redeem(first.code, customer=customer, now=NOON, through="web", purchase=("web", "1001"))
    link = 'href="?state=redeemed&amp;as=csv"'
    assert link in manager.get("/promotions/spring/?state=redeemed").content.decode()
    file = manager.get("/promotions/spring/?as=csv")
    assert file["Content-Disposition"] == 'attachment; filename="codes-spring.csv"'
    rows = list(csv.reader(file.content.decode("utf-8-sig").splitlines()))
    assert rows[1:] == [
        [
            first.code, "redeemed", str(customer.public_id), "2026-03-02T19:00:00+07:00", "2026-04-01T19:00:00+07:00",
            "2026-03-02T19:00:00+07:00", "web", "1001", "web",
        ],
        [
            second.code, "expired", "", "2026-03-02T19:00:00+07:00", "2026-04-01T19:00:00+07:00", "", "", "", "",
        ],
    ]  # fmt: skip
    narrowed = manager.get("/promotions/spring/?state=redeemed&as=csv").content.decode()
    assert (first.code in narrowed, second.code in narrowed) == (True, False)
    assert promotion.name not in narrowed


def test_sales_take_away_no_code_of_a_customer_they_may_not_see(sign_in: SignIn) -> None:
    sales_see_their_own()
    promotion, (free, taken) = promotion_with(2)
    customer = CustomerFactory.create(owner=UserFactory.create())
    coupons.redeem(taken.code, customer=customer, now=NOON, through="web")
    file = sign_in(User.Role.SALES).get(f"{promotion.get_absolute_url()}?as=csv").content.decode()
    assert (free.code in file, taken.code in file) == (True, False)


def test_the_customers_page_shows_their_codes_and_the_order_each_was_redeemed_for(manager: Client) -> None:
    promotion, (first,) = promotion_with(1)
    purchase = PurchaseFactory.create(source="web", reference="1001")
    customer = purchase.customer
    assert 'id="coupons-title"' not in manager.get(customer.get_absolute_url()).content.decode()
    coupons.redeem(first.code, customer=customer, now=NOON, through="web", purchase=("web", "1001"))
    (given,) = coupons.give([Gift(promotion.pk, customer.pk, "flow:x", "one")], now=NOON)
    page = manager.get(customer.get_absolute_url()).content.decode()
    card = page[page.index('id="coupons-title"') :].partition("</section>")[0]
    assert card.index(given.code) < card.index(first.code)
    assert f'<a href="{purchase.get_absolute_url()}">1001</a>' in card
    assert f'<a href="{promotion.get_absolute_url()}">Spring</a> · 10%' in card
    assert card.count("/void/") == 1
    assert f'action="/coupons/{given.public_id}/void/"' in card
    assert "are shown." not in card


def test_a_code_made_void_on_the_customers_page_leads_back_there(manager: Client) -> None:
    promotion, _none = promotion_with(0)
    customer = CustomerFactory.create()
    (given,) = coupons.give([Gift(promotion.pk, customer.pk, "flow:x", "one")], now=NOON)
    address = f"/coupons/{given.public_id}/void/"
    response = manager.post(address, {"next": customer.get_absolute_url()}, follow=True)
    assert response.redirect_chain == [(customer.get_absolute_url(), 302)]
    page = response.content.decode()
    assert f"{given.code} is void." in page
    assert address not in page
    given.refresh_from_db()
    assert given.voided_at is not None
    away = manager.post(address, {"next": "https://elsewhere.example.com/"})
    assert away["Location"] == promotion.get_absolute_url()


def test_the_customers_page_shows_the_latest_codes_to_whoever_may_see_promotions(sign_in: SignIn) -> None:
    promotion, _none = promotion_with(0)
    customer = CustomerFactory.create()
    made = coupons.give([Gift(promotion.pk, customer.pk, "flow:x", f"k{n}") for n in range(9)], now=NOON)
    pages = {
        role: sign_in(role).get(customer.get_absolute_url()).content.decode()
        for role in (User.Role.MARKETER, User.Role.SUPPORT, User.Role.VIEWER)
    }
    assert [f"<code>{coupon.code}</code>" in pages[User.Role.SUPPORT] for coupon in made] == [False] + [True] * 8
    assert "The latest 8 are shown." in pages[User.Role.SUPPORT]
    assert "/void/" not in pages[User.Role.MARKETER]
    assert 'id="coupons-title"' in pages[User.Role.MARKETER]
    assert 'id="coupons-title"' not in pages[User.Role.VIEWER]


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (User.Role.MANAGER, {"see", "make", "redeem", "void"}),
        (User.Role.MARKETER, {"see", "make"}),
        (User.Role.SALES, {"see", "redeem"}),
        (User.Role.SUPPORT, {"see", "redeem", "void"}),
        (User.Role.VIEWER, set()),
    ],
)
def test_each_role_sees_and_does_what_the_table_says(sign_in: SignIn, role: str, may: set[str]) -> None:
    _promotion, (coupon,) = promotion_with(1)
    client = sign_in(role)
    asked = {
        "see": client.get("/promotions/"),
        "make": client.get("/promotions/new/"),
        "redeem": client.get("/promotions/redeem/"),
        "void": client.post(f"/coupons/{coupon.public_id}/void/"),
    }
    assert {what for what, response in asked.items() if response.status_code != 403} == may
    reach = client.get("/reach/").content.decode()
    assert ('href="/promotions/"' in reach) == ("see" in may)
    assert ('href="/promotions/redeem/"' in reach) == ("redeem" in may)


def test_the_pages_ask_few_questions_however_many_codes(manager: Client) -> None:
    promotion, _codes = promotion_with(60)
    for customer in CustomerFactory.create_batch(20):
        coupons.give([Gift(promotion.pk, customer.pk, "flow:x", f"k{customer.pk}")], now=NOON)
    UserFactory.create()
    assert cost(manager, "/promotions/") <= LIST_BUDGET
    assert cost(manager, "/promotions/spring/") <= RECORD_BUDGET
