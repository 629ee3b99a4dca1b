"""Orders: one row, one fact, whatever reports them."""

from dataclasses import replace

import pytest

from crm.lib.money import Money
from crm.models import Customer, Event, Product, Purchase, PurchaseItem
from crm.services import purchases
from crm.services.purchases import InvalidPurchase, ItemIn, PurchaseIn, ReferenceTaken
from tests.factories.crm import NOON, CustomerFactory, PurchaseFactory, later

pytestmark = pytest.mark.django_db


def baht(amount: object) -> Money:
    return Money.of(amount, "THB")  # type: ignore[arg-type]


@pytest.fixture
def customer() -> Customer:
    return CustomerFactory.create()


@pytest.fixture
def order(customer: Customer) -> PurchaseIn:
    return PurchaseIn(
        customer_id=customer.pk, source="web", reference="1001", total=baht("1112.80"), placed_at=NOON,
        items=(ItemIn("KTL", "Kettle", 1, baht(590), "Kettles"), ItemIn("FLT", "Filter", 2, baht(250))),
    )  # fmt: skip


def facts() -> list[str]:
    return list(
        Event.objects.exclude(name="Customer Created").order_by("occurred_at", "pk").values_list("name", flat=True)
    )


def test_an_order_is_stored_with_its_lines_and_becomes_a_fact(order: PurchaseIn) -> None:
    recorded = purchases.record_purchase(order, now=later(minutes=1))

    assert recorded.created
    purchase = Purchase.objects.get()
    assert (purchase.total_minor, purchase.status, purchase.history.count()) == (111280, "placed", 1)
    assert [(i.sku, i.quantity, i.price_minor) for i in purchase.items.order_by("pk")] == [
        ("KTL", 1, 59000), ("FLT", 2, 25000),
    ]  # fmt: skip
    assert Product.objects.get(sku="KTL").category == "Kettles"
    event = Event.objects.get(name="Order Completed")
    assert (event.occurred_at, event.received_at) == (NOON, later(minutes=1))
    assert event.properties["total"] == "1112.80"
    assert [product["sku"] for product in event.properties["products"]] == ["KTL", "FLT"]


def test_the_same_order_delivered_five_times_is_one_order(order: PurchaseIn) -> None:
    created = [purchases.record_purchase(order, now=later(minutes=n)).created for n in range(5)]

    assert created == [True, False, False, False, False]
    assert (Purchase.objects.count(), PurchaseItem.objects.count()) == (1, 2)
    assert facts() == ["Order Completed"]


def test_the_same_order_twice_in_one_batch_is_one_order(order: PurchaseIn) -> None:
    recorded = purchases.record_purchases([order, replace(order, paid_at=later(hours=1))], now=later(hours=2))

    assert [entry.created for entry in recorded] == [True, False]
    assert Purchase.objects.get().paid_at == later(hours=1)
    assert facts() == ["Order Completed", "Order Paid"]


def test_each_date_becomes_a_fact_at_its_own_time(order: PurchaseIn) -> None:
    purchases.record_purchase(order, now=NOON)
    purchases.record_purchase(
        replace(order, items=(), delivered_at=later(days=3), shipped_at=later(days=1)), now=later(days=3)
    )

    assert facts() == ["Order Completed", "Order Shipped", "Order Delivered"]
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.items.count()) == ("delivered", 2)


def test_a_status_without_its_date_happened_now(order: PurchaseIn) -> None:
    purchases.record_purchase(replace(order, status="paid"), now=later(hours=1))
    purchases.record_purchase(replace(order, status="paid"), now=later(hours=9))

    assert Purchase.objects.get().paid_at == later(hours=1)


def test_what_is_not_said_stays_as_it_is(order: PurchaseIn) -> None:
    purchases.record_purchase(replace(order, payment_method="promptpay", promised_at=later(days=2)), now=NOON)
    purchases.record_purchase(order, now=later(hours=1))

    purchase = Purchase.objects.get()
    assert (purchase.payment_method, purchase.promised_at) == ("promptpay", later(days=2))


def test_a_corrected_order_replaces_its_lines(order: PurchaseIn) -> None:
    purchases.record_purchase(order, now=NOON)
    purchases.record_purchase(replace(order, total=baht(590), items=order.items[:1]), now=later(hours=1))

    purchase = Purchase.objects.get()
    assert (purchase.total_minor, list(purchase.items.values_list("sku", flat=True))) == (59000, ["KTL"])


