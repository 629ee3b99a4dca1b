"""What becomes of people inside when a flow is edited, decided without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from journeys.flows.impact import Carried, Fate, PeopleInside, carry, count
from journeys.flows.interpreter import Contest, Stand, State, Status, walk
from journeys.flows.plan import Plan
from journeys.flows.steps.task import OpenTask
from tests.journeys.flows.worlds import UTC_ZONE, World, at, plan_of, send, wait, wait_event

NOON = at("2026-06-01T12:00")
DAY = timedelta(days=1)
FOLLOW = PeopleInside.FOLLOW


def resting(*steps: dict[str, Any]) -> State:
    """A run that entered at noon and rests at the first step that lets it."""
    return World(plan_of(*steps), NOON).tick(NOON).state


def carried(old: Plan, new: Plan, state: State, *, now: Any = NOON + DAY, choice: PeopleInside = FOLLOW) -> Carried:
    return carry(old, new, state, choice, now=now, zone=UTC_ZONE)


def follow(old: dict[str, Any], new: dict[str, Any], *, now: Any = NOON + DAY) -> Carried:
    return carried(plan_of(old), plan_of(new), resting(old), now=now)


def test_who_is_pinned_stays_as_they_are() -> None:
    state = resting(wait("a", "P3D"))
    found = carried(plan_of(wait("a", "P3D")), plan_of(wait("b", "P1D")), state, choice=PeopleInside.PIN)
    assert found == Carried(Fate.STAYS, state)


def test_who_is_drained_leaves() -> None:
    state = resting(wait("a", "P3D"))
    found = carried(plan_of(wait("a", "P3D")), plan_of(wait("a", "P3D")), state, choice=PeopleInside.DRAIN)
    assert (found.fate, found.reason) == (Fate.LEAVES, "drained")


def test_at_a_step_that_was_not_edited_a_run_goes_on_as_it_rested() -> None:
    old, new = plan_of(wait("a", "P3D"), send("x")), plan_of(wait("a", "P3D"), send("y"))
    state = resting(wait("a", "P3D"))
    assert carried(old, new, state) == Carried(Fate.GOES_ON, replace(state, visit=2))


@pytest.mark.parametrize(("duration", "fate", "due"), [("P5D", Fate.WAITS, 5 * DAY), ("PT6H", Fate.DUE, DAY)])
def test_time_already_waited_counts(duration: str, fate: Fate, due: timedelta) -> None:
    found = follow(wait("a", "P3D"), wait("a", duration))
    assert (found.fate, found.state.due_at, found.state.arrived_at) == (fate, NOON + due, NOON)


def test_a_wait_for_an_event_listens_to_the_new_one_until_the_new_deadline() -> None:
    found = follow(wait_event("a", "Order Paid", "P3D"), wait_event("a", "Order Shipped", "P5D"))
    assert (found.fate, found.state.stand, found.state.awaits) == (Fate.WAITS, Stand.EVENT, "Order Shipped")
    assert found.state.due_at == NOON + 5 * DAY


def test_a_task_that_is_open_is_not_opened_again() -> None:
    def call(timeout: str) -> dict[str, Any]:
        wait_ = {"timeout": timeout, "then": [{"outcome": "reached"}]}
        return {"id": "call", "type": "task", "title": "Call", "wait_for_outcome": wait_}

    found = follow(call("P3D"), call("P9D"))
    assert (found.fate, found.state.due_at) == (Fate.WAITS, NOON + 9 * DAY)
    without = {"id": "call", "type": "task", "title": "Call"}
    gone_on = carried(plan_of(call("P3D")), plan_of(without), resting(call("P3D")))
    outcome = walk(plan_of(without), gone_on.state, now=NOON + DAY, zone=UTC_ZONE)
    assert (gone_on.fate, outcome.status) == (Fate.ASKED, Status.COMPLETED)
    assert not any(isinstance(planned.effect, OpenTask) for planned in outcome.effects)


def test_a_wait_that_now_depends_on_a_date_asks_for_it() -> None:
    new = {"id": "a", "type": "wait", "until": {"attribute": "warranty_ends"}}
    found = follow(wait("a", "P3D"), new)
    assert (found.fate, found.state.due_at, found.state.again) == (Fate.ASKED, NOON + DAY, True)
    world = World(plan_of(new, wait("b", "P1D")), NOON, attributes={"warranty_ends": "2026-07-01"})
    world.state = found.state
    world.tick(NOON + DAY)
    assert (world.state.stand, world.state.due_at, world.state.again) == (Stand.TIME, at("2026-07-01T00:00"), False)


@pytest.mark.parametrize("new", [wait("other", "P3D"), wait_event("a", "Order Paid", "P3D"), send("a")])
def test_a_step_that_is_gone_or_became_another_is_left(new: dict[str, Any]) -> None:
    found = follow(wait("a", "P3D"), new)
    assert (found.fate, found.reason) == (Fate.LEAVES, "step removed")


def test_a_run_whose_event_has_come_takes_its_path_in_the_new_version() -> None:
    old = wait_event("a", "Order Paid", "P3D", then=[send("x")])
    world = World(plan_of(old), NOON).tick(NOON)
    world.hear("Order Paid", NOON + DAY)
    new = plan_of(wait_event("a", "Order Shipped", "P9D", then=[send("y")]))
    found = carried(plan_of(old), new, world.state)
    assert found.fate is Fate.GOES_ON
    assert walk(new, found.state, now=NOON + DAY, zone=UTC_ZONE).visits[-1].step == "y"


def test_a_step_not_yet_taken_is_taken_as_the_new_version_has_it() -> None:
    state = State(step="hi", arrived_at=NOON, since=NOON, due_at=NOON)
    found = carried(plan_of(send("hi")), plan_of(send("hi", body="New")), state)
    assert found == Carried(Fate.GOES_ON, replace(state, visit=2))


def test_a_step_that_the_edit_puts_ahead_of_those_who_have_been_at_it_is_another_visit() -> None:
    old, new = plan_of(send("hi"), wait("a", "P3D")), plan_of(wait("a", "P3D"), send("hi"))
    world = World(old, NOON).tick(NOON)
    world.plan, world.state = new, carried(old, new, world.state).state
    world.tick(NOON + 3 * DAY)
    assert [(visit.step, visit.visit) for visit in world.visits] == [("hi", 1), ("a", 2), ("hi", 2)]


def test_races_of_waits_that_are_gone_are_off() -> None:
    contests = (Contest("gone", NOON, NOON + DAY), Contest("kept", NOON, NOON + DAY))
    state = State("a", NOON, NOON, NOON + 3 * DAY, stand=Stand.TIME, contests=contests)
    old = plan_of(wait_event("gone", "X", "P1D"), wait_event("kept", "X", "P1D"), wait("a", "P3D"))
    new = plan_of(wait_event("kept", "X", "P1D"), wait("a", "P3D"))
    assert carried(old, new, state).state.contests == contests[1:]


def test_the_window_of_the_new_version_is_the_customers_own() -> None:
    zone = ZoneInfo("Asia/Bangkok")
    new = plan_of(wait("a", "P2D", window={"from": "09:00", "to": "10:00"}))
    found = carry(plan_of(wait("a", "P1D")), new, resting(wait("a", "P1D")), FOLLOW, now=NOON, zone=zone)
    assert found.state.due_at == at("2026-06-04T02:00")


def test_who_has_waited_long_enough_goes_on_when_the_window_opens() -> None:
    old, new = wait("a", "P3D"), wait("a", "PT6H", window={"from": "09:00", "to": "19:00"})
    held = carried(plan_of(old), plan_of(new), resting(old), now=at("2026-06-02T23:00"))
    assert (held.fate, held.state.due_at) == (Fate.OPENS, at("2026-06-03T09:00"))
    assert carried(plan_of(old), plan_of(new), resting(old), now=at("2026-06-02T12:00")).fate is Fate.DUE
    outcome = walk(plan_of(new), held.state, now=at("2026-06-03T09:00"), zone=UTC_ZONE)
    assert [visit.outcome for visit in outcome.visits] == ["waited"]


def test_the_count_says_how_many_meet_which_fate_at_each_step() -> None:
    old = plan_of(wait("a", "P3D"), wait("b", "P3D"))
    new = plan_of(wait("a", "PT1H"))
    here, there = resting(wait("a", "P3D")), resting(wait("b", "P3D"))
    impact = count(old, new, [(here, UTC_ZONE), (here, UTC_ZONE), (there, UTC_ZONE)], FOLLOW, now=NOON + DAY)
    assert impact.as_json() == {"a": {"due": 2}, "b": {"leaves": 1}}
    assert impact.total == {Fate.DUE: 2, Fate.LEAVES: 1}
