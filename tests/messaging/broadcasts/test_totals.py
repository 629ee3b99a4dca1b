"""What came of a broadcast, counted often while much happens and seldom when little does."""

import pytest

from messaging import tasks
from messaging.broadcasts import launch, totals
from messaging.models import Broadcast, Message
from tests.factories.crm import NOON, UserFactory, later
from tests.factories.messaging import make_broadcast, make_people
from tests.messaging.broadcasts.conftest import run, run_and_send

pytestmark = pytest.mark.django_db


def started(**fields) -> Broadcast:
    broadcast = make_broadcast(**fields)
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)
    run(NOON)
    return broadcast


def kept(broadcast: Broadcast) -> dict[str, int]:
    broadcast.refresh_from_db()
    found: dict[str, int] = broadcast.totals["counts"]
    return found


def test_a_draft_and_one_that_has_not_started_are_not_counted():
    make_broadcast()
    later_on = make_broadcast(number=2, timing="at", starts_at=later(hours=1))
    launch.send_broadcast(later_on, actor=UserFactory(), now=NOON)

    assert totals.count_due(now=NOON) == 0


def test_at_first_it_is_counted_every_minute():
    make_people(2)
    broadcast = started()
    totals.count_due(now=NOON)
    assert kept(broadcast) == {"queued": 2}
    Message.objects.update(state="delivered")

    assert totals.count_due(now=later(seconds=59)) == 0
    assert totals.count_due(now=later(seconds=60)) == 1

    assert kept(broadcast) == {"delivered": 2}
    assert broadcast.counted_at == later(seconds=60)


def test_the_older_it_is_the_less_often():
    make_people(1)
    started()

    totals.count_due(now=later(days=24))

    assert Broadcast.objects.get().recount_at == later(days=25)


def test_when_it_ends_it_is_counted_at_once():
    make_people(2)
    broadcast = started()
    totals.count_due(now=NOON)

    run_and_send(NOON)
    assert totals.count_due(now=NOON) == 1

    assert (kept(broadcast), broadcast.state) == ({"delivered": 2}, "done")


def test_so_it_is_when_it_is_cancelled():
    make_people(2)
    broadcast = started()
    totals.count_due(now=NOON)

    launch.cancel_broadcast(broadcast, now=NOON)
    assert totals.count_due(now=NOON) == 1

    assert kept(broadcast) == {"cancelled": 2}


def test_only_so_many_are_counted_at_once_the_longest_waiting_first():
    make_people(1)
    first, second = started(number=1), started(number=2)
    totals.count(first, now=NOON)

    assert totals.count_due(now=later(hours=1), limit=1) == 1

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.counted_at, second.counted_at) == (NOON, later(hours=1))


def test_the_task_counts():
    make_people(1)
    broadcast = started()

    tasks.send_broadcasts()

    broadcast.refresh_from_db()
    assert broadcast.counted_at is not None
