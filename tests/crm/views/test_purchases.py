from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from crm.lib.zones import zone
from crm.models import Event, Purchase, Refund, User
from tests.crm.views.conftest import SignIn
from tests.factories.crm import (
    NOON,
    CustomerFactory,
    PurchaseFactory,
    PurchaseItemFactory,
    UserFactory,
    sales_see_their_own,
)

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
    assert too_much.context["refund_form"].errors == {"amount": ["Only 300.00 THB of the order is left."]}
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


class TestRecordingByHand:
    def sold(self, **changes: str) -> dict[str, str]:
        line = {"line-0-product": "Kettle", "line-0-quantity": "2", "line-0-price": "250.50"}
        return {"state": "paid", **line, **changes}

    def test_an_order_by_phone_is_on_record_with_its_customer(self, manager: Client) -> None:
        customer = CustomerFactory(name="Ploy")
        url = f"{customer.get_absolute_url()}purchases/new/"
        assert url in manager.get(customer.get_absolute_url()).content.decode()
        assert manager.get(url).status_code == 200
        promised = (timezone.localdate() + timedelta(days=3)).isoformat()
        answer = manager.post(url, self.sold(promised_at=promised, payment_method="cash", reference="A-1"))
        order = Purchase.objects.get()
        assert answer["Location"] == order.get_absolute_url()
        assert (order.customer, order.reference, str(order.total)) == (customer, "A-1", "501.00 THB")
        assert (order.status, order.payment_method, order.source) == ("paid", "cash", "staff")
        assert (
            timezone.localtime(order.promised_at, zone("Asia/Bangkok", "UTC")).strftime("%F %T")
            == f"{promised} 23:59:59"
        )
        assert "recorded by hand" in manager.get(order.get_absolute_url()).content.decode()

    @pytest.mark.parametrize(
        ("changes", "errors"),
        [
            ({"total": "-1"}, {"total": ["Ensure this value is greater than or equal to 0."]}),
            ({"placed_at": "2999-01-01T10:00"}, {"placed_at": ["This is still to come."]}),
            ({"promised_at": "2020-01-01"}, {"promised_at": ["Is before the order was placed"]}),
            ({"line-0-product": "", "line-0-price": ""}, {"total": ["An amount or a line is needed"]}),
            ({"state": "stolen"}, {"state": ["Select a valid choice. stolen is not one of the available choices."]}),
        ],
    )
    def test_a_fault_is_said_beside_its_field(
        self, manager: Client, changes: dict[str, str], errors: dict[str, list[str]]
    ) -> None:
        answer = manager.post(f"{CustomerFactory().get_absolute_url()}purchases/new/", self.sold(**changes))
        assert (answer.status_code, answer.context["form"].errors) == (422, errors)
        assert not Purchase.objects.exists()

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"line-1-price": "3"}, "product"),
            ({"line-1-product": "Wrap"}, "price"),
            ({"line-1-product": "Wrap", "line-1-quantity": "0", "line-1-price": "1"}, "quantity"),
        ],
    )
    def test_so_is_a_fault_of_a_line(self, manager: Client, changes: dict[str, str], field: str) -> None:
        answer = manager.post(f"{CustomerFactory().get_absolute_url()}purchases/new/", self.sold(**changes))
        assert (answer.status_code, list(answer.context["lines"][1].errors)) == (422, [field])
        assert not Purchase.objects.exists()

    def test_a_number_that_is_taken_leads_to_its_order(self, manager: Client) -> None:
        order = PurchaseFactory(source="staff", reference="A-1", total_minor=100)
        answer = manager.post(f"{CustomerFactory().get_absolute_url()}purchases/new/", self.sold(reference="A-1"))
        said = f'There is an order <a href="{order.get_absolute_url()}">A-1</a> already.'
        assert (answer.status_code, answer.context["form"].errors) == (422, {"reference": [said]})
        assert Purchase.objects.get().total_minor == 100

    def test_it_is_for_those_who_may_record_purchases(self, sign_in: SignIn) -> None:
        customer = CustomerFactory()
        url = f"{customer.get_absolute_url()}purchases/new/"
        support = sign_in(User.Role.SUPPORT)
        assert support.post(url, self.sold()).status_code == 403
        assert url not in support.get(customer.get_absolute_url()).content.decode()
        seller, hers = sign_in(User.Role.SALES), CustomerFactory(owner=UserFactory())
        sales_see_their_own()
        assert seller.post(f"{hers.get_absolute_url()}purchases/new/", self.sold()).status_code == 404
        assert not Purchase.objects.exists()
