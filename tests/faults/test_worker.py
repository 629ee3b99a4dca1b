"""The worker gets up again by itself, whichever part of it is killed, and goes when it is told to."""

import signal
import subprocess
import sys
import time

import pytest
from redis import Redis

from tests.faults.deployment import Deployment, children, descendants, kill, lives, until
from tools.services import redis_binaries, run_redis

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

TICKS_MISSED = 6  # seconds without a heartbeat, at one tick a second, before the cluster is replaced


def heartbeat(deployment: Deployment) -> object:
    return deployment.rows("SELECT MAX(beat_at) FROM crm_heartbeat")[0][0]


def beats(deployment: Deployment) -> None:
    """Wait for a heartbeat newer than the last."""
    last = heartbeat(deployment)
    until(lambda: heartbeat(deployment) != last)


def main_process(worker: subprocess.Popen[bytes]) -> int:
    return until(lambda: children(worker.pid))[0]


def sentinel(worker: subprocess.Popen[bytes]) -> int:
    return until(lambda: children(main_process(worker)))[0]


def pool(worker: subprocess.Popen[bytes]) -> list[int]:
    """The sentinel starts its two workers first, then the monitor and the pusher."""
    return until(lambda: len(found := children(sentinel(worker))) == 4 and found)[:2]


@pytest.mark.parametrize(
    "victim",
    [main_process, sentinel, lambda worker: pool(worker)[0]],
    ids=["main process", "sentinel", "worker process"],
)
def test_a_killed_part_takes_the_cluster_down_and_a_new_one_comes_up(deployment, victim):
    with deployment.running("worker") as worker:
        beats(deployment)
        pool(worker)
        old = descendants(worker.pid)

        kill(victim(worker))

        until(lambda: not any(lives(pid) for pid in old))
        beats(deployment)
        assert len(descendants(worker.pid)) == len(old) == 6


def test_a_cluster_that_hangs_without_dying_is_replaced(deployment):
    with deployment.running("worker") as worker:
        beats(deployment)
        old = descendants(worker.pid)

        for pid in pool(worker):
            kill(pid, signal.SIGSTOP)

        until(lambda: not any(lives(pid) for pid in old), within=TICKS_MISSED + 20)
        beats(deployment)


def test_a_worker_that_is_told_to_stop_leaves_nothing_behind(deployment):
    with deployment.running("worker") as worker:
        beats(deployment)
        old = descendants(worker.pid)

        told_at = time.monotonic()
        worker.terminate()

        assert worker.wait(timeout=20) == 0
        assert time.monotonic() - told_at < 12
        assert not [pid for pid in old if lives(pid)]


def test_a_hung_cluster_does_not_keep_the_worker_from_stopping(deployment):
    with deployment.running("worker") as worker:
        beats(deployment)
        old = descendants(worker.pid)
        for pid in old:
            kill(pid, signal.SIGSTOP)

        worker.terminate()

        assert worker.wait(timeout=20) == 0
        until(lambda: not any(lives(pid) for pid in old))


def test_a_killed_supervisor_leaves_no_cluster_that_nobody_watches(deployment):
    with deployment.running("worker") as worker:
        beats(deployment)
        old = descendants(worker.pid)

        worker.kill()

        until(lambda: not any(lives(pid) for pid in old))


def test_a_redis_that_dies_stops_neither_the_worker_nor_one_that_starts_without_it(deployment):
    binary = next(redis_binaries(), None)
    if binary is None:
        pytest.skip("needs a Redis to kill: none found")
    with run_redis(binary) as redis:
        queue = {"TASK_BROKER": "redis", "REDIS_URL": redis.url}
        with deployment.running("worker", **queue) as worker:
            beats(deployment)
            old = descendants(worker.pid)
            Redis.from_url(redis.url).shutdown(nosave=True)
            beats(deployment)
            beats(deployment)
            assert descendants(worker.pid) == old
    with deployment.running("worker", **queue):
        beats(deployment)
