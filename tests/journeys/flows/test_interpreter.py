from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from crm.events.types import ATTRIBUTES_CHANGED
from journeys.facts import Fact
from journeys.flows.interpreter import Stand, Status, start, walk
from journeys.flows.steps.send import SendMessage
from journeys.flows.steps.set import SetAttributes
from tests.journeys.flows.worlds import UTC_ZONE, World, at, branch, plan_of, send, wait, wait_event

NOON = at("2026-06-01T12:00")
DAY = timedelta(days=1)


# --- waiting ----------------------------------------------------------------------------------


def test_a_run_waits_and_then_sends_and_is_complete() -> None:
    world = World(plan_of(wait("pause", "P2D"), send("hello")), NOON)
    world.tick(NOON)
    assert (world.status, world.state.stand, world.state.due_at) == (Status.RESTING, Stand.TIME, NOON + 2 * DAY)
    assert world.effects == []
    world.tick(NOON + 2 * DAY)
    assert world.status is Status.COMPLETED
    assert world.done() == ["pause waited", "hello queued"]
    [planned] = world.effects
    assert isinstance(planned.effect, SendMessage)
    assert (planned.step, planned.visit, planned.effect.expires_at) == ("hello", 1, NOON + 3 * DAY)


def test_a_run_that_is_looked_at_too_early_stays_as_it_is() -> None:
    plan = plan_of(wait("pause", "P2D"))
    rested = walk(plan, start(plan, at=NOON), now=NOON, zone=UTC_ZONE).state
    early = walk(plan, rested, now=NOON + DAY, zone=UTC_ZONE)
    assert (early.status, early.state, early.visits) == (Status.RESTING, rested, ())


def test_waits_before_the_first_rest_count_from_the_entry_and_later_ones_from_when_they_began() -> None:
    world = World(plan_of(wait("a", "P1D"), wait("b", "P1D")), NOON)
    world.tick(NOON + timedelta(hours=5))
    assert world.state.due_at == NOON + DAY
    late = NOON + 3 * DAY
    world.tick(late)
    assert (world.state.step, world.state.due_at) == ("b", late + DAY)


def test_a_wait_that_is_over_on_entry_is_passed_at_once() -> None:
    world = World(plan_of(wait("a", "PT1H"), send("hello")), NOON)
    world.tick(NOON + timedelta(hours=2))
    assert world.done() == ["a waited", "hello queued"]


def test_a_wait_ends_only_inside_its_window() -> None:
    office = {"from": "09:00", "to": "19:00", "days": ["mon", "tue", "wed", "thu", "fri"]}
    bangkok = ZoneInfo("Asia/Bangkok")
    world = World(plan_of(wait("settle", "P5D", window=office), send("ask")), at("2026-06-01T05:00"), zone=bangkok)
    world.tick(world.entered_at)
    # Five days after Monday noon is Saturday noon; the window opens on Monday at nine.
    assert world.state.due_at == datetime(2026, 6, 8, 9, tzinfo=bangkok)


def test_a_worker_that_comes_after_closing_time_waits_for_the_window_to_open_again() -> None:
    world = World(plan_of(wait("a", "P1D", window={"from": "09:00", "to": "19:00"}), send("hello")), NOON)
    world.tick(NOON)
    world.tick(at("2026-06-03T03:00"))
    assert (world.effects, world.state.due_at) == ([], at("2026-06-03T09:00"))
    world.tick(at("2026-06-03T09:00"))
    assert world.done() == ["a waited", "hello queued"]


def until(**rest: Any) -> dict[str, Any]:
    return {"id": "until", "type": "wait", "until": {"attribute": "warranty_ends", "offset": "-P3D"}, **rest}


def test_a_date_wait_ends_so_long_before_the_date_where_the_customer_is() -> None:
    world = World(plan_of(until()), NOON, zone=ZoneInfo("Asia/Bangkok"), attributes={"warranty_ends": "2026-07-10"})
    world.tick(NOON)
    assert world.state.due_at == at("2026-07-06T17:00")


