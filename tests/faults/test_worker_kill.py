"""A whole worker dies by SIGKILL in the middle of judging journeys anew and taking steps; the next one goes on."""

import json
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings

from tests.faults.deployment import Deployment, descendants, kill, lives, until
from tests.faults.worker_chaos import CUSTOMERS

pytestmark = pytest.mark.faults

DEATHS = 3
BOUND = 120  # seconds; alone on the machine it takes about ten


def chaos(deployment: Deployment, action: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.worker_chaos", action],
        cwd=settings.BASE_DIR, env=deployment.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def judged(deployment: Deployment) -> int:
    """Up to which customer the journeys have been judged, in all."""
    return int(deployment.rows("SELECT COALESCE(SUM(position), 0) FROM crm_replayrun")[0][0])


def is_left(deployment: Deployment) -> bool:
    waiting = deployment.rows("SELECT COUNT(*) FROM journeys_enrolment WHERE state = 'active'")[0][0]
    return bool(waiting or deployment.rows("SELECT COUNT(*) FROM crm_replayrun WHERE finished_at IS NULL")[0][0])


def test_workers_killed_in_the_middle_leave_everybody_judged_and_every_step_taken_once(deployment: Deployment) -> None:
    lived = chaos(deployment, "prepare")
    deaths = 0
    while deaths < DEATHS:
        before = judged(deployment)
        with deployment.running("worker") as worker:
            until(lambda seen=before: judged(deployment) > seen, within=BOUND)  # type: ignore[misc]
            family = [worker.pid, *descendants(worker.pid)]
            for pid in family:
                kill(pid)
            worker.wait()
            until(lambda dead=family: not any(lives(pid) for pid in dead))  # type: ignore[misc]
        deaths += 1
        assert is_left(deployment), "it was over before the worker died: there must be more to do"
    with deployment.running("worker"):
        until(lambda: not is_left(deployment), within=BOUND)
    found = chaos(deployment, "report")
    assert found["standing"] == lived
    assert found["completed"] == CUSTOMERS
    assert found["visits"] == 3 * CUSTOMERS
    assert (found["called"], found["called_once"]) == (CUSTOMERS, CUSTOMERS)
    assert (found["marked"], found["marks"]) == (CUSTOMERS, CUSTOMERS)
