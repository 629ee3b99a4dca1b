"""Trying a draft on the past."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from pytest_django import DjangoAssertNumQueries

from crm.events import log
from crm.events.types import EventDraft
from crm.models import Coupon, Customer, HookDelivery, Shop, Tag
from journeys.flows import runner
from journeys.models import Enrolment, StepVisit
from journeys.simulation.backtest.backtest import CannotBacktest, backtest
from journeys.simulation.backtest.report import Report
from messaging.models import Message
from messaging.outbox import policy
from messaging.outbox.facts import Rules
from tests.factories.crm import NOON, CustomerFactory, ProductFactory, PromotionFactory
from tests.factories.journeys import live_flow
from tests.factories.messaging import MessageFactory, make_template, opt_in, topic
from tests.journeys.flows.test_orders import ordered
from tests.journeys.flows.worlds import branch, send, wait, wait_event
from tests.journeys.happenings import day, happens

pytestmark = pytest.mark.django_db

DELIVERED = {"event": "Order Delivered"}
END = day(30)


def tried(*steps: dict[str, Any], rules: policy.ShopPolicy | None = None, days: int = 60, **rest: Any) -> Report:
    """A flow of these steps, begun by deliveries, over the two months up to END."""
    definition = {"trigger": DELIVERED, "reentry": {"policy": "once"}, "steps": list(steps), **rest}
    return backtest(definition, days=days, now=END, rules=Rules(Shop.current(), rules or policy.ShopPolicy()))


def test_it_counts_who_would_have_entered_and_what_would_have_gone_out() -> None:
    make_template("thanks", en="x" * 200)
    reviewed, silent, refunded = (CustomerFactory.create() for _ in range(3))
    for customer in (reviewed, silent, refunded):
        happens(customer, "Order Delivered", NOON)
    happens(reviewed, "Product Reviewed", day(3))
    happens(refunded, "Order Refunded", day(0.5))

    report = tried(
        wait("settle", "P1D"),
        send("ask"),
        wait_event("answer", "Product Reviewed", "P5D", then=[send("thank", body=None, template="thanks")]),
        exits=[{"event": "Order Refunded"}],
        goal={"event": "Product Reviewed", "within": "P30D"},
    )

    assert (report.events, report.entered, report.completed, report.goals) == (3, 3, 2, 1)
    assert report.exited == {"Order Refunded": 1}
    assert report.sent == {"sms": 3}
    assert report.steps["answer"].outcomes == {"heard": 1, "timed_out": 1}
    assert report.steps["thank"].sent == 1
    assert {(on, channel): (found.sent, found.segments) for (on, channel), found in report.days.items()} == {
        (date(2026, 3, 3), "sms"): (2, 2.0), (date(2026, 3, 5), "sms"): (1, 2.0),
    }  # fmt: skip
    assert report.segments == 4


def test_it_comes_to_what_the_engine_itself_came_to() -> None:
    flow = live_flow(
        wait("settle", "P1D", window={"days": ["tue", "thu"], "from": "09:00", "to": "12:00"}),
        branch("who", "vip", [send("gold")], **{"else": [send("plain")]}),
        wait_event("answer", "Product Reviewed", "P3D", then=[send("thank")], **{"else": [send("remind")]}),
        trigger=DELIVERED, reentry={"policy": "cooldown", "cooldown": "P5D", "key": "properties.order_id"},
        exits=[{"event": "Order Refunded"}],
    )  # fmt: skip
    vip = Tag.objects.create(name="vip")
    people = [CustomerFactory.create() for _ in range(12)]
    told = []
    for number, customer in enumerate(people):
        if number % 3 == 0:
            customer.tags.add(vip)
        told.append((day(number * 0.7), customer, "Order Delivered", {"order_id": str(number % 2)}))
        told.append(
            (day(number * 0.7 + (2 if number % 2 else 9)), customer, "Order Delivered", {"order_id": str(number % 2)})
        )
        if number % 2:
            told.append((day(number * 0.7 + 3.3), customer, "Product Reviewed", {}))
        if number % 5 == 4:
            told.append((day(number * 0.7 + 0.2), customer, "Order Refunded", {"order_id": str(number % 2)}))
    clock = NOON
    for at, customer, name, properties in sorted(told, key=lambda it: it[0]):
        while clock < at:
            runner.run_due(now=clock, limit=1000)
            clock += timedelta(minutes=30)
        happens(customer, name, at, **properties)
    while clock < END:
        runner.run_due(now=clock, limit=1000)
        clock += timedelta(minutes=30)

    report = backtest(flow.draft, days=60, now=END, slug=flow.slug)

    states = list(Enrolment.objects.values_list("state", flat=True))
    assert (report.entered, report.completed, sum(report.exited.values())) == (
        len(states), states.count("completed"), states.count("exited"),
    )  # fmt: skip
    assert report.entered > 12
    lived = [(step, outcome) for step, outcome in StepVisit.objects.values_list("step", "outcome") if outcome != "left"]
    tried_ = [
        (step, outcome) for step, found in report.steps.items() for outcome, n in found.outcomes.items()
        for _ in range(n)
    ]  # fmt: skip
    assert sorted(tried_) == sorted(lived)


def test_audience_reentry_and_holdout_are_told_apart() -> None:
    vip = Tag.objects.create(name="vip")
    inside, outside = CustomerFactory.create(), CustomerFactory.create()
    inside.tags.add(vip)
    for customer in (inside, outside):
        happens(customer, "Order Delivered", NOON)
        happens(customer, "Order Delivered", day(1))

    report = tried(send("ask"), audience={"tag": "vip"})

    assert (report.events, report.entered, report.refused) == (4, 1, {"audience": 2, "reentry": 1})
    many = [CustomerFactory.create() for _ in range(20)]
    for customer in many:
        happens(customer, "Order Delivered", day(2))
    held = tried(send("ask"), holdout=50)
    assert 0 < held.held_out < 22
    assert held.sent["sms"] == held.entered - held.held_out


def test_a_rule_on_what_customers_did_is_asked_as_of_then() -> None:
    ploy = CustomerFactory.create()
    happens(ploy, "Order Delivered", NOON)
    happens(ploy, "Product Viewed", day(10))
    early = {"event": {"name": "Product Viewed"}}

    assert tried(send("ask"), audience=early).entered == 0
    assert tried(send("ask"), audience={"not": early}).entered == 1


def test_what_came_too_late_and_people_who_are_gone_start_nothing() -> None:
    ploy, gone = CustomerFactory.create(), CustomerFactory.create()
    happens(ploy, "Order Delivered", NOON, known=day(5))
    happens(gone, "Order Delivered", day(1))
    Customer.objects.filter(pk=gone.pk).update(erased_at=day(2))

    report = tried(send("ask"))

    assert (report.events, report.late, report.entered, report.refused) == (2, 1, 0, {"person": 1})


def test_caps_and_quiet_hours_show_what_they_would_do() -> None:
    rules = policy.ShopPolicy.from_json({"sms": {"from": "21:00", "to": "09:00"}}, [{"per": "day", "limit": 1}])
    ploy = CustomerFactory.create()
    opt_in(ploy, "promotions")
    happens(ploy, "Order Delivered", datetime(2026, 3, 2, 15, tzinfo=UTC))  # ten at night in Bangkok

    report = tried(send("one", topic="promotions"), send("two", topic="promotions"), rules=rules)

    assert report.held == {"quiet_hours": 2}
    assert (report.sent, report.withheld) == ({"sms": 1}, {"capped": 1})
    assert [on for on, _ in report.days] == [date(2026, 3, 3)]


def test_marketing_that_really_went_out_counts_against_the_cap() -> None:
    ploy = CustomerFactory.create()
    opt_in(ploy, "promotions")
    happens(ploy, "Order Delivered", NOON)
    MessageFactory.create(customer=ploy, topic=topic("promotions"), state="sent", cleared_at=NOON)

    report = tried(send("ask", topic="promotions"), rules=policy.ShopPolicy.from_json({}, [{"per": "day", "limit": 1}]))

    assert (report.sent, report.withheld) == ({}, {"capped": 1})


def test_who_cannot_be_reached_and_what_an_exit_overtakes_is_withheld() -> None:
    nowhere, refunded = CustomerFactory.create(phone=""), CustomerFactory.create()
    for customer in (nowhere, refunded):
        happens(customer, "Order Delivered", datetime(2026, 3, 2, 15, tzinfo=UTC))
    happens(refunded, "Order Refunded", datetime(2026, 3, 2, 20, tzinfo=UTC))
    nights = policy.ShopPolicy.from_json({"sms": {"from": "21:00", "to": "09:00", "topics": "all"}}, [])

    report = tried(
        send("ask", if_unreachable="exit"), wait("pause", "P1D"), send("again"),
        exits=[{"event": "Order Refunded"}], rules=nights,
    )  # fmt: skip

    assert report.withheld == {"unreachable": 1, "stopped": 2}
    assert report.sent == {}


def test_who_wants_none_of_one_channel_would_have_been_written_to_on_the_other() -> None:
    for channel in ("sms", "email"):
        customer = CustomerFactory.create(email=f"{channel}@example.com")
        opt_in(customer, "promotions", channel=channel)
        happens(customer, "Order Delivered", NOON)

    report = tried(send("ask", topic="promotions", fallback=["email"], subject="Hello"))

    assert report.sent == {"sms": 1, "email": 1}
    assert report.withheld == {}


def test_only_flows_that_an_event_starts_have_a_past() -> None:
    with pytest.raises(CannotBacktest):
        tried(send("ask"), trigger={"manual": True})
    with pytest.raises(CannotBacktest):
        tried(send("ask"), days=366)


def test_nothing_is_written_and_more_people_cost_no_more_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    def tables() -> dict[str, int]:
        with connection.cursor() as cursor:
            found = {}
            for model in apps.get_models():
                cursor.execute(f'SELECT count(*) FROM "{model._meta.db_table}"')
                found[model._meta.label] = cursor.fetchone()[0]
        return found

    def deliver(people: int) -> None:
        customers = [CustomerFactory.create() for _ in range(people)]
        drafts = [
            EventDraft("Order Delivered", customer.pk, NOON, f"d:{customer.pk}", source="web") for customer in customers
        ]
        log.record_many(drafts, now=NOON)

    steps = [
        {"id": "mark", "type": "tag", "add": ["vip"]},
        branch("who", "vip", [send("gold")], **{"else": [send("plain")]}),
        {"id": "call", "type": "task", "title": "Call"},
    ]
    tried(*steps)
    costs = []
    for people in (5, 40):
        deliver(people)
        before = tables()
        with django_assert_max_num_queries(40) as counted:
            report = tried(*steps)
        costs.append(len(counted))
        assert tables() == before

    assert costs[0] == costs[1]
    assert report.effects == {"ChangeTags": 45, "OpenTask": 45}
    assert not Message.objects.exists()


def test_a_coupon_is_an_example_and_nobody_is_called() -> None:
    PromotionFactory.create(slug="spring")
    happens(CustomerFactory.create(), "Order Delivered", NOON)

    report = tried(
        {"id": "gift", "type": "coupon", "promotion": "spring"},
        {"id": "tell", "type": "webhook", "url": "https://hooks.shop.example/in"},
        send("say", body="{{ coupon.code }}, {{ coupon.value }}"),
    )

    assert (report.entered, report.completed, report.sent) == (1, 1, {"sms": 1})
    assert report.steps["gift"].outcomes == {"given": 1}
    assert report.segments == 1
    assert not Coupon.objects.exists()
    assert not HookDelivery.objects.exists()


def test_a_wait_by_product_is_walked_as_the_order_was_known_then() -> None:
    ProductFactory.create(sku="TEA", time_of_use=timedelta(days=5), repurchase_after=timedelta(days=9))
    arrived, under_way, unknown, cancelled = (CustomerFactory.create() for _ in range(4))
    for number, (customer, dates, known) in enumerate(
        (
            (arrived, {"delivered_at": day(2)}, 2), (under_way, {"delivered_at": day(12)}, 12),
            (cancelled, {"cancelled_at": day(4)}, 4),
        )
    ):  # fmt: skip
        ordered(customer, "TEA", reference=f"{number}")
        ordered(customer, reference=f"{number}", known=known, **dates)
    happens(unknown, "Order Completed", NOON)

    by_product = {"id": "used", "type": "wait", "until": {"product": "repurchase_after"}}
    report = tried(by_product, send("refill"), trigger={"event": "Order Completed"})
    tried_out = tried(
        {**by_product, "until": {"product": "time_of_use"}}, send("ask"), trigger={"event": "Order Completed"}
    )

    # One arrived after two days and was used up on the eleventh; one had run out, by what was known, before it came.
    assert (report.entered, report.exited) == (4, {"no date": 2})
    assert {on: found.sent for (on, _), found in report.days.items()} == {date(2026, 3, 13): 1, date(2026, 3, 11): 1}
    assert tried_out.exited == {"no date": 4}  # when it was ordered none had come yet
