"""Tasks work in rounds, for a bounded time."""

import os

import pytest

from crm.lib import bell, lifeline
from crm.lib.rounds import work_off


@pytest.fixture
def rung(monkeypatch) -> list[str]:
    names: list[str] = []
    monkeypatch.setattr(bell, "ring", names.append)
    return names


def test_it_goes_on_until_nothing_is_left(rung):
    batches = iter([500, 500, 17, 0, 99])

    assert work_off(lambda: next(batches), again="run_due") == 1017
    assert next(batches) == 99
    assert rung == []


def test_when_time_is_up_it_rings_for_the_rest(rung):
    assert work_off(lambda: 500, again="run_due", seconds=0) == 500
    assert rung == ["run_due"]


def test_without_a_bell_the_rest_is_left_to_the_tick(rung):
    assert work_off(lambda: 500, seconds=0) == 500
    assert rung == []


def test_a_worker_that_is_to_stop_begins_nothing_more(monkeypatch, rung):
    near, far = os.pipe()
    monkeypatch.setenv(lifeline.FD_VARIABLE, str(near))
    batches = iter([500, 500])

    def work() -> int:
        os.close(far)
        return next(batches)

    assert work_off(work, again="run_due") == 500
    assert next(batches) == 500
    assert rung == []
    os.close(near)


def test_a_lifeline_that_is_held_is_not_cut(monkeypatch):
    near, far = os.pipe()
    monkeypatch.setenv(lifeline.FD_VARIABLE, str(near))

    assert not lifeline.is_cut()
    os.close(far)
    assert lifeline.is_cut()
    os.close(near)


def test_a_process_without_a_supervisor_has_no_lifeline_to_be_cut(monkeypatch):
    monkeypatch.delenv(lifeline.FD_VARIABLE, raising=False)

    assert not lifeline.is_cut()
