"""What Segment's messages leave behind: customers, companies, consent, visits, orders, reviews."""

from __future__ import annotations

from typing import Any

import pytest

from crm.models import (
    Company,
    Consent,
    ConsentEvent,
    Customer,
    Event,
    Identity,
    Purchase,
    RejectedEvent,
    Review,
    Topic,
    TouchpointVisit,
)
from tests.crm.webhooks.conftest import Storefront
from tests.factories.crm import TopicFactory, TouchpointFactory

pytestmark = pytest.mark.django_db
TIME = "2026-03-02T12:00:00Z"
PRODUCTS = [
    {"product_id": "971", "sku": "KTL-1", "name": "Kettle", "price": 590.0, "quantity": 1, "category": "Kettles"},
    {"product_id": "972", "sku": "FLT-1", "name": "Filter", "price": "250.00", "quantity": "2"},
]
TOTALS = {"total": 1112.8, "revenue": 990.0, "shipping": 50.0, "tax": 72.8, "discount": 100.0, "currency": "THB"}


def track(
    event: str, message_id: str, timestamp: str = TIME, user: str | None = "42", **properties: Any
) -> dict[str, Any]:
    return {
        "type": "track", "event": event, "userId": user, "anonymousId": "cookie", "messageId": message_id,
        "timestamp": timestamp, "properties": properties,
    }  # fmt: skip


def ordered(message_id: str = "m-1", **changes: Any) -> dict[str, Any]:
    return track("Order Completed", message_id, **{"order_id": "1001", **TOTALS, "products": PRODUCTS, **changes})


def identify(**traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": "42", "anonymousId": "cookie", "timestamp": TIME, "traits": traits}


def facts() -> list[str]:
    return list(Event.objects.exclude(name="Customer Created").order_by("pk").values_list("name", flat=True))


def rejected() -> list[str]:
    return list(RejectedEvent.objects.order_by("pk").values_list("code", flat=True))


# --- Orders


@pytest.mark.parametrize("name", ["Order Completed", "Completed Order"])
def test_an_order_completed_is_a_purchase(shop: Storefront, name: str) -> None:
    shop.send({**ordered(coupon="SONGKRAN100", payment_method="promptpay"), "event": name})

    purchase = Purchase.objects.get()
    assert (purchase.source, purchase.reference, str(purchase.total), purchase.status) == (
        "web",
        "1001",
        "1,112.80 THB",
        "placed",
    )
    assert (purchase.coupon, purchase.discount_minor, purchase.payment_method) == ("SONGKRAN100", 10_000, "promptpay")
    assert purchase.placed_at.isoformat() == "2026-03-02T12:00:00+00:00"
    lines = purchase.items.order_by("pk").values_list("sku", "quantity", "price_minor")
    assert list(lines) == [("KTL-1", 1, 59_000), ("FLT-1", 2, 25_000)]
    assert facts() == ["Order Completed"]


def test_the_same_order_delivered_five_times_is_one_purchase_and_one_fact(shop: Storefront) -> None:
    for number in range(5):
        shop.send(ordered(f"m-{number}"))
    assert (Purchase.objects.count(), facts(), rejected()) == (1, ["Order Completed"], [])


@pytest.mark.parametrize(
    ("money", "total"),
    [
        ({"total": "1,112.80"}, 111_280),
        ({"revenue": "990.00", "shipping": 50, "tax": "72.8"}, 111_280),
        ({"revenue": 990}, 99_000),
        ({"value": 1112.8}, 111_280),
        ({"products": PRODUCTS, "shipping": 50, "tax": 72.8, "discount": 100}, 111_280),
        ({}, 0),
    ],
)
def test_what_the_customer_pays_is_worked_out_of_what_is_said(
    shop: Storefront, money: dict[str, Any], total: int
) -> None:
    shop.send(track("Order Completed", "m-1", order_id=1001, currency="thb", **money))
    assert Purchase.objects.get().total_minor == total
    assert Purchase.objects.get().currency == "THB"


def test_an_order_moves_along_by_its_events_in_any_order(shop: Storefront) -> None:
    shop.send(track("Order Delivered", "m-4", "2026-03-05T12:00:00Z", order_id="1001"))
    shop.send(track("Order Shipped", "m-3", "2026-03-03T12:00:00Z", order_id="1001"))
    shop.send(ordered())
    shop.send(track("Order Paid", "m-2", "2026-03-02T12:05:00Z", order_id="1001"))

    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.total_minor) == ("delivered", 111_280)
    assert [at.day for at in (purchase.placed_at, purchase.paid_at, purchase.shipped_at, purchase.delivered_at)] == [
        2,
        2,
        3,
        5,
    ]
    assert sorted(facts()) == ["Order Completed", "Order Delivered", "Order Paid", "Order Shipped"]