def test_an_order_of_somebody_else_is_refused_and_nothing_is_written(order: PurchaseIn) -> None:
    purchases.record_purchase(order, now=NOON)
    thief = CustomerFactory.create()

    with pytest.raises(ReferenceTaken):
        purchases.record_purchases(
            [replace(order, customer_id=thief.pk, reference="1002"), replace(order, customer_id=thief.pk)], now=NOON
        )

    assert list(Purchase.objects.values_list("reference", flat=True)) == ["1001"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"total": Money(-1, "THB")}, "total"),
        ({"reference": ""}, "reference"),
        ({"status": "lost"}, "status"),
        ({"items": (ItemIn("A", "A", 0, Money(1, "THB")),)}, "items[0].quantity"),
        ({"items": (ItemIn("A", "A", 1, Money(1, "EUR")),)}, "items[0].price.currency"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_by_field(
    order: PurchaseIn, change: dict[str, object], field: str
) -> None:
    with pytest.raises(InvalidPurchase) as caught:
        purchases.record_purchase(replace(order, **change), now=NOON)  # type: ignore[arg-type]
    assert caught.value.field == field
    assert not Purchase.objects.exists()


def test_a_purchase_saved_in_the_admin_or_the_shell_is_the_same_fact(customer: Customer) -> None:
    purchase = PurchaseFactory.create(customer=customer, source="web", reference="1001")
    purchase.delivered_at = later(days=2)
    purchase.save()
    purchase.save()

    assert facts() == ["Order Completed", "Order Delivered"]


def test_a_status_is_set_with_its_date(customer: Customer) -> None:
    purchase = PurchaseFactory.create(customer=customer)

    purchases.set_status(purchase, "shipped", at=later(days=1), now=later(days=1))

    assert (purchase.status, purchase.shipped_at) == ("shipped", later(days=1))
    assert facts() == ["Order Completed", "Order Shipped"]
    with pytest.raises(InvalidPurchase, match="before the order"):
        purchases.set_status(purchase, "delivered", at=later(days=-1), now=NOON)
    with pytest.raises(InvalidPurchase, match="must be one of"):
        purchases.set_status(purchase, "placed", at=NOON, now=NOON)


def test_a_refund_is_given_once_and_counts_on_the_order(customer: Customer) -> None:
    purchase = PurchaseFactory.create(customer=customer, total_minor=50_000)
    for _ in range(2):
        purchases.record_refund(
            customer=customer, purchase=purchase, source="web", reference="r1", amount=baht(200),
            refunded_at=later(days=1), now=later(days=1),
        )  # fmt: skip
    purchase.refresh_from_db()
    assert (purchase.refunded_minor, purchase.status) == (20_000, "placed")
    assert facts().count("Order Refunded") == 1

    purchases.record_refund(
        customer=customer, purchase=purchase, source="web", reference="r2", amount=baht(300),
        refunded_at=later(days=2), now=later(days=2),
    )  # fmt: skip
    assert purchase.status == "refunded"


def test_more_than_was_paid_is_not_given_back(customer: Customer) -> None:
    purchase = PurchaseFactory.create(customer=customer, total_minor=50_000)
    for amount, field in [(baht(501), "amount"), (baht(0), "amount"), (Money(1, "EUR"), "amount.currency")]:
        with pytest.raises(InvalidPurchase) as caught:
            purchases.record_refund(
                customer=customer, purchase=purchase, source="web", reference=f"r{amount}", amount=amount,
                refunded_at=NOON, now=NOON,
            )  # fmt: skip
        assert caught.value.field == field


def test_a_broken_promise_is_flagged_once_since_the_moment_it_broke(customer: Customer) -> None:
    late = PurchaseFactory.create(customer=customer, promised_at=later(days=2))
    PurchaseFactory.create(customer=customer, promised_at=later(days=9))
    PurchaseFactory.create(customer=customer, promised_at=later(days=2), delivered_at=later(days=1))
    PurchaseFactory.create(customer=customer, promised_at=later(days=2), cancelled_at=later(days=1), status="cancelled")

    assert purchases.flag_late(now=later(days=2), limit=10) == 0, "the promised moment itself is in time"
    assert purchases.flag_late(now=later(days=3), limit=10) == 1
    assert purchases.flag_late(now=later(days=4), limit=10) == 0

    late.refresh_from_db()
    assert late.late_since == later(days=2)
    assert Event.objects.get(name="Order Late").object_id == late.pk
    assert late.days_late(later(days=5)) == 3