def moves(world: World, at_: datetime, date: str | None, *names: str) -> None:
    """The customer's date changes, and the record says so on the log."""
    world.attributes = {"warranty_ends": date} if date else {}
    world.hear(ATTRIBUTES_CHANGED, at_, attributes=[*names] or ["warranty_ends"])
    world.tick(at_)


@pytest.mark.parametrize(("date", "due"), [("2026-08-10", "2026-08-07T00:00"), ("2026-06-20", "2026-06-17T00:00")])
def test_a_date_that_moves_either_way_re_times_the_wait_at_once(date: str, due: str) -> None:
    world = World(plan_of(until(), send("hello")), NOON, attributes={"warranty_ends": "2026-07-10"}).tick(NOON)
    moves(world, NOON + DAY, date)
    assert (world.effects, world.state.due_at) == ([], at(due))
    world.tick(at(due))
    assert world.done() == ["until waited", "hello queued"]


def test_a_date_that_moves_into_the_past_is_past_and_one_that_is_erased_is_missing() -> None:
    steps = (until(missing=[send("unknown")], past=[send("gone")]), send("after"))
    past, missing = (World(plan_of(*steps), NOON, attributes={"warranty_ends": "2026-07-10"}).tick(NOON) for _ in "ab")
    moves(past, NOON + 9 * DAY, "2026-06-12")
    moves(missing, NOON + 9 * DAY, None)
    assert past.done() == ["until date_past", "gone queued", "after queued"]
    assert missing.done() == ["until no_date", "unknown queued", "after queued"]


def test_another_attribute_leaves_a_date_wait_alone() -> None:
    world = World(plan_of(until(), send("hello")), NOON, attributes={"warranty_ends": "2026-07-10"}).tick(NOON)
    rested = world.state
    assert not world.hear(ATTRIBUTES_CHANGED, NOON + DAY, attributes=["colour"])
    assert not world.hear(ATTRIBUTES_CHANGED, NOON + DAY)
    assert world.state == rested


def test_a_worker_that_comes_late_to_a_date_does_not_take_it_for_past() -> None:
    office = {"from": "09:00", "to": "19:00"}
    world = World(plan_of(until(window=office), send("hello")), NOON, attributes={"warranty_ends": "2026-07-10"})
    world.tick(NOON).tick(at("2026-07-09T21:00"))
    assert world.state.due_at == at("2026-07-10T09:00")
    world.tick(at("2026-07-10T09:00"))
    assert world.done() == ["until waited", "hello queued"]


def test_a_date_that_moved_unheard_is_read_again_when_the_wait_is_over() -> None:
    world = World(plan_of(until(), send("hello")), NOON, attributes={"warranty_ends": "2026-07-10"})
    world.tick(NOON)
    world.attributes["warranty_ends"] = "2026-08-10"
    world.tick(at("2026-07-07T00:00"))
    assert (world.effects, world.state.due_at) == ([], at("2026-08-07T00:00"))


def test_a_missing_date_leaves_the_flow_and_sends_nothing() -> None:
    world = World(plan_of(until(), send("hello")), NOON)
    world.tick(NOON)
    assert (world.status, world.reason, world.effects) == (Status.EXITED, "no date", [])


def test_a_past_date_leaves_the_flow_and_sends_nothing() -> None:
    world = World(plan_of(until(), send("hello")), NOON, attributes={"warranty_ends": "2026-06-02"})
    world.tick(NOON)
    assert (world.status, world.reason, world.effects) == (Status.EXITED, "date past", [])


def test_missing_and_past_dates_take_their_own_paths_when_the_step_has_them() -> None:
    steps = (until(missing=[send("unknown")], past=[send("gone")]), send("after"))
    missing = World(plan_of(*steps), NOON).tick(NOON)
    past = World(plan_of(*steps), NOON, attributes={"warranty_ends": "2026-06-02"}).tick(NOON)
    assert missing.done() == ["until no_date", "unknown queued", "after queued"]
    assert past.done() == ["until date_past", "gone queued", "after queued"]