def test_an_order_moves_along_within_one_batch(shop: Storefront) -> None:
    shop.send(
        ordered(),
        track("Order Updated", "m-2", "2026-03-02T13:00:00Z", order_id="1001", coupon="LATE10"),
        track("Order Delivered", "m-3", "2026-03-05T12:00:00Z", order_id="1001"),
        track("Order Refunded", "m-4", "2026-03-06T12:00:00Z", order_id="1001", total=243.63, currency="THB"),
    )

    purchase = Purchase.objects.get()
    assert (purchase.total_minor, purchase.refunded_minor, purchase.coupon) == (111_280, 24_363, "LATE10")
    assert purchase.placed_at.isoformat() == "2026-03-02T12:00:00+00:00"
    assert (purchase.delivered_at.day, purchase.items.count(), rejected()) == (5, 2, [])


def test_an_update_without_money_leaves_the_total(shop: Storefront) -> None:
    shop.send(ordered())
    shop.send(track("Order Updated", "m-2", order_id="1001", promised_at="2026-03-06T12:00:00Z"))

    purchase = Purchase.objects.get()
    assert (purchase.total_minor, purchase.promised_at.day) == (111_280, 6)
    assert facts() == ["Order Completed", "Order Updated"]


def test_the_same_update_again_is_one_fact(shop: Storefront) -> None:
    update = track("Order Updated", "m-2", order_id="1001", total=99, currency="THB")
    shop.send(ordered(), update, update)
    shop.send(update)
    assert facts() == ["Order Completed", "Order Updated"]


def test_a_cancelled_order_is_cancelled_in_either_spelling(shop: Storefront) -> None:
    shop.send(ordered(), track("Order Canceled", "m-2", "2026-03-03T12:00:00Z", order_id="1001"))
    assert Purchase.objects.get().status == "cancelled"
    assert facts() == ["Order Completed", "Order Cancelled"]


def test_a_partial_refund_then_the_rest(shop: Storefront) -> None:
    shop.send(ordered())
    part = track("Order Refunded", "m-2", order_id="1001", total="243.63", currency="THB")

    shop.send(part, part)
    assert Purchase.objects.get().refunded_minor == 24_363
    shop.send(track("Order Refunded", "m-3", order_id="1001"), track("Order Refunded", "m-4", order_id="1001"))

    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.refunded_minor) == ("refunded", 111_280)
    assert facts() == ["Order Completed", "Order Refunded", "Order Refunded"]
    assert rejected() == []


def test_a_refund_of_an_order_nobody_told_us_of_stays_with_the_customer(shop: Storefront) -> None:
    shop.send(
        track("Order Refunded", "m-1", order_id="77", total=10, currency="THB"),
        track("Order Refunded", "m-2", order_id="78"),
    )

    assert [refund.amount_minor for refund in Customer.objects.get().refunds.all()] == [1000]
    assert rejected() == ["unknown_order"]


