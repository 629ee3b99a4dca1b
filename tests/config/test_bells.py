"""A bell wakes the worker after commit, and costs nobody anything."""

import logging
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from config import bells
from config.schedules import BELLS
from crm.lib import bell

pytestmark = pytest.mark.django_db


def queued() -> list[str]:
    return [SignedPackage.loads(payload)["func"] for payload in OrmQ.objects.values_list("payload", flat=True)]


def test_a_bell_queues_its_task_when_the_transaction_commits(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        bell.ring("run_due")
        assert queued() == []

    assert queued() == ["journeys.tasks.run_due"]


def test_a_transaction_that_fails_rings_nothing(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        bell.ring("run_due")
        transaction.set_rollback(True)

    assert queued() == []


def test_many_rings_queue_one_task_of_each_kind():
    for name in ["run_due", "send_due", "run_due", "run_due", "send_due"]:
        bells.enqueue(name)

    assert queued() == ["journeys.tasks.run_due", "messaging.tasks.send_due"]


def test_a_ring_after_the_worker_took_the_task_queues_another():
    bells.enqueue("run_due")
    OrmQ.objects.update(lock=timezone.now() + timedelta(minutes=5))

    bells.enqueue("run_due")

    assert queued() == ["journeys.tasks.run_due"] * 2


def test_a_task_signed_with_an_old_key_does_not_keep_the_bell_from_ringing():
    OrmQ.objects.create(key="waymark", payload="signed:long:ago", lock=timezone.now())

    bells.enqueue("run_due")

    assert OrmQ.objects.count() == 2


def test_a_queue_that_is_down_is_logged_and_not_felt(monkeypatch, caplog):
    def down() -> None:
        raise DatabaseError("no connection")

    monkeypatch.setattr(bells, "_broker", down)

    with caplog.at_level(logging.WARNING, logger="waymark.bells"):
        bells.enqueue("run_due")

    assert caplog.messages == ["bell run_due was not heard (no connection); the next tick does the work"]


def test_a_replay_rings_nothing(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True), bell.silenced():
        bell.ring("run_due")

    assert queued() == []


def test_every_bell_that_is_rung_has_an_answer():
    assert set(BELLS) == {
        "run_due", "send_due", "send_broadcasts", "replay_journeys", "refresh_segments", "run_backtests",
        "deliver_hooks", "fetch_files",
    }  # fmt: skip
    with pytest.raises(KeyError):
        bells.enqueue("doorbell")
