from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from random import Random
from threading import Thread
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from crm.events import log
from crm.models import Customer, Event, FailedReaction
from journeys.models import Journey, Position, Stage, StageMove, StageRule
from journeys.stages import machine
from tests.factories.crm import NOON, CustomerFactory, PurchaseFactory
from tests.factories.journeys import StageFactory, StageRuleFactory
from tests.journeys.happenings import day, happens, moves, stands, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def customer() -> Customer:
    return CustomerFactory.create()


# --- the default rules, row by row ------------------------------------------------------------

CONSIDERED = [
    "Products Searched", "Product Added", "Checkout Started", "Product Added to Wishlist",
    "Wishlist Product Added to Cart", "Review Read", "Enquiry Opened", "Products Compared", "Price List Requested",
]  # fmt: skip
ADVOCATED: list[tuple[str, dict[str, Any]]] = [
    ("Review Published", {"rating": 4}),
    ("Product Reviewed", {"rating": 1, "site": "pantip"}),
    ("Product Reviewed", {"rating": 5, "site": "facebook"}),
    ("Product Shared", {}),
    ("Referral Converted", {}),
    ("NPS Answered", {"score": 9}),
]
NOT_ADVOCATED: list[tuple[str, dict[str, Any]]] = [
    ("Review Published", {"rating": 3}),
    ("Product Reviewed", {"rating": 5, "site": "own"}),
    ("NPS Answered", {"score": 8}),
]


@pytest.mark.parametrize("name", ["Touchpoint Visited", "Lead Form Submitted", "Newsletter Signed Up"])
def test_whoever_came_to_know_us_is_aware(name: str) -> None:
    visitor = CustomerFactory.create(is_visitor=True)
    assert stands(visitor) is None
    happens(visitor, name)
    assert (stands(visitor), stands(visitor, "usage-loop")) == (("awareness", NOON), ("awareness", NOON))


def test_whoever_we_have_a_name_for_is_aware_however_they_came_in(customer: Customer) -> None:
    assert stands(customer) == ("awareness", NOON)
    assert StageMove.objects.filter(customer=customer).count() == 2


@pytest.mark.parametrize("name", CONSIDERED)
def test_looking_around_is_consideration_and_evaluation(customer: Customer, name: str) -> None:
    happens(customer, name, day(1))
    assert (stands(customer), stands(customer, "usage-loop")) == (("consideration", day(1)), ("evaluation", day(1)))


def test_one_product_view_is_not_consideration_and_a_second_within_a_week_is(customer: Customer) -> None:
    happens(customer, "Product Viewed", day(1))
    happens(customer, "Product Viewed", day(9))
    assert stands(customer) == ("awareness", NOON)
    happens(customer, "Product Viewed", day(12))
    assert stands(customer) == ("consideration", day(12))


def test_an_order_is_a_purchase_paid_or_not(customer: Customer) -> None:
    happens(customer, "Order Completed", day(3), order_id="A")
    assert (stands(customer), stands(customer, "usage-loop")) == (("purchase", day(3)), ("purchase", day(3)))


@pytest.mark.parametrize("name", ["Order Delivered", "Product Registered"])
def test_a_product_in_the_customers_hands_is_usage(customer: Customer, name: str) -> None:
    happens(customer, name, day(5), order_id="A")
    assert (stands(customer), stands(customer, "usage-loop")) == (("awareness", NOON), ("usage", day(5)))


def test_a_second_order_is_retention_and_the_same_order_twice_is_not(customer: Customer) -> None:
    happens(customer, "Order Completed", day(3), order_id="A")
    happens(customer, "Order Completed", day(4), order_id="A")
    assert stands(customer) == ("purchase", day(3))
    happens(customer, "Order Completed", day(5), order_id="B")
    assert stands(customer) == ("retention", day(5))


@pytest.mark.parametrize("name", ["Page Viewed", "Product Viewed", "Message Clicked", "Loyalty Signed Up"])
def test_coming_back_fourteen_days_after_delivery_is_retention(customer: Customer, name: str) -> None:
    happens(customer, "Order Completed", day(1), order_id="A")
    happens(customer, "Order Delivered", day(3), order_id="A")
    happens(customer, name, day(16))
    assert stands(customer) == ("purchase", day(1))
    happens(customer, name, day(17))
    assert stands(customer) == ("retention", day(17))


def test_an_order_after_an_earlier_delivery_is_a_repurchase(customer: Customer) -> None:
    happens(customer, "Order Completed", day(1), order_id="A")
    happens(customer, "Order Completed", day(2), order_id="B")
    assert stands(customer, "usage-loop") == ("purchase", day(1))
    happens(customer, "Order Delivered", day(3), order_id="A")
    happens(customer, "Order Completed", day(4), order_id="C")
    assert stands(customer, "usage-loop") == ("repurchase", day(4))
    assert moves(customer, "usage-loop") == ["awareness", "purchase", "usage", "repurchase"]


