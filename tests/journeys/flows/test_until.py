"""Waits that end by the product: what a run decides, in a small world. Which order began it: test_orders."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from journeys.flows.interpreter import Status
from journeys.flows.steps.base import Bought
from tests.journeys.flows.worlds import World, at, plan_of, send

NOON = at("2026-06-01T12:00")
DAY = timedelta(days=1)
TEA_AND_KETTLE = {"times_of_use": (7 * DAY, 14 * DAY), "runs_out_after": (30 * DAY, 60 * DAY)}
WAYS = {"missing": [send("unknown")], "past": [send("gone")]}


def until(interval: str, offset: str = "", **rest: Any) -> dict[str, Any]:
    date = {"product": interval, **({"offset": offset} if offset else {})}
    return {"id": "until", "type": "wait", "until": date, **rest}


def bought(delivered: float | None = 0, ended: float | None = None, **spans: Any) -> Bought:
    """An order of five days before NOON, delivered and ended so many days after it."""
    days = [None if day is None else NOON + day * DAY for day in (delivered, ended)]
    return Bought(NOON - 5 * DAY, *days, **(spans or TEA_AND_KETTLE))


def waiting(step: dict[str, Any], order: Bought | None, **world: Any) -> World:
    return World(plan_of(step, send("hello")), NOON, order=order, **world).tick(NOON)


def test_one_asks_when_all_of_an_order_could_be_tried() -> None:
    world = waiting(until("time_of_use"), bought())
    assert (world.effects, world.state.due_at) == ([], NOON + 14 * DAY)
    world.tick(NOON + 14 * DAY)
    assert world.done() == ["until waited", "hello queued"]


def test_one_reminds_before_the_first_thing_runs_out() -> None:
    assert waiting(until("repurchase_after", "-P3D"), bought()).state.due_at == NOON + 27 * DAY


def test_what_is_not_delivered_yet_runs_out_counted_from_the_order_and_was_not_tried() -> None:
    assert waiting(until("repurchase_after"), bought(None)).state.due_at == NOON + 25 * DAY
    assert waiting(until("time_of_use", **WAYS), bought(None)).done() == [
        "until no_date", "unknown queued", "hello queued",
    ]  # fmt: skip


def test_days_of_use_are_days_where_the_customer_is() -> None:
    before_the_clocks_change = at("2026-10-24T10:00")
    order = Bought(before_the_clocks_change, before_the_clocks_change, times_of_use=(DAY + timedelta(hours=2),))
    world = World(plan_of(until("time_of_use")), before_the_clocks_change, zone=ZoneInfo("Europe/Berlin"), order=order)
    assert world.tick(before_the_clocks_change).state.due_at == at("2026-10-25T13:00")


@pytest.mark.parametrize(
    "order",
    [None, bought(times_of_use=(), runs_out_after=()), bought(ended=0), bought(times_of_use=(timedelta.max,))],
    ids=["no order", "no interval", "gone back", "beyond the calendar"],
)
@pytest.mark.parametrize("interval", ["time_of_use", "repurchase_after"])
def test_without_a_date_one_takes_the_path_for_it_or_leaves(order: Bought | None, interval: str) -> None:
    assert waiting(until(interval, **WAYS), order).done() == ["until no_date", "unknown queued", "hello queued"]
    left = waiting(until(interval), order)
    assert (left.status, left.reason, left.effects) == (Status.EXITED, "no date", [])


def test_a_date_that_is_past_on_arrival_is_never_an_immediate_send() -> None:
    assert waiting(until("repurchase_after", **WAYS), bought(-40)).done() == [
        "until date_past", "gone queued", "hello queued",
    ]  # fmt: skip
    left = waiting(until("repurchase_after"), bought(-40))
    assert (left.status, left.reason, left.effects) == (Status.EXITED, "date past", [])


def test_a_delivery_re_times_what_was_counted_from_the_order() -> None:
    world = waiting(until("repurchase_after"), bought(None))
    world.order = bought(2)
    assert world.hear("Order Delivered", NOON + 2 * DAY)
    world.tick(NOON + 2 * DAY)
    assert (world.effects, world.state.due_at) == ([], NOON + 32 * DAY)


def test_a_delivery_that_becomes_known_late_counts_from_when_it_was() -> None:
    world = waiting(until("repurchase_after"), bought(None))
    world.order = bought(-3)
    assert world.hear("Order Delivered", NOON - 3 * DAY, now=NOON + 9 * DAY)
    world.tick(NOON + 9 * DAY)
    assert (world.effects, world.state.due_at) == ([], NOON + 27 * DAY)


def test_a_delivery_that_becomes_known_when_all_is_used_up_takes_the_way_for_what_is_past() -> None:
    world = waiting(until("repurchase_after", **WAYS), bought(None, runs_out_after=(60 * DAY,)))
    world.order = bought(-4, runs_out_after=(10 * DAY,))
    assert world.hear("Order Delivered", NOON - 4 * DAY, now=NOON + 30 * DAY)
    assert world.tick(NOON + 30 * DAY).done() == ["until date_past", "gone queued", "hello queued"]


def test_an_order_that_becomes_another_one_is_read_anew() -> None:
    world = waiting(until("repurchase_after", **WAYS), bought())
    world.order = bought(runs_out_after=(10 * DAY,))
    assert world.hear("Order Updated", NOON + 15 * DAY)
    assert world.tick(NOON + 15 * DAY).done() == ["until date_past", "gone queued", "hello queued"]


@pytest.mark.parametrize("news", ["Order Cancelled", "Order Refunded"])
def test_an_order_that_goes_back_has_no_date_any_more(news: str) -> None:
    world = waiting(until("time_of_use", **WAYS), bought())
    world.order = bought(ended=3)
    assert world.hear(news, NOON + 3 * DAY)
    assert world.tick(NOON + 3 * DAY).done() == ["until no_date", "unknown queued", "hello queued"]


def test_news_of_another_order_leave_the_wait_as_long_as_it_was() -> None:
    world = waiting(until("time_of_use"), bought())
    before = world.state
    assert world.hear("Order Delivered", NOON + DAY, order_id="another")
    world.tick(NOON + DAY)
    assert (world.state, world.visits) == (before, [])
    assert not world.hear("Attributes Changed", NOON + DAY, attributes=["time_of_use"])
    assert not world.hear("Page Viewed", NOON + DAY)


def test_news_of_another_order_do_not_make_an_overdue_wait_past() -> None:
    world = waiting(until("time_of_use"), bought())
    assert world.hear("Order Delivered", NOON + 13 * DAY, now=NOON + 15 * DAY)
    world.tick(NOON + 15 * DAY)
    assert world.done() == ["until waited", "hello queued"]


def test_an_interval_that_was_changed_meanwhile_is_read_when_the_wait_is_over() -> None:
    world = waiting(until("time_of_use"), bought())
    world.order = bought(times_of_use=(20 * DAY,))
    world.tick(NOON + 14 * DAY)
    assert (world.effects, world.state.due_at) == ([], NOON + 20 * DAY)


def test_an_order_as_it_was_known_then() -> None:
    order = bought(2, 9)
    assert order.as_of(NOON - 6 * DAY) is None
    assert order.as_of(NOON) == bought(None, None)
    assert order.as_of(NOON + 2 * DAY) == bought(2, None)
    assert order.as_of(NOON + 9 * DAY) == order
