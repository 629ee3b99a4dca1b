"""A restored database has lost a time: whoever a broadcast may have written to in it is left to a person."""

from datetime import datetime, timedelta

import pytest

from messaging.broadcasts import launch
from messaging.models import Broadcast, Restoration
from messaging.outbox import recovery, restores
from tests.factories.crm import NOON, UserFactory
from tests.factories.messaging import make_broadcast, make_people, states
from tests.messaging.broadcasts.conftest import run, run_and_send

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
BACKUP, NOTICED = NOON + HOUR, NOON + 4 * HOUR


def restored(at: datetime = NOTICED) -> None:
    restores.tell(backup_at=BACKUP, now=at)
    recovery.ask_to_reconcile(actor_name="a test", now=at)
    while recovery.go_on(now=at):
        pass
    assert Restoration.objects.open().count() == 0


def started(broadcast: Broadcast, now: datetime = NOON) -> None:
    launch.send_broadcast(broadcast, actor=UserFactory(), now=now)


def test_who_waited_for_their_turn_as_the_backup_was_made_may_have_been_written_to() -> None:
    make_people(4)
    started(make_broadcast("Hello", per_minute=2))
    run(NOON)
    assert states() == ["queued"] * 2
    restored()

    # Those in line go out again under keys that the sandbox phone takes once.
    run_and_send(NOTICED + HOUR)
    assert states() == ["delivered"] * 2 + ["unknown_final"] * 2


def test_a_broadcast_that_was_to_begin_in_it_begins_for_the_second_time() -> None:
    make_people(2)
    broadcast = make_broadcast("Hello", timing="at", starts_at=NOON + 2 * HOUR)
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)
    restored()
    run(NOTICED + HOUR)
    assert states() == ["unknown_final"] * 2


def test_one_that_begins_afterwards_goes_out() -> None:
    make_people(2)
    restored()
    started(make_broadcast("Hello"), NOTICED + HOUR)
    run(NOTICED + HOUR)
    assert states() == ["queued"] * 2