# --- waiting for an event ---------------------------------------------------------------------

ANSWER = wait_event("answer", "Product Reviewed", "P5D", then=[send("thank")], **{"else": [send("remind")]})


def test_an_event_ends_the_wait_and_takes_then() -> None:
    world = World(plan_of(ANSWER), NOON).tick(NOON)
    assert (world.state.stand, world.state.awaits) == (Stand.EVENT, "Product Reviewed")
    assert world.hear("Product Reviewed", NOON + DAY)
    world.tick(NOON + DAY)
    assert world.done() == ["answer heard", "thank queued"]


def test_the_timeout_takes_else_and_a_later_event_changes_nothing() -> None:
    world = World(plan_of(ANSWER), NOON).tick(NOON).tick(NOON + 5 * DAY)
    assert world.done() == ["answer timed_out", "remind queued"]
    assert not world.hear("Product Reviewed", NOON + 6 * DAY)


def test_an_unrelated_event_touches_nothing() -> None:
    world = World(plan_of(ANSWER), NOON).tick(NOON)
    before = world.state
    assert not world.hear("Product Viewed", NOON + DAY)
    assert world.state == before


def test_an_event_with_other_properties_touches_nothing() -> None:
    step = wait_event("a", "Product Reviewed", "P5D", where=[{"property": "rating", "op": "gte", "value": 4}])
    world = World(plan_of(step), NOON).tick(NOON)
    assert not world.hear("Product Reviewed", NOON + DAY, rating=3)
    assert world.hear("Product Reviewed", NOON + DAY, rating=4)


def test_an_event_before_the_wait_began_does_not_count() -> None:
    world = World(plan_of(ANSWER), NOON, log=[Fact(1, "Product Reviewed", NOON - DAY)]).tick(NOON)
    assert world.state.stand is Stand.EVENT


def test_look_back_reaches_an_event_before_the_wait() -> None:
    step = {**ANSWER, "look_back": "P2D"}
    world = World(plan_of(step), NOON, log=[Fact(1, "Product Reviewed", NOON - DAY)]).tick(NOON)
    assert world.done() == ["answer heard", "thank queued"]
    older = World(plan_of(step), NOON, log=[Fact(1, "Product Reviewed", NOON - 3 * DAY)]).tick(NOON)
    assert older.state.stand is Stand.EVENT


def test_an_event_between_the_plans_time_and_a_late_runner_counts() -> None:
    world = World(plan_of(wait("settle", "P1D"), ANSWER), NOON).tick(NOON)
    world.hear("Product Reviewed", NOON + DAY + timedelta(minutes=1))
    world.tick(NOON + DAY + timedelta(hours=3))
    assert world.done() == ["settle waited", "answer heard", "thank queued"]


def test_one_event_does_not_answer_two_waits_in_a_row() -> None:
    twice = wait_event("first", "Product Viewed", "P5D", then=[wait_event("second", "Product Viewed", "P5D")])
    world = World(plan_of(twice), NOON).tick(NOON)
    world.hear("Product Viewed", NOON + DAY)
    world.tick(NOON + DAY + timedelta(seconds=9))
    assert (world.state.step, world.state.stand) == ("second", Stand.EVENT)


def test_an_event_that_occurred_before_the_deadline_wins_even_if_known_after_it() -> None:
    world = World(plan_of(ANSWER), NOON).tick(NOON)
    assert world.hear(
        "Product Reviewed", NOON + 5 * DAY - timedelta(seconds=1), now=NOON + 5 * DAY + timedelta(hours=1)
    )
    world.tick(NOON + 5 * DAY + timedelta(hours=1))
    assert world.done() == ["answer heard", "thank queued"]


def test_an_event_at_the_deadline_is_too_late() -> None:
    world = World(plan_of(ANSWER), NOON).tick(NOON)
    assert not world.hear("Product Reviewed", NOON + 5 * DAY)


