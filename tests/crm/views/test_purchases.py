from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from crm.models import Event, Purchase, Refund, User
from tests.crm.views.conftest import SignIn
from tests.factories.crm import NOON, PurchaseFactory, PurchaseItemFactory

pytestmark = pytest.mark.django_db


def numbers(client: Client, query: str = "") -> list[str]:
    return [row.reference for row in client.get(f"/purchases/{query}").context["page"].rows]


def test_orders_come_newest_first_and_can_be_narrowed(manager: Client) -> None:
    now = timezone.now()
    PurchaseFactory(reference="OLD", placed_at=now - timedelta(days=9), promised_at=now - timedelta(days=2))
    PurchaseFactory(
        reference="WAS-LATE", placed_at=now - timedelta(days=5), promised_at=now - timedelta(days=4),
        delivered_at=now - timedelta(days=3), status=Purchase.Status.DELIVERED,
    )  # fmt: skip
    PurchaseFactory(reference="NEW", placed_at=now)
    assert numbers(manager) == ["NEW", "WAS-LATE", "OLD"]
    assert numbers(manager, "?sort=oldest") == ["OLD", "WAS-LATE", "NEW"]
    assert numbers(manager, "?late=now") == ["OLD"]
    assert numbers(manager, "?late=ever") == ["WAS-LATE", "OLD"]
    assert numbers(manager, "?status=delivered") == ["WAS-LATE"]
    assert numbers(manager, "?q=new") == ["NEW"]
    assert manager.get("/purchases/late/")["Location"] == "/purchases/?late=now&sort=oldest"


def test_the_page_shows_how_far_an_order_has_come(manager: Client) -> None:
    order = PurchaseFactory(reference="WEB-1", paid_at=NOON, promised_at=NOON + timedelta(days=3))
    PurchaseItemFactory(purchase=order, name="Kettle", quantity=2, price_minor=25_000)
    response = manager.get(order.get_absolute_url())
    page = response.content.decode()
    assert [(step["label"], step["at"] is not None) for step in response.context["steps"]] == [
        ("placed", True), ("paid", True), ("shipped", False), ("delivered", False), ("completed", False),
    ]  # fmt: skip
    assert "Kettle" in page
    assert "500.00 THB" in page


def test_a_status_is_said_with_its_own_date_and_becomes_a_fact(manager: Client) -> None:
    order = PurchaseFactory()
    manager.post(f"{order.get_absolute_url()}status/", {"status": "shipped", "status-at": "2026-03-03T09:00"})
    order.refresh_from_db()
    assert (order.status, order.shipped_at.isoformat()) == ("shipped", "2026-03-03T02:00:00+00:00")
    assert Event.objects.filter(name="Order Shipped").count() == 1


def test_an_order_cannot_arrive_before_it_was_placed(manager: Client) -> None:
    order = PurchaseFactory()
    response = manager.post(
        f"{order.get_absolute_url()}status/", {"status": "delivered", "status-at": "2026-02-01T09:00"}
    )
    assert response.status_code == 422
    assert "Is before the order was placed" in response.content.decode()


def test_what_cannot_come_next_is_neither_offered_nor_taken(manager: Client) -> None:
    order = PurchaseFactory(cancelled_at=NOON, status=Purchase.Status.CANCELLED)
    assert manager.get(order.get_absolute_url()).context["actions"] == []
    assert manager.post(f"{order.get_absolute_url()}status/", {"status": "shipped"}).status_code == 400


def test_refunds_add_up_to_the_order_and_no_further(manager: Client) -> None:
    order = PurchaseFactory(total_minor=50_000)
    url = f"{order.get_absolute_url()}refunds/"
    manager.post(url, {"refund-amount": "200", "refund-reason": "scratched"})
    too_much = manager.post(url, {"refund-amount": "300.01"})
    assert too_much.status_code == 422
    assert [(refund.amount_minor, refund.reason) for refund in Refund.objects.all()] == [(20_000, "scratched")]
    manager.post(url, {"refund-amount": "300"})
    order.refresh_from_db()
    assert (order.status, order.refunded_minor) == ("refunded", 50_000)
    assert Event.objects.filter(name="Order Refunded").count() == 2


def test_support_reads_orders_and_changes_none(sign_in: SignIn) -> None:
    order, client = PurchaseFactory(), sign_in(User.Role.SUPPORT)
    assert client.get(order.get_absolute_url()).status_code == 200
    for path in ("status/", "refunds/", "arrived/"):
        assert client.post(order.get_absolute_url() + path, {"status": "paid"}).status_code == 403
    order.refresh_from_db()
    assert order.status == "placed"