@pytest.mark.parametrize(("name", "properties"), ADVOCATED)
def test_telling_others_is_advocacy(customer: Customer, name: str, properties: dict[str, Any]) -> None:
    happens(customer, name, day(2), **properties)
    assert stands(customer) == ("advocacy", day(2))


@pytest.mark.parametrize(("name", "properties"), NOT_ADVOCATED)
def test_a_lukewarm_word_is_not_advocacy(customer: Customer, name: str, properties: dict[str, Any]) -> None:
    happens(customer, name, day(2), **properties)
    assert stands(customer) == ("awareness", NOON)


# --- moves ------------------------------------------------------------------------------------


def test_a_move_says_from_where_by_which_fact_and_rule_and_when(customer: Customer) -> None:
    event = happens(customer, "Order Completed", day(1), known=day(2), order_id="A")
    move = StageMove.objects.get(customer=customer, journey__slug="five-stage", to_stage__slug="purchase")
    assert move.from_stage is not None
    assert (move.from_stage.slug, move.cause, move.event_id) == ("awareness", "event", event.pk)
    assert move.rule is not None
    assert (move.rule.name, move.actor, move.would_have) == ("Placed an order", None, False)
    assert (move.effective_at, move.recorded_at) == (day(1), day(2))


def test_a_move_is_itself_a_fact_on_the_log(customer: Customer) -> None:
    happens(customer, "Order Completed", day(1), known=day(2), order_id="A")
    fact = Event.objects.get(
        customer=customer, name="Stage Changed", properties__journey="five-stage", properties__to="purchase"
    )
    assert fact.properties == {
        "journey": "five-stage", "from": "awareness", "to": "purchase", "cause": "event", "rule": "Placed an order",
    }  # fmt: skip
    assert (fact.occurred_at, fact.received_at) == (day(1), day(2))


def test_a_rule_on_moves_themselves_moves_nobody_in_circles(customer: Customer) -> None:
    StageRuleFactory.create(
        stage=Stage.objects.get(journey__slug="five-stage", slug="advocacy"), events=["Stage Changed"]
    )
    happens(customer, "Order Completed", day(1), order_id="A")
    assert stands(customer) == ("purchase", day(1))


def test_the_same_fact_delivered_five_times_moves_once(customer: Customer) -> None:
    draft = told(customer, "Order Completed", day(1), order_id="A")
    for _ in range(5):
        log.record_many([draft], now=day(1))
    assert moves(customer) == ["awareness", "purchase"]


def test_applying_recorded_events_again_moves_nobody(customer: Customer) -> None:
    event = happens(customer, "Order Completed", day(1), order_id="A")
    before = list(Position.objects.order_by("pk").values())
    assert machine.advance([event], now=day(2)) == []
    assert list(Position.objects.order_by("pk").values()) == before
    assert not FailedReaction.objects.exists()


def test_a_late_delivery_makes_the_recorded_second_order_a_repurchase(customer: Customer) -> None:
    happens(customer, "Order Completed", day(1), order_id="A")
    second = happens(customer, "Order Completed", day(9), order_id="B")
    happens(customer, "Order Delivered", day(4), known=day(12), order_id="A")
    assert stands(customer, "usage-loop") == ("repurchase", day(9))
    move = StageMove.objects.get(to_stage__slug="repurchase")
    assert (move.event_id, move.effective_at, move.recorded_at) == (second.pk, day(9), day(12))


def test_a_late_fact_never_demotes(customer: Customer) -> None:
    happens(customer, "Order Completed", day(9), order_id="A")
    happens(customer, "Checkout Started", day(8), known=day(10))
    assert stands(customer) == ("purchase", day(9))
    assert moves(customer) == ["awareness", "purchase"]


def test_a_journey_that_is_switched_off_moves_nobody(customer: Customer) -> None:
    Journey.objects.filter(slug="five-stage").update(is_active=False)
    happens(customer, "Order Completed", day(1), order_id="A")
    assert stands(customer) == ("awareness", NOON)
    assert stands(customer, "usage-loop") == ("purchase", day(1))


def test_a_rule_that_is_switched_off_is_no_evidence(customer: Customer) -> None:
    StageRule.objects.filter(name="Placed an order").update(is_active=False)
    happens(customer, "Order Completed", day(1), order_id="A")
    assert stands(customer) == ("awareness", NOON)


def test_a_broken_rule_holds_up_nobody(customer: Customer) -> None:
    StageRule.objects.filter(name="Placed a second order").update(history=[{"within": "soon"}])
    happens(customer, "Order Completed", day(1), order_id="A")
    assert stands(customer) == ("purchase", day(1))
    assert not FailedReaction.objects.exists()


