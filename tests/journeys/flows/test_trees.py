from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from journeys.flows import presets, trees
from journeys.flows.definition import parse_definition

FLOW: dict[str, Any] = {
    "trigger": {"manual": True},
    "steps": [
        {"id": "first", "type": "wait", "for": "P1D"},
        {
            "id": "who", "type": "branch",
            "paths": [{"name": "Regulars", "if": {}, "steps": [{"id": "thank", "type": "tag", "add": ["a"]}]}],
            "else": [{"id": "x", "type": "wait", "for": "P1D"}, {"id": "y", "type": "wait", "for": "P2D"}],
        },
        {"id": "last", "type": "exit", "reason": "done"},
    ],
}  # fmt: skip
NEW = {"id": "new", "type": "wait", "for": "P3D"}


@pytest.fixture(autouse=True)
def the_old_definition_is_left_alone() -> Any:
    before = deepcopy(FLOW)
    yield
    assert before == FLOW


def drawn(definition: Any) -> list[Any]:
    """Ids, with those of each list in brackets behind the step."""

    def ids(steps: list[Any]) -> list[Any]:
        return [found for step in steps for found in [step["id"], *(ids(inner) for _n, inner in trees.lists_of(step))]]

    return ids(trees.steps_of(definition))


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("start", ["new", "first", "who", ["thank"], ["x", "y"], "last"]),
        ("after.first", ["first", "new", "who", ["thank"], ["x", "y"], "last"]),
        ("after.last", ["first", "who", ["thank"], ["x", "y"], "last", "new"]),
        ("after.x", ["first", "who", ["thank"], ["x", "new", "y"], "last"]),
        ("in.who.paths[0].steps", ["first", "who", ["new", "thank"], ["x", "y"], "last"]),
        ("in.who.else", ["first", "who", ["thank"], ["new", "x", "y"], "last"]),
    ],
)
def test_a_step_is_put_where_it_is_said(place: str, expected: list[Any]) -> None:
    assert drawn(trees.insert(FLOW, place, NEW)) == expected


@pytest.mark.parametrize(
    "place", ["", "after.", "after.lost", "in.who.then", "in.lost.else", "in.first.then", "beside.who"]
)
def test_a_place_that_is_gone_is_refused(place: str) -> None:
    with pytest.raises(trees.NoSuchPlace):
        trees.insert(FLOW, place, NEW)


@pytest.mark.parametrize(
    ("step", "by", "expected"),
    [
        ("who", -1, ["who", ["thank"], ["x", "y"], "first", "last"]),
        ("who", 1, ["first", "last", "who", ["thank"], ["x", "y"]]),
        ("y", -1, ["first", "who", ["thank"], ["y", "x"], "last"]),
        ("x", -1, ["first", "x", "who", ["thank"], ["y"], "last"]),
        ("y", 1, ["first", "who", ["thank"], ["x"], "y", "last"]),
        ("thank", 1, ["first", "who", [], ["x", "y"], "thank", "last"]),
    ],
)
def test_a_step_moves_past_its_neighbour_or_out_of_its_path(step: str, by: int, expected: list[Any]) -> None:
    assert trees.can_move(FLOW, step, by)
    assert drawn(trees.move(FLOW, step, by)) == expected


@pytest.mark.parametrize(("step", "by"), [("first", -1), ("last", 1)])
def test_the_ends_are_the_ends(step: str, by: int) -> None:
    assert not trees.can_move(FLOW, step, by)
    with pytest.raises(trees.NoSuchPlace):
        trees.move(FLOW, step, by)


def test_a_copy_has_ids_of_its_own_throughout() -> None:
    copied, new = trees.duplicate(FLOW, "who")
    assert new == "who-2"
    assert drawn(copied) == [
        "first", "who", ["thank"], ["x", "y"], "who-2", ["thank-2"], ["x-2", "y-2"], "last",
    ]  # fmt: skip
    assert parse_definition(trees.duplicate(presets.REVIEW_REQUEST.definition, "answer")[0])


def test_a_step_is_taken_away_with_what_it_leads_into() -> None:
    assert drawn(trees.remove(FLOW, "who")) == ["first", "last"]


