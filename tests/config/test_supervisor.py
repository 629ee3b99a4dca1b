"""The supervisor's judgement; that it really kills and restarts is shown in tests/faults."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.db import OperationalError

from config import supervisor
from config.management.commands import worker
from config.supervisor import HeldBack, Pulse, Supervisor

BEAT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
NEXT_BEAT = datetime(2026, 11, 21, 9, 0, 15, tzinfo=UTC)


def test_a_heartbeat_may_stand_still_up_to_the_limit():
    pulse = Pulse(90, at=0)

    assert pulse.feel(None, at=89)
    assert pulse.feel(BEAT, at=90)
    assert pulse.feel(BEAT, at=180)
    assert not pulse.feel(BEAT, at=181)


def test_every_new_beat_counts_from_its_own_arrival_whatever_time_it_tells():
    pulse = Pulse(90, at=0)
    pulse.feel(NEXT_BEAT, at=50)

    assert pulse.feel(BEAT, at=130), "a clock that was set back is still a beat"
    assert pulse.feel(BEAT, at=220)
    assert not pulse.feel(BEAT, at=221)


def test_a_new_cluster_may_take_longer_to_its_first_heartbeat():
    pulse = Pulse(6, at=0, start_within=30)
    assert pulse.feel(BEAT, at=1)  # left behind by the one before
    assert pulse.feel(BEAT, at=31)
    assert not pulse.feel(BEAT, at=32)
    assert pulse.feel(NEXT_BEAT, at=33)
    assert not pulse.feel(NEXT_BEAT, at=40)


def test_a_heartbeat_that_could_not_be_read_is_not_held_against_the_cluster():
    pulse = Pulse(90, at=0)
    pulse.feel(BEAT, at=10)

    pulse.excuse(at=600)

    assert pulse.feel(BEAT, at=690)
    assert not pulse.feel(BEAT, at=691)


class FakeGroup:
    """Lives for `looks` looks; tells what was done to it."""

    def __init__(self, pid: int, *, looks: int, drains: bool = True) -> None:
        self.pid, self.looks, self.drains = pid, looks, drains
        self.done: list[str] = []

    def has_ended(self) -> bool:
        self.looks -= 1
        return self.looks < 0

    def drain(self, seconds: float) -> bool:
        self.done.append(f"drained {seconds}")
        return self.drains

    def kill(self) -> None:
        self.done.append("killed")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr(supervisor, "LOOK_EVERY", 0)
    monkeypatch.setattr(supervisor, "RESTART_DELAYS", (0,))


def watch(groups: list[FakeGroup], read_heartbeat, *, limit: float = 1e9) -> Supervisor:
    waiting = iter(groups)
    return Supervisor(lambda: next(waiting), read_heartbeat, limit=limit, start_within=limit)


def test_a_cluster_that_ends_by_itself_is_killed_to_the_last_process_and_started_again():
    groups = [FakeGroup(1, looks=2), FakeGroup(2, looks=100)]
    looks = iter(range(100))

    def read_heartbeat() -> None:
        if next(looks) == 5:
            watched.stop()

    watched = watch(groups, read_heartbeat)
    watched.run()

    assert groups[0].done == ["killed"]
    assert groups[1].done == ["drained 10", "killed"]


def test_a_cluster_without_a_heartbeat_is_replaced():
    groups = [FakeGroup(1, looks=100), FakeGroup(2, looks=100)]

    def read_heartbeat() -> datetime | None:
        if watched._group is groups[1]:
            watched.stop()
        return None

    watched = watch(groups, read_heartbeat, limit=-1)
    watched.run()

    assert groups[0].done == ["killed"]


def test_a_database_that_is_away_costs_no_cluster_its_life(caplog):
    group = FakeGroup(1, looks=100)
    looks = iter(range(100))

    def read_heartbeat() -> datetime | None:
        if next(looks) == 50:
            watched.stop()
        raise ConnectionError("the database is away")

    watched = watch([group], read_heartbeat, limit=-1)
    watched.run()

    assert group.done == ["drained 10", "killed"]
    assert [record.message for record in caplog.records if "heartbeat" in record.message] == [
        "the heartbeat cannot be read: the database is away"
    ]


def test_a_cluster_that_holds_the_database_is_replaced():
    groups = [FakeGroup(1, looks=100), FakeGroup(2, looks=100)]

    def read_heartbeat() -> datetime | None:
        if watched._group is groups[1]:
            watched.stop()
        raise HeldBack("database is locked")

    watched = watch(groups, read_heartbeat, limit=-1)
    watched.run()

    assert groups[0].done == ["killed"]


@pytest.mark.parametrize(
    ("vendor", "problem", "told"),
    [
        ("sqlite", "database is locked", HeldBack),
        ("sqlite", "unable to open database file", OperationalError),
        ("postgresql", "the relation is locked", OperationalError),
    ],
)
def test_only_a_lock_on_sqlite_is_held_against_the_cluster(monkeypatch, vendor, problem, told):
    def held(name: str) -> None:
        raise OperationalError(problem)

    monkeypatch.setattr(worker, "_beat_at", held)
    monkeypatch.setattr(worker, "close_old_connections", lambda: None)
    monkeypatch.setattr(worker, "connection", SimpleNamespace(vendor=vendor))

    with pytest.raises(told, match=problem):
        worker.read_heartbeat("worker:shop:1")