def test_a_purchase_saved_by_any_road_moves_its_customer() -> None:
    purchase = PurchaseFactory.create(placed_at=day(1), delivered_at=day(4))
    assert stands(purchase.customer, "usage-loop") == ("usage", day(4))


def test_a_journey_of_ones_own_lives_beside_the_presets(customer: Customer) -> None:
    first = StageFactory.create(rank=1)
    StageRuleFactory.create(stage=first, events=["Cart Shared"])
    happens(customer, "Cart Shared", day(1))
    assert stands(customer, first.journey.slug) == (first.slug, day(1))
    assert stands(customer) == ("awareness", NOON)


# --- holds ------------------------------------------------------------------------------------


def test_rules_note_where_they_would_have_moved_a_held_customer(customer: Customer) -> None:
    Position.objects.filter(customer=customer).update(held_until=day(10), settled_at=NOON)
    happens(customer, "Order Completed", day(1), order_id="A")
    assert stands(customer) == ("awareness", NOON)
    move = StageMove.objects.get(to_stage__slug="purchase", journey__slug="five-stage")
    assert (move.would_have, move.effective_at) == (True, day(1))
    assert not Event.objects.filter(name="Stage Changed", properties__to="purchase").exists()


def test_after_a_hold_only_what_happens_then_counts(customer: Customer) -> None:
    Position.objects.filter(customer=customer).update(held_until=day(10), settled_at=NOON)
    happens(customer, "Order Completed", day(1), order_id="A")
    happens(customer, "Order Completed", day(9), known=day(11), order_id="B")
    assert stands(customer) == ("awareness", NOON)
    happens(customer, "Checkout Started", day(12))
    assert stands(customer) == ("consideration", day(12))


# --- batches ----------------------------------------------------------------------------------

STORY = [
    ("Product Viewed", 1, ""), ("Product Viewed", 3, ""), ("Order Completed", 4, "A"), ("Order Delivered", 7, "A"),
    ("Page Viewed", 15, ""), ("Order Completed", 20, "B"), ("Order Delivered", 24, "B"), ("Page Viewed", 40, ""),
    ("Product Shared", 41, ""),
]  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_any_order_and_batching_ends_in_the_same_positions(seed: int) -> None:
    random = Random(seed)
    straight, shuffled = CustomerFactory.create(), CustomerFactory.create()
    for name, number, order in STORY:
        happens(straight, name, day(number), order_id=order)
    drafts = [told(shuffled, name, day(number), order_id=order) for name, number, order in STORY]
    random.shuffle(drafts)
    while drafts:
        size = random.randint(1, 4)
        log.record_many(drafts[:size], now=day(60))
        drafts = drafts[size:]
    for journey in ("five-stage", "usage-loop"):
        assert stands(shuffled, journey) == stands(straight, journey)
    assert stands(straight) == ("advocacy", day(41))


def queries(work: Callable[[], Any]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        work()
    return sum("SAVEPOINT" not in query["sql"] for query in captured.captured_queries)


def test_a_batch_costs_the_same_number_of_queries_whatever_its_size() -> None:
    def events_of(customers: Sequence[Customer], number: float) -> list[Event]:
        drafts = [
            told(it, name, day(number), order_id=it.name)
            for it in customers
            for name in ("Order Completed", "Page Viewed")
        ]
        return Event.objects.bulk_create(
            Event(
                customer_id=draft.customer_id, name=draft.name, occurred_at=draft.occurred_at, received_at=day(number),
                source="web", dedupe_key=draft.dedupe_key, properties=dict(draft.properties),
            )
            for draft in drafts
        )  # fmt: skip

    first, few, many = (CustomerFactory.create_batch(size) for size in (1, 2, 40))
    small, large = events_of(few, 1), events_of(many, 1)
    machine.advance(events_of(first, 1), now=day(1))  # what is read once is remembered
    cost = queries(lambda: machine.advance(small, now=day(1)))
    assert queries(lambda: machine.advance(large, now=day(1))) == cost
    assert cost <= 20


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_workers_that_each_see_one_of_two_views_do_not_both_miss_the_pair(request: pytest.FixtureRequest) -> None:
    # A transactional test empties the tables behind it, so this one makes the journey it needs.
    considered = StageFactory.create(rank=1)
    StageRuleFactory.create(stage=considered, events=["Product Viewed"], history=[{"at_least": 2}])
    customer = CustomerFactory.create()

    def view(at: datetime) -> None:
        happens(customer, "Product Viewed", at)
        connections.close_all()

    for round_ in range(5):
        Position.objects.filter(customer=customer).delete()
        Event.objects.filter(customer=customer, name="Product Viewed").delete()
        workers = [Thread(target=view, args=(day(round_ + part / 10),)) for part in (1, 2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert stands(customer, considered.journey.slug) == (considered.slug, day(round_ + 0.2))
