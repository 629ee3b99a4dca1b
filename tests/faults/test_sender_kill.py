"""
kill -9 in the middle of sending, at every point of the way: nothing is lost, nothing goes out twice.

A process of its own queues, forks workers that die by SIGKILL, and counts what a provider outside of them accepted.
"""

from typing import Any

import pytest

from tests.faults.deployment import chaos

pytestmark = pytest.mark.faults

BOUND = 300  # seconds for all four; alone on the machine it takes about twenty
KINDS = ("sandbox", "key", "lookup", "never")
Reports = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """What became of the messages, by kind of provider."""
    folder = tmp_path_factory.mktemp("chaos")
    found: Reports = chaos("sender_chaos", folder, str(folder), seconds=BOUND)[0]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_no_message_goes_out_twice_or_is_called_sent_when_it_is_not(reports: Reports, kind: str) -> None:
    report = reports[kind]
    assert report["killed"] >= 5, report
    assert report["doubled"] == [], report
    assert report["sent_but_not_accepted"] == 0, report
    assert report["out_of_order"] == 0, report
    assert report["unwritten"] == 0, report


def test_the_sandbox_has_everything_once(reports: Reports) -> None:
    report = reports["sandbox"]
    assert report["states"] == {"delivered": 48}
    assert report["accepted"] == 48


@pytest.mark.parametrize("kind", ["key", "lookup"])
def test_a_provider_that_dedupes_or_can_be_asked_gets_everything_once(reports: Reports, kind: str) -> None:
    assert reports[kind]["states"] == {"sent": 48}
    assert reports[kind]["accepted"] == 48


def test_with_a_provider_that_can_do_neither_a_few_wait_for_a_person_and_the_rest_went_out(reports: Reports) -> None:
    report = reports["never"]
    assert set(report["states"]) == {"sent", "unknown_final"}
    assert sum(report["states"].values()) == 48
    # No more than what was marked as on the wire whenever somebody died.
    assert report["states"]["unknown_final"] <= 4 * report["killed"]
