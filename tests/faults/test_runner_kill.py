"""
kill -9 in the middle of a batch, with two workers at the same work: every step is taken once, and nothing gets stuck.

A process of its own enrols, forks workers that die by SIGKILL at every point of the way, and counts.
"""

from typing import Any

import pytest

from tests.faults.deployment import chaos

pytestmark = pytest.mark.faults

BOUND = 300  # seconds; alone on the machine it takes about fifteen
PEOPLE = 90


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What became of everybody."""
    found, errors = chaos("runner_chaos", tmp_path_factory.mktemp("chaos"), seconds=BOUND)
    return {**found, "said": errors[-3000:]}


@pytest.mark.parametrize("part", ["steps", "judging"])
def test_workers_died_and_no_other_failed(report: dict[str, Any], part: str) -> None:
    """Not by a locked database either, with two of them on one SQLite file."""
    assert report[part]["killed"] >= 10, report
    assert report[part]["errors"] == 0, report["said"]


def test_everybody_came_to_the_end_by_every_step_once(report: dict[str, Any]) -> None:
    steps = report["steps"]
    assert steps["states"] == {"completed": PEOPLE}
    assert steps["visited"] == dict.fromkeys(["settle", "mark", "rest", "who", "ask"], PEOPLE)
    assert steps["visited_twice"] == []


def test_every_message_was_queued_once(report: dict[str, Any]) -> None:
    assert report["steps"]["messages"] == PEOPLE
    assert report["steps"]["written_to_twice"] == []


def test_every_record_was_changed_once(report: dict[str, Any]) -> None:
    assert report["steps"]["marked"] == PEOPLE
    assert report["steps"]["marked_twice"] == 0


def test_what_was_counted_is_what_was_done(report: dict[str, Any]) -> None:
    assert report["steps"]["taken"] == 2 * PEOPLE


def test_a_journey_judged_anew_by_workers_that_die_ends_where_living_through_it_did(report: dict[str, Any]) -> None:
    judging = report["judging"]
    assert judging["left"] == 0
    assert judging["people"] >= PEOPLE
    assert judging["positions"]
    assert judging["moves"]
