"""Two records that turn out to be one person get one message of a broadcast."""

import pytest

from crm.services import merges
from messaging.broadcasts import launch
from messaging.broadcasts.merging import merge_recipients
from messaging.models import Broadcast, Message
from tests.factories.crm import NOON, CustomerFactory, UserFactory, later
from tests.factories.messaging import make_broadcast, make_people
from tests.messaging.broadcasts.conftest import run, run_and_send

pytestmark = pytest.mark.django_db


def one_has_it_one_waits() -> Broadcast:
    make_people(2)
    broadcast = make_broadcast(per_minute=1)
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)
    run(NOON)
    return broadcast


def merged(broadcast: Broadcast, survivor: int, loser: int) -> None:
    people = [row.customer for row in broadcast.recipients.order_by("pk")]
    merge_recipients(survivor=people[survivor], loser=people[loser])


@pytest.mark.parametrize(("survivor", "loser"), [(0, 1), (1, 0)])
def test_whichever_of_them_had_a_message_the_other_gets_none(survivor, loser):
    broadcast = one_has_it_one_waits()

    merged(broadcast, survivor, loser)

    for minute in range(5):
        run_and_send(later(minutes=minute))
    assert Message.objects.count() == 1
    assert sorted(broadcast.recipients.values_list("state", flat=True)) == ["left", "queued"]


def test_while_both_wait_the_survivor_keeps_a_place():
    people = make_people(3)
    broadcast = make_broadcast(per_minute=1)
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)
    run(NOON)

    merge_recipients(survivor=people[1], loser=people[2])

    for minute in range(5):
        run_and_send(later(minutes=minute))
    assert sorted(Message.objects.values_list("customer", flat=True)) == [people[0].pk, people[1].pk]


def test_who_was_not_on_the_list_takes_the_others_place():
    people = make_people(2, language="th")
    broadcast = make_broadcast(rule={"field": {"name": "language", "op": "eq", "value": "th"}}, per_minute=1)
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)
    run(NOON)
    survivor = CustomerFactory(language="en")

    merge_recipients(survivor=survivor, loser=people[1])

    run_and_send(later(minutes=1))
    run_and_send(later(minutes=2))
    assert Message.objects.filter(customer=survivor).count() == 1
    assert Message.objects.filter(customer=people[1]).count() == 0


def test_merging_records_calls_it():
    broadcast = one_has_it_one_waits()
    had, waits = [row.customer for row in broadcast.recipients.order_by("pk")]

    merges.merge_customers(survivor=had, loser=waits, reason="same person", actor=UserFactory(), now=later(seconds=1))

    assert broadcast.recipients.get(state="left").message is None
