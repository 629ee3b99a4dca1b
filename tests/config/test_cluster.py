"""What the cluster's processes share outlives none of them."""

import os
import signal
from multiprocessing import Process, Value
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django_q import cluster as django_q_cluster

from config.management.commands import cluster
from crm.lib import lifeline


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


@pytest.mark.parametrize(("is_cut", "started"), [(True, []), (False, ["started"])])
def test_a_cluster_whose_supervisor_died_before_it_was_ready_does_not_begin(
    monkeypatch: pytest.MonkeyPatch, is_cut: bool, started: list[str]
) -> None:
    begun: list[str] = []
    monkeypatch.setattr(cluster, "die_with_parent", lambda: None)
    monkeypatch.setattr(lifeline, "is_cut", lambda: is_cut)
    monkeypatch.setattr(django_q_cluster, "Sentinel", None)
    monkeypatch.setattr(django_q_cluster, "Cluster", lambda: SimpleNamespace(start=lambda: begun.append("started")))

    call_command("cluster")

    assert begun == started
