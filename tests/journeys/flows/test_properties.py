"""What holds for the pure core whatever the flow, the events, the pauses and the edits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from journeys.flows.definition import parse_definition
from journeys.flows.impact import Fate, PeopleInside, carry, count
from journeys.flows.interpreter import Stand, Status
from journeys.flows.plan import Plan
from journeys.flows.steps.base import Bought
from tests.journeys.flows.worlds import UTC_ZONE, World, at

NOON = at("2026-06-01T12:00")
ORDER = Bought(
    NOON, times_of_use=(timedelta(days=1), timedelta(days=3)), runs_out_after=(timedelta(days=4), timedelta(days=30))
)

# --- any flow ---------------------------------------------------------------------------------

DURATIONS = st.sampled_from(["PT0S", "PT30M", "PT24H", "P1D", "P2D"])
EVENTS = st.sampled_from(["A", "B"])
TAGS = st.sampled_from(["x", "y"])
DATES = st.one_of(
    st.builds(lambda name: {"attribute": name}, st.sampled_from(["soon", "gone", "none"])),
    st.builds(
        lambda interval, offset: {"product": interval, **offset},
        st.sampled_from(["time_of_use", "repurchase_after"]), st.sampled_from([{}, {"offset": "-P3D"}]),
    ),
)  # fmt: skip
LEAVES = st.one_of(
    st.builds(
        lambda duration, window: {"type": "wait", "for": duration, **window},
        DURATIONS,
        st.sampled_from([{}, {"window": {"from": "22:00", "to": "06:00", "days": ["sat", "tue"]}}]),
    ),
    st.sampled_from(
        [
            {"type": "send", "channel": "sms", "topic": "after_sales", "body": "Hi"},
            {"type": "set", "attributes": {"x": 1}},
            {"type": "tag", "add": ["t"]},
            {"type": "task", "title": "Call", "due": "P1D"},
            {"type": "ticket", "kind": "enquiry", "subject": "Look"},
            {"type": "move_stage", "journey": "five-stage", "stage": "purchase"},
            {"type": "coupon", "promotion": "spring"},
            {"type": "webhook", "url": "https://hooks.shop.example/in"},
            {"type": "enrol", "flow": "other"},
            {"type": "unenrol", "flow": "other"},
        ]
    ),
)


def nest(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    steps = st.lists(children, max_size=3)
    return st.one_of(
        st.builds(
            lambda event, timeout, back, then, else_: {
                "type": "wait_event", "event": event, "timeout": timeout, "then": then, "else": else_, **back,
            },
            EVENTS, DURATIONS, st.sampled_from([{}, {"look_back": "P1D"}]), steps, steps,
        ),
        st.builds(
            lambda tag, timeout, then, else_: {
                "type": "wait_rule", "rule": {"tag": tag}, "timeout": timeout, "then": then, "else": else_,
            },
            TAGS, DURATIONS, steps, steps,
        ),
        st.builds(
            lambda tag, then, else_: {
                "type": "branch", "paths": [{"name": tag, "if": {"tag": tag}, "steps": then}], "else": else_,
            },
            TAGS, steps, steps,
        ),
        st.builds(
            lambda one, other, weight: {
                "type": "split",
                "paths": [{"name": "a", "weight": weight, "steps": one}, {"name": "b", "weight": 1, "steps": other}],
            },
            steps, steps, st.integers(0, 3),
        ),
        st.builds(
            lambda timeout, then, else_: {
                "type": "task", "title": "Call",
                "wait_for_outcome": {
                    "timeout": timeout, "then": [{"outcome": "reached", "steps": then}], "else": else_,
                },
            },
            DURATIONS, steps, steps,
        ),
        st.builds(
            lambda until, missing, past: {"type": "wait", "until": until, "missing": missing, "past": past},
            DATES, steps, steps,
        ),
    )  # fmt: skip


def numbered(steps: Any, count: list[int]) -> Any:
    """Give every step of a drawn tree an id of its own."""
    if isinstance(steps, list):
        return [numbered(step, count) for step in steps]
    if not isinstance(steps, dict):
        return steps
    inner = {key: numbered(value, count) for key, value in steps.items()}
    if "type" in inner:
        count[0] += 1
        inner["id"] = f"s{count[0]}"
    return inner


FLOWS = st.lists(st.recursive(LEAVES, nest, max_leaves=8), min_size=1, max_size=4).map(
    lambda steps: Plan(parse_definition({"trigger": {"manual": True}, "steps": numbered(steps, [0])}))
)

# --- any history ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """An event that becomes known, so many hours after it occurred."""

    name: str
    lag: int


@dataclass(frozen=True)
class Tick:
    """The worker looks, unless the flow is paused."""


@dataclass(frozen=True)
class Pause:
    """The flow is paused, or resumed."""

    on: bool


@dataclass(frozen=True)
class Tagged:
    """The customer changes."""

    tag: str


@dataclass(frozen=True)
class Delivered:
    """The order arrives, or goes back."""

    stays: bool


@dataclass(frozen=True)
class Edit:
    """Another version is published, and people inside follow."""

    plan: Plan


TOLD = st.builds(Told, st.sampled_from(["A", "B", "Task Completed"]), st.sampled_from([0, 1, 30]))
HAPPENINGS = st.one_of(
    TOLD, TOLD, st.just(Tick()), st.just(Tick()), st.builds(Pause, st.booleans()), st.builds(Tagged, TAGS),
    st.builds(Delivered, st.booleans()), st.builds(Edit, FLOWS),
)  # fmt: skip
HOURS = st.integers(0, 24 * 9)
AGENDAS = st.lists(st.tuples(HOURS, HAPPENINGS), max_size=14).map(lambda agenda: sorted(agenda, key=lambda it: it[0]))


class Life:
    """One run with everything that can happen to it, checked after each thing."""

    def __init__(self, plan: Plan, who: str) -> None:
        self.world = World(plan, NOON, who=who, attributes={"soon": "2026-06-05", "gone": "2026-01-01"}, order=ORDER)
        self.is_paused = False
        self.now = NOON

    def live(self, agenda: list[tuple[int, Any]]) -> World:
        """Let things happen by the clock, then let the run go until it is over."""
        for hours, happening in agenda:
            self.now = NOON + timedelta(hours=hours)
            self.happen(happening)
            self.check()
        for _ in range(150):
            if self.world.status is not Status.RESTING:
                return self.world
            self.now = max(self.now, self.world.state.due_at)
            self.world.tick(self.now)
            self.check()
        raise AssertionError("the run never ends")

    def happen(self, happening: Any) -> None:
        world = self.world
        match happening:
            case Told(name, lag):
                world.hear(name, self.now - timedelta(hours=lag), now=self.now, outcome="reached")
            case Tick() if not self.is_paused:
                world.tick(self.now)
            case Pause(on):
                self.is_paused = on
            case Tagged(tag):
                world.tags ^= {tag}
            case Delivered(stays):
                world.order = replace(ORDER, delivered_at=self.now, ended_at=None if stays else self.now)
                world.hear("Order Delivered" if stays else "Order Refunded", self.now)
            case Edit(plan) if world.status is Status.RESTING:
                self.follow(plan)

    def follow(self, plan: Plan) -> None:
        world, before = self.world, self.world.state
        found = carry(world.plan, plan, before, PeopleInside.FOLLOW, now=self.now, zone=UTC_ZONE)
        assert (found.fate is Fate.LEAVES) == bool(found.reason)
        assert found.state.arrived_at == before.arrived_at
        if found.fate is Fate.LEAVES:
            world.status, world.reason = Status.EXITED, found.reason
            return
        world.plan, world.state = plan, found.state
        if found.fate in {Fate.WAITS, Fate.OPENS}:
            assert found.state.due_at > self.now
        elif found.fate in {Fate.DUE, Fate.ASKED}:
            assert found.state.due_at == self.now

    def check(self) -> None:
        """What must be true of a run at any time."""
        world = self.world
        assert world.status in {Status.RESTING, Status.COMPLETED, Status.EXITED}
        if world.status is Status.RESTING:
            assert (world.state.stand is Stand.EVENT) == bool(world.state.awaits)
            assert world.state.step in world.plan.steps
            assert world.state.arrived_at <= self.now
        left = [visit.left_at for visit in world.visits]
        assert left == sorted(left)
        assert all(visit.arrived_at <= visit.left_at <= self.now for visit in world.visits)
        visited = [(visit.step, visit.visit) for visit in world.visits]
        wanted = [(planned.step, planned.visit) for planned in world.effects]
        assert len(visited) == len(set(visited))
        assert len(wanted) == len(set(wanted))


@given(FLOWS, AGENDAS.map(lambda agenda: [it for it in agenda if not isinstance(it[1], Edit)]), st.text(max_size=3))
@settings(max_examples=200, deadline=None)
def test_every_run_ends_or_rests_on_one_thing_and_does_nothing_twice(
    plan: Plan, agenda: list[tuple[int, Any]], who: str
) -> None:
    first, again = Life(plan, who).live(agenda), Life(plan, who).live(agenda)
    assert (first.visits, first.effects, first.state) == (again.visits, again.effects, again.state)


@given(FLOWS, AGENDAS)
@settings(max_examples=200, deadline=None)
def test_any_interleaving_of_events_timeouts_pauses_and_edits_reaches_a_legal_state(
    plan: Plan, agenda: list[tuple[int, Any]]
) -> None:
    Life(plan, "someone").live(agenda)


@given(FLOWS, FLOWS, AGENDAS, st.sampled_from(PeopleInside))
@settings(max_examples=100, deadline=None)
def test_the_count_of_an_edit_is_the_sum_of_what_becomes_of_each(
    old: Plan, new: Plan, agenda: list[tuple[int, Any]], choice: PeopleInside
) -> None:
    life = Life(old, "someone")
    states = []
    for hours, happening in agenda:
        life.now = NOON + timedelta(hours=hours)
        if not isinstance(happening, Edit):
            life.happen(happening)
        if life.world.status is Status.RESTING:
            states.append(life.world.state)
    now = life.now
    impact = count(old, new, [(state, UTC_ZONE) for state in states], choice, now=now)
    assert impact.total.total() == len(states)
    for step, fates in impact.steps.items():
        here = [state for state in states if state.step == step]
        each = [carry(old, new, state, choice, now=now, zone=UTC_ZONE).fate for state in here]
        assert {fate: each.count(fate) for fate in set(each)} == dict(fates)


@given(FLOWS)
@settings(max_examples=100, deadline=None)
def test_an_edit_that_changes_nothing_changes_nobody(plan: Plan) -> None:
    same = Plan(parse_definition(plan.definition.as_json()))
    world = World(plan, NOON, attributes={"soon": "2026-06-05"}).tick(NOON)
    if world.status is Status.RESTING:
        found = carry(plan, same, world.state, PeopleInside.FOLLOW, now=NOON, zone=UTC_ZONE)
        assert (found.fate, found.state) == (Fate.GOES_ON, replace(world.state, visit=2))
