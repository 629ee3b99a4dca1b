"""
kill -9 in the middle of a broadcast, with two workers at the same work: everybody gets one message, and nobody two.

A process of its own makes the broadcasts, forks workers that die by SIGKILL at every point of the way, and counts.
"""

from typing import Any

import pytest

from tests.faults.deployment import chaos

pytestmark = pytest.mark.faults

BOUND = 300  # seconds; alone on the machine it takes about thirty
PEOPLE = 80


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What became of everybody."""
    found, errors = chaos("broadcast_chaos", tmp_path_factory.mktemp("chaos"), seconds=BOUND)
    return {**found, "said": errors[-3000:]}


def test_workers_died_and_no_other_failed(report: dict[str, Any]) -> None:
    assert report["killed"] >= 12, report
    assert report["errors"] == 0, report["said"]


def test_both_came_to_their_end(report: dict[str, Any]) -> None:
    assert report["states"] == ["done", "done"], report
    assert report["ended"] == ["delivered"], report


def test_everybody_was_on_the_list_and_has_one_message_of_each(report: dict[str, Any]) -> None:
    assert report["people"] == [PEOPLE, PEOPLE]
    assert report["messages"] == [PEOPLE, PEOPLE]
    assert report["written_to_twice"] == []
    assert report["of_no_broadcast"] == 0


def test_everybody_got_the_variant_of_their_lot_or_the_winner(report: dict[str, Any]) -> None:
    assert report["lots_that_moved"] == 0
