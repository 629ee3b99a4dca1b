"""The order behind a run, through every door: what began it leads to the purchase, and its products say when."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.lib.money import Money
from crm.models import Customer, Event, Product, Purchase
from crm.services import purchases
from crm.services.ingest import Item, ingest_many
from crm.services.purchases import ItemIn, PurchaseIn
from crm.services.refunds import refund_the_rest
from journeys.flows import enrolment, orders, runner
from journeys.flows.enrolment import Entry
from journeys.flows.orders import Beginning
from journeys.flows.steps.base import Bought
from journeys.models import Enrolment, Flow, StepVisit
from tests.factories.crm import CustomerFactory, ProductFactory, PurchaseFactory, PurchaseItemFactory
from tests.factories.journeys import live_flow
from tests.journeys.flows.worlds import send
from tests.journeys.happenings import DAY, day, happens, run_of

pytestmark = pytest.mark.django_db
DELIVERED, COMPLETED = {"event": "Order Delivered"}, {"event": "Order Completed"}


@pytest.fixture(autouse=True)
def _shelf() -> None:
    ProductFactory.create(sku="TEA", time_of_use=5 * DAY, repurchase_after=30 * DAY)
    ProductFactory.create(sku="KETTLE", time_of_use=14 * DAY, repurchase_after=None)


@pytest.fixture
def customer() -> Customer:
    return CustomerFactory.create()


def until(interval: str, **rest: Any) -> dict[str, Any]:
    return {"id": "until", "type": "wait", "until": {"product": interval, **rest}}


def ordered(
    customer: Customer, *skus: str, reference: str = "A-1", at: float = 0, known: float | None = None, **dates: Any
) -> Purchase:
    """An order of these products as a storefront reports it, or reports it again."""
    items = [ItemIn(sku, sku.title(), 1, Money.of(100, "THB")) for sku in skus]
    order = PurchaseIn(customer.pk, "web", reference, Money.of(100, "THB"), day(at), items, **dates)
    return purchases.record_purchase(order, now=day(at if known is None else known)).purchase


def delivered(customer: Customer, *skus: str, at: float = 2, reference: str = "A-1", **more: Any) -> Purchase:
    return ordered(customer, *skus, delivered_at=day(at), known=at, reference=reference, **more)


def tick(now: float) -> None:
    runner.run_due(now=day(now), limit=100)


def path(customer: Customer) -> list[str]:
    visits = StepVisit.objects.filter(enrolment__customer=customer).order_by("pk")
    return [f"{step} {outcome}" for step, outcome in visits.values_list("step", "outcome")]


def left(customer: Customer) -> tuple[str, str]:
    run = run_of(customer)
    return run.state, run.reason


# --- doors ------------------------------------------------------------------------------------


def test_an_order_on_record_is_waited_for_by_its_products(customer: Customer) -> None:
    live_flow(until("time_of_use"), send("ask"), trigger=DELIVERED)
    delivered(customer, "TEA", "KETTLE")
    tick(2)
    assert run_of(customer).due_at == day(16)
    tick(16)
    assert path(customer) == ["until waited", "ask queued"]


def test_an_order_that_a_storefront_reports_is_one_on_record(customer: Customer) -> None:
    live_flow(until("repurchase_after", offset="-P3D"), trigger=COMPLETED)
    said = {"order_id": "S-1", "currency": "THB", "products": [{"product_id": "TEA", "price": 5}, {"sku": "NEW"}]}
    ingest_many([Item(day(0), "k", customer_id=customer.pk, event="Order Completed", properties=said)],
                source="shop", now=day(0))  # fmt: skip
    tick(0)
    assert run_of(customer).due_at == day(27)


def test_an_order_saved_row_by_row_is_read_with_its_items(customer: Customer) -> None:
    """As the admin does: the fact is there before the items are, the runner comes after both."""
    purchase = PurchaseFactory.create(customer=customer, delivered_at=day(1), placed_at=day(0))
    PurchaseItemFactory.create(purchase=purchase, product=Product.objects.get(sku="KETTLE"), sku="KETTLE")
    assert behind(customer, Event.objects.get(name="Order Delivered").pk) == Bought(day(0), day(1), None, (14 * DAY,))


def test_who_is_enrolled_with_an_order_number_waits_by_that_order(customer: Customer) -> None:
    flow = live_flow(until("time_of_use"))
    delivered(customer, "KETTLE")
    delivered(customer, "TEA", reference="A-2", at=3)
    enter(flow, customer, order_id="A-1")
    tick(4)
    assert run_of(customer).due_at == day(16)


def enter(flow: Flow, customer: Customer, **said: Any) -> None:
    """By hand or by a program, on the fourth day."""
    assert flow.live_version
    enrolment.enrol_many([Entry(flow.live_version, customer.pk, day(4), context={"event": said})], now=day(4))


def test_a_run_that_another_flow_began_knows_the_same_order(customer: Customer) -> None:
    live_flow(until("time_of_use"), named={"slug": "second"})
    live_flow({"id": "on", "type": "enrol", "flow": "second"}, trigger=DELIVERED)
    delivered(customer, "TEA")
    tick(2)
    tick(2)
    assert Enrolment.objects.get(flow__slug="second").due_at == day(7)


@pytest.mark.parametrize("source", [{}, {"source": "web"}])
def test_another_fact_that_names_an_order_leads_to_it(customer: Customer, source: dict[str, str]) -> None:
    live_flow(until("repurchase_after"), trigger={"event": "Product Reviewed"})
    delivered(customer, "TEA")
    happens(customer, "Product Reviewed", day(4), order_id="A-1", **source)
    tick(4)
    assert run_of(customer).due_at == day(32)


def test_an_order_number_is_read_as_its_record_was(customer: Customer) -> None:
    delivered(customer, "TEA")
    assert behind(customer, order_id=" A-1 ", source=" web") == Bought(day(0), day(2), None, (5 * DAY,), (30 * DAY,))
    cart = happens(customer, "Order Completed", day(3), order_id=True, products=[{"sku": " TEA "}])
    assert behind(customer, cart.pk) == Bought(day(3), None, None, (5 * DAY,), (30 * DAY,))


@pytest.mark.parametrize("said", [{}, {"order_id": "A-2"}, {"order_id": "A-1", "source": "till"}, {"order_id": []}])
def test_without_an_order_there_is_no_date(customer: Customer, said: dict[str, Any]) -> None:
    flow = live_flow(until("time_of_use"), send("ask"))
    delivered(customer, "TEA")
    enter(flow, customer, **said)
    tick(4)
    assert left(customer) == ("exited", "no date")


def test_the_order_of_somebody_else_is_none_of_theirs(customer: Customer) -> None:
    flow = live_flow(until("time_of_use"))
    delivered(CustomerFactory.create(), "TEA")
    enter(flow, customer, order_id="A-1")
    tick(4)
    assert left(customer) == ("exited", "no date")


def test_a_product_without_an_interval_and_a_line_without_a_product_have_no_date(customer: Customer) -> None:
    live_flow(until("repurchase_after"), send("ask"), trigger=DELIVERED)
    delivered(customer, "KETTLE", "")
    tick(2)
    assert left(customer) == ("exited", "no date")
    assert path(customer) == ["until left"]


def test_a_product_nobody_described_is_used_for_a_week(customer: Customer) -> None:
    live_flow(until("time_of_use"), trigger=DELIVERED)
    delivered(customer, "UNHEARD-OF")
    tick(2)
    assert run_of(customer).due_at == day(9)


# --- what becomes of the order afterwards ----------------------------------------------------


def test_a_delivery_re_times_a_wait_that_counted_from_the_order(customer: Customer) -> None:
    live_flow(until("repurchase_after"), trigger=COMPLETED)
    ordered(customer, "TEA")
    tick(0)
    assert run_of(customer).due_at == day(30)
    delivered(customer, at=4)
    tick(4)
    assert run_of(customer).due_at == day(34)


def test_what_is_ordered_otherwise_meanwhile_counts_at_once(customer: Customer) -> None:
    live_flow(until("time_of_use"), trigger=DELIVERED)
    delivered(customer, "TEA")
    tick(2)
    said = {"order_id": "A-1", "currency": "THB", "products": [{"sku": "KETTLE", "price": 100}]}
    ingest_many([Item(day(3), "k", customer_id=customer.pk, event="Order Updated", properties=said)],
                source="web", now=day(3))  # fmt: skip
    tick(3)
    assert run_of(customer).due_at == day(16)


def test_an_order_given_back_as_a_whole_has_no_date_any_more_and_one_in_part_has(customer: Customer) -> None:
    live_flow(until("time_of_use"), send("ask"), trigger=DELIVERED)
    purchase = delivered(customer, "TEA")
    tick(2)
    purchases.record_refund(
        customer=customer, purchase=purchase, source="web", reference="R-1", amount=Money.of(40, "THB"),
        refunded_at=day(3), now=day(3),
    )  # fmt: skip
    tick(3)
    assert run_of(customer).due_at == day(7)
    refund_the_rest(Purchase.objects.get(), refunded_at=day(4), now=day(4))
    tick(4)
    assert left(customer) == ("exited", "no date")


def test_a_cancelled_order_has_no_date_any_more(customer: Customer) -> None:
    live_flow(until("repurchase_after"), send("ask"), trigger=COMPLETED)
    ordered(customer, "TEA")
    tick(0)
    ordered(customer, cancelled_at=day(1), known=1)
    tick(1)
    assert left(customer) == ("exited", "no date")


def test_a_longer_time_of_use_is_read_when_the_wait_is_over(customer: Customer) -> None:
    live_flow(until("time_of_use"), send("ask"), trigger=DELIVERED)
    delivered(customer, "TEA")
    tick(2)
    Product.objects.filter(sku="TEA").update(time_of_use=20 * DAY)
    tick(7)
    assert run_of(customer).due_at == day(22)
    assert path(customer) == []


# --- orders that only facts tell of -----------------------------------------------------------


def behind(customer: Customer, event: int | None = None, **said: Any) -> Bought | None:
    return orders.behind([Beginning(customer.pk, event, said)])[0]


def test_facts_tell_of_an_order_that_is_on_no_record(customer: Customer) -> None:
    products = [{"sku": "TEA"}, {"product_id": "KETTLE"}, {"sku": "?"}, "junk", {"sku": 5}]
    placed = happens(customer, "Order Completed", day(0), order_id="X", products=products)
    happens(customer, "Order Delivered", day(3), order_id="X")
    happens(customer, "Order Delivered", day(4), order_id="Y", sku="TEA")
    assert behind(customer, placed.pk) == Bought(day(0), day(3), None, (5 * DAY, 14 * DAY), (30 * DAY,))


@pytest.mark.parametrize(
    ("news", "said", "ended"),
    [
        ("Order Cancelled", {}, 3), ("Order Refunded", {}, 3), ("Order Refunded", {"total": "40.00"}, None),
        ("Page Viewed", {}, None),
    ],
)  # fmt: skip
def test_facts_also_tell_that_it_went_back(
    customer: Customer, news: str, said: dict[str, str], ended: float | None
) -> None:
    arrived = happens(customer, "Order Delivered", day(2), order_id="X", sku="TEA")
    happens(customer, news, day(3), order_id="X", **said)
    found = behind(customer, arrived.pk)
    assert found is not None
    assert found.ended_at == (None if ended is None else day(ended))


def test_a_delivery_without_a_number_is_an_order_of_its_own(customer: Customer) -> None:
    arrived = happens(customer, "Order Delivered", day(2), items=[{"sku": "TEA"}])
    assert behind(customer, arrived.pk) == Bought(day(2), day(2), None, (5 * DAY,), (30 * DAY,))
    cart = happens(customer, "Cart Viewed", day(2), products=[{"sku": "TEA"}])
    assert behind(customer, cart.pk) is None


def test_an_event_that_is_on_the_log_no_more_still_leads_to_the_order(customer: Customer) -> None:
    delivered(customer, "TEA")
    assert behind(customer, 10**9, order_id="A-1") == Bought(day(0), day(2), None, (5 * DAY,), (30 * DAY,))


def test_of_two_shops_with_one_number_the_latest_order_is_meant(customer: Customer) -> None:
    for source, at in (("till", 3), ("web", 1)):
        PurchaseFactory.create(customer=customer, source=source, reference="7", placed_at=day(at))
    assert behind(customer, order_id="7") == Bought(day(3))
    assert behind(customer, order_id="7", source="web") == Bought(day(1))


def test_a_batch_costs_the_same_however_many_runs() -> None:
    live_flow(until("time_of_use"), trigger=DELIVERED)
    costs = []
    for number in (3, 12):
        for one in range(number):
            delivered(CustomerFactory.create(), "TEA", "KETTLE", reference=f"{number}-{one}", at=number)
        with CaptureQueriesContext(connection) as queries:
            tick(number)
        costs.append(len(queries))
    assert costs[0] == costs[1]
    assert Enrolment.objects.filter(due_at=day(12 + 14)).count() == 12