PATIENT = wait_event(
    "answer", "Product Reviewed", "P5D", then=[send("thank")], **{"else": [wait("grace", "P1D"), send("remind")]}
)


def test_the_event_wins_the_race_while_the_timeout_has_done_nothing() -> None:
    world = World(plan_of(PATIENT, send("last")), NOON).tick(NOON).tick(NOON + 5 * DAY)
    assert world.state.step == "grace"
    known_at = NOON + 5 * DAY + timedelta(hours=2)
    assert world.hear("Product Reviewed", NOON + 4 * DAY, now=known_at)
    world.tick(known_at)
    assert world.done() == [
        "answer timed_out", "grace overtaken", "answer heard", "thank queued", "last queued",
    ]  # fmt: skip
    assert [(planned.step, planned.visit) for planned in world.effects] == [("thank", 2), ("last", 2)]


def test_the_timeout_keeps_the_race_once_it_has_sent_something() -> None:
    steps = wait_event("answer", "Product Reviewed", "P5D", **{"else": [send("remind"), wait("grace", "P1D")]})
    world = World(plan_of(steps), NOON).tick(NOON).tick(NOON + 5 * DAY)
    assert not world.hear("Product Reviewed", NOON + 4 * DAY, now=NOON + 5 * DAY + timedelta(hours=2))
    assert world.state.step == "grace"


def test_a_late_event_never_resurrects_a_run_that_has_ended() -> None:
    world = World(plan_of(wait_event("answer", "Product Reviewed", "P5D")), NOON).tick(NOON).tick(NOON + 5 * DAY)
    assert world.status is Status.COMPLETED
    assert not world.hear("Product Reviewed", NOON + 4 * DAY, now=NOON + 6 * DAY)


# --- branches and effects ---------------------------------------------------------------------


def test_a_branch_asks_before_it_goes_and_takes_the_path_whose_rule_holds() -> None:
    plan = plan_of(branch("vip", "vip", [send("gift")], **{"else": [send("hello")]}))
    assert World(plan, NOON, tags={"vip"}).tick(NOON).done() == ["vip path", "gift queued"]
    assert World(plan, NOON).tick(NOON).done() == ["vip path", "hello queued"]


def test_a_branch_behind_a_change_of_the_customer_is_asked_after_the_change() -> None:
    step = {"id": "mark", "type": "set", "attributes": {"asked": True}}
    plan = plan_of(step, branch("vip", "vip", [send("gift")]))
    outcome = walk(plan, start(plan, at=NOON), now=NOON, zone=UTC_ZONE)
    assert outcome.status is Status.ASKING
    assert [type(planned.effect) for planned in outcome.effects] == [SetAttributes]
    assert outcome.state.step == "vip"


def test_an_exit_step_leaves_with_its_reason() -> None:
    world = World(plan_of(branch("q", "q", [{"id": "out", "type": "exit", "reason": "not now"}]), send("x")), NOON)
    world.tags.add("q")
    world.tick(NOON)
    assert (world.status, world.reason, world.effects) == (Status.EXITED, "not now", [])


# --- who cannot be reached --------------------------------------------------------------------


def test_who_cannot_be_reached_leaves_there_and_nothing_behind_it_is_done() -> None:
    steps = (send("ask", if_unreachable="exit"), {"id": "note", "type": "set", "attributes": {"asked": True}})
    world = World(plan_of(*steps), NOON, closed="opted_out").tick(NOON)
    assert (world.status, world.reason, world.done()) == (Status.EXITED, "not reachable", ["ask left"])
    # The message is on the ledger, where its reason is shown.
    assert [planned.step for planned in world.effects] == ["ask"]


def test_who_can_be_reached_goes_on_and_a_plain_send_asks_nothing() -> None:
    asked = World(plan_of(send("ask", if_unreachable="exit"), send("more")), NOON).tick(NOON)
    plain = World(plan_of(send("ask"), send("more")), NOON, closed="opted_out").tick(NOON)
    assert asked.done() == plain.done() == ["ask queued", "more queued"]
