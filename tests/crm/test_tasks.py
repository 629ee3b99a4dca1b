"""What django-q calls for crm."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django_q.models import Failure, Task

from crm import tasks
from crm.models import Heartbeat, IdempotencyRecord

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)


def test_a_worker_has_one_heartbeat_that_moves():
    with time_machine.travel(NOW, tick=False):
        tasks.beat("worker:shop:1")
    with time_machine.travel(NOW + timedelta(seconds=15), tick=False):
        tasks.beat("worker:shop:1")
        tasks.beat("worker:shop:2")

    assert list(Heartbeat.objects.order_by("name").values_list("name", "beat_at")) == [
        ("worker:shop:1", NOW + timedelta(seconds=15)),
        ("worker:shop:2", NOW + timedelta(seconds=15)),
    ]


def failure(name: str, stopped: datetime) -> None:
    Failure.objects.create(id=name, name=name, func="crm.tasks.beat", started=stopped, stopped=stopped, success=False)


@time_machine.travel(NOW, tick=False)
def test_pruning_deletes_what_has_served_its_time_and_nothing_younger():
    failure("old", NOW - timedelta(days=30, seconds=1))
    failure("young", NOW - timedelta(days=30))
    Heartbeat.objects.create(name="old", beat_at=NOW - timedelta(days=1, seconds=1))
    Heartbeat.objects.create(name="young", beat_at=NOW - timedelta(days=1))
    for key, age in {"old": timedelta(hours=48, seconds=1), "young": timedelta(hours=48)}.items():
        IdempotencyRecord.objects.create(owner="key:1", key=key, request_hash="x", created_at=NOW - age)

    assert tasks.prune() == "1 failures, 1 heartbeats, 1 answers, 0 calls deleted"

    assert [task.name for task in Task.objects.all()] == ["young"]
    assert [beat.name for beat in Heartbeat.objects.all()] == ["young"]
    assert [record.key for record in IdempotencyRecord.objects.all()] == ["young"]


def test_with_nothing_due_the_tasks_say_so():
    assert tasks.retry_reactions() == "0 retried"
    assert tasks.flag_late() == "0 late"
