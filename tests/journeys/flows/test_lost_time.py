"""A restored database has lost a time: runs live through it once more, and nobody is written to twice."""

from datetime import datetime, timedelta

import pytest

from journeys.flows import runner
from journeys.flows.enrolment import enrol_by_hand
from journeys.models import Enrolment
from messaging.models import Message, Restoration
from messaging.outbox import recovery, restores
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.journeys import live_flow

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
BACKUP, NOTICED = NOON, NOON + 4 * HOUR


def send(name: str) -> dict[str, str]:
    return {"id": name, "type": "send", "channel": "sms", "topic": "order_updates", "body": name}


def wait(hours: int) -> dict[str, str]:
    return {"id": f"wait{hours}", "type": "wait", "for": f"PT{hours}H"}


def run(now: datetime) -> None:
    while runner.run_due(now=now, limit=100):
        pass


def fates() -> list[tuple[str, str]]:
    return list(Message.objects.order_by("pk").values_list("source_body", "state"))


@pytest.fixture
def restored() -> None:
    """Somebody entered at the time of the backup: texts at once, after one hour, after three, after six."""
    steps = (send("at-once"), wait(1), send("after-1"), wait(2), send("after-3"), wait(3), send("after-6"))
    enrol_by_hand(live_flow(*steps), [CustomerFactory()], now=BACKUP)
    restores.tell(backup_at=BACKUP, now=NOTICED)


def reconcile(now: datetime = NOTICED) -> None:
    recovery.ask_to_reconcile(actor_name="a test", now=now)
    while recovery.go_on(now=now):
        pass
    assert Restoration.objects.open().count() == 0


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize("first", ["the runs", "the person"])
def test_steps_of_the_lost_time_are_left_to_a_person_and_the_next_come_when_they_were_to_come(first: str) -> None:
    if first == "the runs":
        run(NOTICED)
    reconcile()
    run(NOTICED + timedelta(minutes=1))

    assert fates() == [("at-once", "unknown_final"), ("after-1", "unknown_final"), ("after-3", "unknown_final")]
    assert Enrolment.objects.get().due_at == BACKUP + 6 * HOUR
    run(BACKUP + 6 * HOUR)
    assert fates()[3:] == [("after-6", "queued")]


@pytest.mark.usefixtures("restored")
def test_after_a_false_alarm_a_late_run_keeps_its_distances_as_ever() -> None:
    recovery.call_false_alarm(remark="x", actor_name="a test", now=NOTICED)
    run(NOTICED)

    assert fates() == [("at-once", "queued"), ("after-1", "queued")]
    assert Enrolment.objects.get().due_at == NOTICED + 2 * HOUR


def test_without_a_restore_messages_are_planned_for_when_they_are_written() -> None:
    enrol_by_hand(live_flow(send("hi")), [CustomerFactory()], now=BACKUP)
    run(NOTICED)

    assert list(Message.objects.values_list("planned_at", "due_at", "state")) == [(NOTICED, NOTICED, "queued")]
