"""The two commands for a database that was restored."""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from messaging.models import Message, Restoration
from messaging.outbox.sender import send_due
from tests.factories.messaging import MessageFactory
from tests.messaging.fakes import FakeProvider

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def run(name: str, *arguments: str) -> list[str]:
    out = io.StringIO()
    call_command(name, *arguments, stdout=out)
    return out.getvalue().splitlines()


@pytest.fixture
def lost_hour(fake: type[FakeProvider]) -> Message:
    """An hour is missing, in which a message was due."""
    at = timezone.now() - HOUR
    message: Message = MessageFactory(queued_at=at, due_at=at)
    said = run("restored", "--backup-at", at.isoformat())
    assert said == [f"held: A person said so; backup of {at:%F %T} UTC"]
    return message


def test_reconcile_goes_through_the_ledger_and_tells_what_it_did(lost_hour: Message, fake: type[FakeProvider]) -> None:
    assert send_due(now=timezone.now(), limit=10) == {}
    assert run("reconcile")[-3:] == [
        "1 may have gone out and were asked about",
        "of 1 nobody can be asked: they are left to a person",
        "Sending goes on. What is left to a person stands in the message log, state unclear.",
    ]
    lost_hour.refresh_from_db()
    assert (lost_hour.state, lost_hour.reason) == ("unknown_final", "restored")
    row = Restoration.objects.get()
    assert (row.verdict, row.asked_as.endswith(", manage.py"), row.asked_by) == ("reconciled", True, None)
    send_due(now=timezone.now(), limit=10)
    assert fake.calls == []


def test_a_person_may_say_when_the_backup_was_made_and_the_last_worker_stopped(
    lost_hour: Message, fake: type[FakeProvider]
) -> None:
    stopped = lost_hour.due_at - timedelta(minutes=1)
    run("reconcile", "--since", (stopped - HOUR).isoformat(), "--until", stopped.isoformat())
    row = Restoration.objects.get()
    assert (row.lost_from, row.lost_until) == (stopped - HOUR, stopped)
    send_due(now=timezone.now(), limit=10)
    assert [parcel.key for parcel in fake.calls] == [lost_hour.key]


def test_a_false_alarm_lets_everything_go(lost_hour: Message, fake: type[FakeProvider]) -> None:
    assert run("reconcile", "--nothing-lost", "a planned move") == ["Sending goes on: nothing was lost."]
    assert Restoration.objects.get().remark == "a planned move"
    send_due(now=timezone.now(), limit=10)
    assert [parcel.key for parcel in fake.calls] == [lost_hour.key]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["reconcile"], "Nothing was restored: messages go out."),
        (["reconcile", "--nothing-lost", "x"], "Nothing was restored: messages go out."),
        (["reconcile", "--since", "yesterday"], "is no ISO 8601 time with an offset"),
        (["restored", "--backup-at", "2026-02-30T00:00:00Z"], "day is out of range|no ISO 8601|must be in"),
        (["restored", "--backup-at", "2100-01-01T00:00:00Z"], "--backup-at: The backup cannot be of a time to come."),
    ],
)
def test_what_makes_no_sense_is_said(arguments: list[str], why: str) -> None:
    with pytest.raises(CommandError, match=why):
        run(*arguments)
    assert not Restoration.objects.exists()
