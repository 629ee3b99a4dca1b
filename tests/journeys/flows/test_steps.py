"""Kinds of steps, each in a small world: what it decides. What they do to the shop: test_effects."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from journeys.flows.interpreter import Stand, Status, start, walk
from journeys.flows.plan import Plan
from journeys.flows.steps.coupon import PutCoupon
from journeys.flows.steps.move_stage import MoveToStage
from journeys.flows.steps.task import OpenTask
from journeys.flows.steps.ticket import OpenTicket
from journeys.flows.steps.webhook import CallWebhook
from tests.journeys.flows.worlds import UTC_ZONE, World, at, plan_of, send, wait, wait_event

NOON = at("2026-06-01T12:00")
DAY = timedelta(days=1)


# --- wait_rule --------------------------------------------------------------------------------

BUYER: dict[str, Any] = {
    "id": "buys", "type": "wait_rule", "rule": {"tag": "buyer"}, "timeout": "P5D", "then": [send("thank")],
    "else": [send("remind")],
}  # fmt: skip


def test_a_rule_that_holds_on_arrival_is_not_waited_for() -> None:
    world = World(plan_of(BUYER), NOON, tags={"buyer"}).tick(NOON)
    assert world.done() == ["buys held", "thank queued"]


def test_a_rule_that_comes_to_hold_is_noticed_at_the_customers_next_event() -> None:
    world = World(plan_of(BUYER), NOON).tick(NOON)
    assert (world.state.stand, world.state.awaits, world.state.due_at) == (Stand.RULE, "", NOON + 5 * DAY)
    world.tags.add("buyer")
    assert world.hear("Page Viewed", NOON + DAY)
    world.tick(NOON + DAY)
    assert world.done() == ["buys held", "thank queued"]


def test_an_event_that_does_not_make_the_rule_hold_leaves_the_wait_as_long_as_it_was() -> None:
    world = World(plan_of(BUYER), NOON).tick(NOON)
    before = world.state
    assert world.hear("Page Viewed", NOON + DAY)
    world.tick(NOON + DAY)
    assert (world.state, world.visits) == (before, [])


def test_a_rule_is_asked_once_more_at_the_timeout() -> None:
    for tags, path in (({"buyer"}, "thank"), (set[str](), "remind")):
        world = World(plan_of(BUYER), NOON).tick(NOON)
        world.tags |= tags
        world.tick(NOON + 5 * DAY)
        assert world.visits[-1].step == path


def test_a_late_event_does_not_reopen_a_rule_that_ran_out() -> None:
    step = {**BUYER, "else": [wait("grace", "P1D")]}
    world = World(plan_of(step), NOON).tick(NOON).tick(NOON + 5 * DAY)
    world.tags.add("buyer")
    assert not world.hear("Order Completed", NOON + 4 * DAY, now=NOON + 5.5 * DAY)
    assert world.state.step == "grace"


# --- split ------------------------------------------------------------------------------------


def split(*weights: int) -> dict[str, Any]:
    paths = [
        {"name": f"p{number}", "weight": weight, "steps": [wait(f"w{number}", "P1D")]}
        for number, weight in enumerate(weights)
    ]
    return {"id": "test", "type": "split", "paths": paths}


def way(plan: Plan, who: str) -> str:
    return walk(plan, start(plan, at=NOON), now=NOON, zone=UTC_ZONE, who=who).state.step


def test_a_split_shares_customers_out_by_weight() -> None:
    plan = plan_of(split(1, 3))
    ways = Counter(way(plan, f"flow:{number}") for number in range(2000))
    assert 420 < ways["w0"] < 580


def test_the_same_customer_always_comes_to_the_same_path() -> None:
    plan = plan_of(split(1, 1))
    assert [way(plan, f"f:{number}") for number in range(50)] == [way(plan, f"f:{number}") for number in range(50)]


def test_two_splits_of_one_flow_are_drawn_apart() -> None:
    second = {**split(1, 1), "id": "again"}
    one, other = plan_of(split(1, 1)), plan_of(second)
    assert len({(way(one, f"f:{number}"), way(other, f"f:{number}")) for number in range(100)}) == 4


def test_another_weight_moves_nobody_to_a_path_that_shrank() -> None:
    before, after = plan_of(split(1, 1)), plan_of(split(3, 1))
    moved = [(way(before, f"f:{n}"), way(after, f"f:{n}")) for n in range(400)]
    assert ("w0", "w1") not in moved
    assert ("w1", "w0") in moved


def test_ways_put_in_another_order_move_nobody() -> None:
    step = split(1, 2, 3)
    turned = {**step, "paths": step["paths"][::-1]}
    people = [f"f:{number}" for number in range(200)]
    assert [way(plan_of(step), who) for who in people] == [way(plan_of(turned), who) for who in people]


def test_a_path_of_weight_nothing_gets_nobody() -> None:
    plan = plan_of(split(0, 1))
    assert {way(plan, f"f:{number}") for number in range(200)} == {"w1"}


# --- task with an outcome ---------------------------------------------------------------------

CALL: dict[str, Any] = {
    "id": "call", "type": "task", "title": "Call",
    "wait_for_outcome": {
        "timeout": "P3D",
        "then": [{"outcome": "reached", "steps": [send("thank")]}, {"outcome": "no answer", "steps": []}],
        "else": [send("write")],
    },
}  # fmt: skip
DONE = "Task Completed"


def test_a_task_is_opened_once_and_its_outcome_awaited() -> None:
    world = World(plan_of(CALL, send("last")), NOON).tick(NOON)
    assert (world.state.stand, world.state.awaits, world.state.due_at) == (Stand.EVENT, DONE, NOON + 3 * DAY)
    assert world.hear(DONE, NOON + DAY, outcome="Reached ")
    world.tick(NOON + DAY)
    assert world.done() == ["call done", "thank queued", "last queued"]
    assert world.visits[0].detail == {"outcome": "Reached "}
    assert [planned.step for planned in world.effects if isinstance(planned.effect, OpenTask)] == ["call"]


@pytest.mark.parametrize("outcome", ["wrong number", ""])
def test_an_outcome_nobody_foresaw_takes_else(outcome: str) -> None:
    world = World(plan_of(CALL), NOON).tick(NOON)
    world.hear(DONE, NOON + DAY, outcome=outcome)
    assert world.tick(NOON + DAY).done() == ["call done", "write queued"]


def test_a_task_that_nobody_does_in_time_takes_else() -> None:
    world = World(plan_of(CALL), NOON).tick(NOON).tick(NOON + 3 * DAY)
    assert world.done() == ["call timed_out", "write queued"]


def test_another_task_that_is_done_wakes_nobody() -> None:
    world = World(plan_of(CALL), NOON).tick(NOON)
    assert not world.hear(DONE, NOON + DAY, task="enrolment:1:other:1", outcome="reached")
    assert not world.hear(DONE, NOON + DAY, task="0190-public-id", outcome="reached")
    assert world.hear(DONE, NOON + DAY, task="enrolment:1:call:1", outcome="reached")


def test_a_task_without_an_outcome_to_wait_for_is_opened_and_left_behind() -> None:
    world = World(plan_of({"id": "call", "type": "task", "title": "Call"}), NOON).tick(NOON)
    assert (world.status, world.done()) == (Status.COMPLETED, ["call opened"])


def test_opening_a_task_settles_the_race_of_an_earlier_wait() -> None:
    steps = wait_event("answer", "Product Reviewed", "P5D", **{"else": [CALL]})
    world = World(plan_of(steps), NOON).tick(NOON).tick(NOON + 5 * DAY)
    assert world.state.step == "call"
    assert not world.hear("Product Reviewed", NOON + 4 * DAY, now=NOON + 5.5 * DAY)


# --- coupons and calls ------------------------------------------------------------------------


GIFT = {"id": "gift", "type": "coupon", "promotion": "spring"}
TELL = {"id": "tell", "type": "webhook", "url": "https://hooks.shop.example/in", "body": {"a": ["{{ x }}", 1]}}


def test_a_coupon_is_asked_about_and_given() -> None:
    world = World(plan_of(GIFT), NOON).tick(NOON)
    assert (world.status, world.done()) == (Status.COMPLETED, ["gift given"])
    assert [planned.effect for planned in world.effects] == [PutCoupon("spring")]


def test_a_coupon_that_is_refused_says_why_and_the_flow_goes_on() -> None:
    world = World(plan_of(GIFT, {"id": "t", "type": "tag", "add": ["x"]}), NOON, promotions=set()).tick(NOON)
    assert world.done() == ["gift no_coupon", "t tagged"]
    assert world.visits[0].detail == {"promotion": "spring", "reason": "expired"}
    assert world.effects[0].effect == PutCoupon("spring", "expired")


def test_giving_a_coupon_settles_the_race_of_an_earlier_wait() -> None:
    steps = wait_event("answer", "Product Reviewed", "P5D", **{"else": [GIFT, wait("rest", "P1D")]})
    world = World(plan_of(steps), NOON).tick(NOON).tick(NOON + 5 * DAY)
    assert world.state.step == "rest"
    assert not world.hear("Product Reviewed", NOON + 4 * DAY, now=NOON + 5.5 * DAY)


def test_a_call_is_wanted_as_the_step_says() -> None:
    world = World(plan_of(TELL), NOON).tick(NOON)
    assert world.done() == ["tell called"]
    assert [planned.effect for planned in world.effects] == [CallWebhook(TELL["url"], TELL["body"])]
    assert list(world.plan.steps["tell"].texts()) == [("body.a[0]", "{{ x }}")]


# --- what they want done ----------------------------------------------------------------------


def test_a_stage_and_a_ticket_are_wanted_as_the_step_says() -> None:
    world = World(
        plan_of(
            {"id": "m", "type": "move_stage", "journey": "five-stage", "stage": "retention"},
            {"id": "t", "type": "ticket", "kind": "after_sales", "subject": "Look", "priority": "high"},
        ),
        NOON,
    ).tick(NOON)
    assert [planned.effect for planned in world.effects] == [
        MoveToStage("five-stage", "retention"), OpenTicket("after_sales", "Look", "high"),
    ]  # fmt: skip
