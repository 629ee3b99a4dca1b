"""
Sending to a gateway over HTTP, which errs and drops connections now and then, while workers are killed and the database
crashes: the gateway's own ledger says that nothing went out twice and nothing was lost.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.faults.deployment import chaos
from tools.services import Unavailable, postgres_binaries, run_postgres

pytestmark = pytest.mark.faults

BOUND = 300  # seconds for one; alone on the machine it takes about ten
MESSAGES = 360
KILLS = {"idem": 20, "lookup": 20, "dumb": 12}
CRASHES = 5
Report = dict[str, Any]


@pytest.fixture
def server() -> Iterator[str]:
    """A PostgreSQL that may crash without anybody else noticing."""
    if connection.vendor != "postgresql":
        pytest.skip("a database in a file has no server to crash")
    with ExitStack() as stack:
        for binary in postgres_binaries():
            try:
                yield stack.enter_context(run_postgres(binary, fsync=True)).url
            except Unavailable:
                continue
            return
        pytest.skip("needs a PostgreSQL of its own: none found")


def check(report: Report, mode: str) -> None:
    assert report["doubled"] == [], report
    assert report["sent_but_not_accepted"] == 0, report
    assert report["out_of_order"] == 0, report
    assert report["unwritten"] == 0, report
    assert sum(report["states"].values()) == report["queued"] == MESSAGES, report
    if mode == "dumb":
        # What nobody can ask about waits for a person, and is never sent again blindly.
        assert set(report["states"]) == {"sent", "unknown_final"}, report
    else:
        assert report["states"] == {"sent": MESSAGES}, report
        assert report["accepted"] == MESSAGES, report


@pytest.mark.parametrize("mode", KILLS)
def test_workers_killed_in_the_middle_of_calls_double_and_lose_nothing(tmp_path: Path, mode: str) -> None:
    report, _errors = chaos("gateway_chaos", tmp_path, str(tmp_path), mode, "kill", str(KILLS[mode]), seconds=BOUND)
    check(report, mode)
    assert report["harmed"] == KILLS[mode]


def test_four_workers_at_the_same_queue_double_and_lose_nothing(tmp_path: Path) -> None:
    report, _errors = chaos("gateway_chaos", tmp_path, str(tmp_path), "idem", "crowd", "0", seconds=BOUND)
    check(report, "idem")


@pytest.mark.parametrize("mode", ["idem", "lookup"])
def test_a_database_that_crashes_during_calls_doubles_and_loses_nothing(tmp_path: Path, mode: str, server: str) -> None:
    report, _errors = chaos(
        "gateway_chaos", tmp_path, str(tmp_path), mode, "crash", str(CRASHES), seconds=BOUND, url=server
    )
    check(report, mode)
    assert report["harmed"] == CRASHES