def test_an_order_that_cannot_be_is_kept_with_its_reason_and_refuses_no_other(shop: Storefront) -> None:
    shop.send(
        ordered("m-0", order_id="1000", total="a lot"),
        ordered("m-1"),
        track("Order Completed", "m-2", total=5),
        ordered("m-3", order_id="1003", products=[{"sku": "x", "quantity": "many"}]),
        ordered("m-4", order_id="1004", total=-5),
        ordered("m-5", order_id="1005", currency="baht"),
        ordered("m-6", order_id="1006", products="kettle"),
    )

    assert list(Purchase.objects.values_list("reference", flat=True)) == ["1001"]
    assert rejected() == ["invalid_money", "no_order_id", "invalid", "invalid_money", "invalid_money", "invalid"]
    messages = RejectedEvent.objects.order_by("pk").values_list("message", flat=True)
    assert messages[0] == "total: amount is not a number"
    assert RejectedEvent.objects.order_by("pk")[0].payload["properties"]["total"] == "a lot"


def test_an_order_number_of_somebody_else_is_kept_apart_and_the_others_stand(shop: Storefront) -> None:
    shop.send(ordered())

    stranger = {**ordered("m-2"), "userId": "99", "anonymousId": "elsewhere"}
    shop.send(stranger, ordered("m-3", order_id="1002"))

    assert set(Purchase.objects.values_list("reference", flat=True)) == {"1001", "1002"}
    assert rejected() == ["reference_taken"]


def test_a_guests_order_becomes_theirs_when_they_sign_in(shop: Storefront) -> None:
    shop.send({"type": "identify", "userId": "42", "traits": {"email": "ploy@example.com"}})
    shop.send({**ordered(), "userId": None})
    guest = Purchase.objects.get().customer
    assert guest.is_visitor

    shop.send(identify())

    assert Purchase.objects.get().customer == Customer.objects.get(email="ploy@example.com")
    assert facts().count("Order Completed") == 1


# --- Reviews and plain facts


def test_a_review_comes_with_its_rating_as_text_and_its_order_as_proof(shop: Storefront) -> None:
    shop.send(ordered())
    said = {"product_id": "KTL-1", "review_id": "rev_301", "review_body": "Pours slowly.", "rating": "4"}

    shop.send(track("Product Reviewed", "m-2", **said))
    shop.send(track("Product Reviewed", "m-3", **said), track("Product Reviewed", "m-4", **{**said, "rating": "ten"}))

    review = Review.objects.get()
    assert (review.rating, review.body, review.verified, review.status) == (4, "Pours slowly.", True, "published")
    assert review.product.sku == "KTL-1"
    assert rejected() == ["invalid_rating"]


def test_old_names_are_understood_and_a_shops_own_are_kept(shop: Storefront) -> None:
    shop.send(track("Viewed Product", "m-1", sku="KTL-1"), track("Brewed Coffee", "m-2"))
    assert facts() == ["Product Viewed", "Brewed Coffee"]


# --- People


def test_an_identify_is_put_on_the_record_and_searchable(shop: Storefront) -> None:
    shop.send(
        {
            **identify(email="ploy@example.com", phone="0812345678", name="Ploy", vip=True),
            "context": {"locale": "th-TH"},
        }
    )
    shop.send(identify(name="Ploy Jaidee", vip=None, size="M"))

    customer = Customer.objects.get()
    assert (customer.name, customer.language, customer.attributes) == ("Ploy Jaidee", "th", {"size": "M"})
    assert (customer.email, str(customer.phone)) == ("ploy@example.com", "+66812345678")
    assert list(Customer.objects.matching("jaidee")) == [customer]
    assert customer.history.latest().name == "Ploy Jaidee"
    assert facts() == ["Attributes Changed"]


def test_saying_the_same_again_writes_nothing(shop: Storefront) -> None:
    shop.send(identify(email="ploy@example.com", name="Ploy", company={"id": "org", "name": "Doi"}))
    before = Customer.history.count()

    shop.send(identify(email="ploy@example.com", name="Ploy", company={"id": "org", "name": "Doi"}))

    assert Customer.history.count() == before


def test_what_a_visitor_did_is_theirs_when_they_are_named(shop: Storefront) -> None:
    shop.send({"type": "page", "anonymousId": "cookie", "messageId": "m-1"})
    assert Customer.objects.get().is_visitor

    shop.send(identify(email="ploy@example.com"))

    customer = Customer.objects.get()
    assert not customer.is_visitor
    assert set(customer.events.values_list("name", flat=True)) == {"Page Viewed", "Customer Created"}


