"""What the cluster's processes share outlives none of them."""

import os
import signal
from multiprocessing import Process, Value

import pytest

from config.management.commands import cluster


def test_a_clock_that_a_killed_worker_took_with_it_ends_who_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 0.05)
    timer = Value("f", -1, lock=cluster.TimerLock())

    def die_with_it() -> None:
        with timer.get_lock():
            os.kill(os.getpid(), signal.SIGKILL)

    def look() -> None:
        assert timer.value == -1

    def ends(work: object) -> int | None:
        process = Process(target=work)
        process.start()
        process.join()
        return process.exitcode

    assert ends(look) == 0
    assert ends(die_with_it) == -signal.SIGKILL
    assert ends(look) == 1