def test_an_edited_step_still_leads_where_it_led() -> None:
    who = trees.find(FLOW, "who")
    bare = trees.without_lists(who)
    assert drawn({"steps": [bare]}) == ["who", [], []]
    assert trees.with_lists_of(bare, who) == who


@pytest.mark.parametrize("junk", [None, [], {}, {"steps": None}, {"steps": ["a", 5, {"type": "wait"}, {"id": 7}]}])
def test_junk_has_no_steps_to_edit(junk: Any) -> None:
    assert [trees.id_of(step) for step in trees.walk(junk) if trees.id_of(step)] == []
    with pytest.raises(trees.NoSuchPlace):
        trees.find(junk, "first")
    assert trees.find(trees.insert(junk, "start", NEW), "new") == NEW


def test_lists_that_are_missing_are_made() -> None:
    waits = {"steps": [{"id": "w", "type": "wait_event", "event": "A", "timeout": "P1D"}]}
    assert trees.insert(waits, "in.w.else", NEW)["steps"][0]["else"] == [NEW]
    task = {"steps": [{"id": "t", "type": "task", "wait_for_outcome": {"then": [{"outcome": "yes"}]}}]}
    edited = trees.insert(task, "in.t.wait_for_outcome.then[0].steps", NEW)
    assert edited["steps"][0]["wait_for_outcome"]["then"][0]["steps"] == [NEW]


def test_json_is_shown_in_the_order_people_read_it() -> None:
    stored = {"steps": [{"for": "P1D", "id": "a", "type": "wait"}], "goal": {"event": "A"}, "trigger": {"manual": True}}
    ordered = trees.in_reading_order(stored)
    assert ordered == stored
    assert list(ordered) == ["trigger", "goal", "steps"]
    assert list(ordered["steps"][0]) == ["id", "type", "for"]


# --- ways ---------------------------------------------------------------------------------------

EMPTY: list[Any] = [[], [], []]  # the ways of the task
WAYS: dict[str, Any] = {
    "steps": [
        {"id": "who", "type": "branch", "paths": [
            {"name": name, "if": {}, "steps": [{"id": name, "type": "wait", "for": "P1D"}]} for name in ("a", "b", "c")
        ], "else": [{"id": "z", "type": "wait", "for": "P1D"}]},
        {"id": "call", "type": "task", "title": "Call", "wait_for_outcome": {"timeout": "P1D", "then": [
            {"outcome": "reached", "steps": []}, {"outcome": "busy", "steps": []},
        ]}},
    ]
}  # fmt: skip


def test_a_way_passes_its_neighbour_with_all_it_leads_into() -> None:
    assert drawn(trees.shift_way(WAYS, "who", "paths[0].steps", 1)) == [
        "who",
        ["b"],
        ["a"],
        ["c"],
        ["z"],
        "call",
        *EMPTY,
    ]
    assert drawn(trees.shift_way(WAYS, "who", "paths[2].steps", -1)) == [
        "who",
        ["a"],
        ["c"],
        ["b"],
        ["z"],
        "call",
        *EMPTY,
    ]
    outcomes = trees.shift_way(WAYS, "call", "wait_for_outcome.then[1].steps", -1)["steps"][1]["wait_for_outcome"][
        "then"
    ]
    assert [path["outcome"] for path in outcomes] == ["busy", "reached"]
    assert [path["name"] for path in WAYS["steps"][0]["paths"]] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("step", "way", "by"),
    [
        ("who", "paths[0].steps", -1), ("who", "paths[2].steps", 1), ("who", "else", -1), ("who", "paths[9].steps", -1),
        ("who", "", 1), ("who", "steps", 1), ("call", "wait_for_outcome.else", 1), ("lost", "paths[0].steps", 1),
    ],
)  # fmt: skip
def test_a_way_with_nothing_to_pass_stays_where_it_is(step: str, way: str, by: int) -> None:
    with pytest.raises(trees.NoSuchPlace):
        trees.shift_way(WAYS, step, way, by)
    if step != "lost":
        assert not trees.can_shift_way(trees.find(WAYS, step), way, by)