def test_an_alias_joins_the_cookie_to_the_person(shop: Storefront) -> None:
    shop.send({"type": "page", "anonymousId": "cookie", "messageId": "m-1"})
    shop.send({"type": "identify", "userId": "42", "traits": {"email": "ploy@example.com"}})

    shop.send({"type": "alias", "previousId": "cookie", "userId": "42"})

    person = Customer.objects.get(email="ploy@example.com")
    assert person.events.filter(name="Page Viewed").exists()
    assert Customer.objects.exclude(pk=person.pk).get().merged_into == person


def test_an_alias_gives_a_known_user_a_new_id_but_never_joins_two(shop: Storefront) -> None:
    shop.send({"type": "identify", "userId": "old", "traits": {"email": "ploy@example.com"}})
    shop.send({"type": "identify", "userId": "other", "traits": {"email": "other@example.com"}})

    shop.send(
        {"type": "alias", "previousId": "old", "userId": "new"},
        {"type": "alias", "previousId": "old", "userId": "other"},
    )

    ploy = Customer.objects.get(email="ploy@example.com")
    assert set(ploy.identities.filter(kind=Identity.Kind.EXTERNAL).values_list("value", flat=True)) == {"old", "new"}
    assert Customer.objects.filter(merged_into=None).count() == 2
    assert rejected() == ["two_people"]


def test_a_group_puts_somebody_into_a_company(shop: Storefront) -> None:
    group = {"type": "group", "userId": "42", "groupId": "org_77"}

    shop.send(
        {**group, "traits": {"name": "Doi Coffee House", "industry": "Cafe"}}, {**group, "traits": {"employees": 6}}
    )

    company = Company.objects.get()
    assert (company.external_id, company.name, company.attributes) == (
        "org_77", "Doi Coffee House", {"industry": "Cafe", "employees": 6},
    )  # fmt: skip
    assert Customer.objects.get().company == company


def test_consent_given_at_the_storefront_is_evidence_once_and_only_for_marketing(shop: Storefront) -> None:
    Topic.objects.exclude(slug="promotions").delete()
    TopicFactory.create(slug="promotions", is_marketing=True)
    TopicFactory.create(slug="orders", name="Orders", is_marketing=False)

    for agreed in (True, True, False):
        shop.send(identify(email="ploy@example.com", marketing_consent={"email": True, "sms": agreed}))

    states = Consent.objects.order_by("channel").values_list("channel", "topic__slug", "state")
    assert list(states) == [("email", "promotions", "in"), ("sms", "promotions", "out")]
    assert ConsentEvent.objects.count() == 3
    assert facts() == ["Consent Changed"] * 3


def test_a_visit_through_a_campaign_is_one_visit_a_day_of_our_touchpoint(shop: Storefront) -> None:
    flyer = TouchpointFactory.create(campaign="songkran-2026")
    page = {
        "type": "page",
        "anonymousId": "cookie",
        "context": {"campaign": {"name": "songkran-2026", "source": "flyer"}},
    }

    shop.send({**page, "messageId": "1", "timestamp": TIME}, {**page, "messageId": "2", "timestamp": TIME})
    shop.send({**page, "messageId": "3", "timestamp": "2026-03-03T12:00:00Z"})
    shop.send({**page, "messageId": "4", "context": {"campaign": {"name": "unknown"}}})

    assert facts().count("Touchpoint Visited") == 2
    visits = TouchpointVisit.objects.all()
    assert {(visit.touchpoint, visit.visitor, visit.is_bot) for visit in visits} == {(flyer, "cookie", False)}
    assert len(visits) == 2


def test_context_beside_the_batch_is_put_under_every_message(shop: Storefront) -> None:
    TouchpointFactory.create(campaign="songkran-2026")
    page = {"type": "page", "anonymousId": "cookie"}

    shop.send(
        {**page, "messageId": "1"},
        {**page, "messageId": "2", "anonymousId": "c2", "context": {"campaign": {"name": "other"}}},
        context={"campaign": {"name": "songkran-2026"}},
    )

    assert facts().count("Touchpoint Visited") == 1
