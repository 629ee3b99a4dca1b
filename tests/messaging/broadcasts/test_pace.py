"""A broadcast to very many leaves room in the line for everybody else."""

import pytest

from crm.lib import bell
from messaging import tasks
from messaging.broadcasts import launch, work
from messaging.models import Broadcast, ChannelSettings, Message
from messaging.outbox.queue import MessageRequest, queue_messages
from messaging.outbox.sender import send_due
from tests.factories.crm import NOON, CustomerFactory, UserFactory, later
from tests.factories.messaging import make_broadcast, make_people, topic
from tests.messaging.broadcasts.conftest import run, run_and_send

pytestmark = pytest.mark.django_db

THAI = {"field": {"name": "language", "op": "eq", "value": "th"}}
FRENCH = {"field": {"name": "language", "op": "eq", "value": "fr"}}
ENGLISH = {"field": {"name": "language", "op": "eq", "value": "en"}}


@pytest.fixture(autouse=True)
def _a_short_line(monkeypatch):
    monkeypatch.setattr("messaging.broadcasts.pace.LINE", 10)


def started(broadcast: Broadcast) -> Broadcast:
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)
    return broadcast


def waiting() -> int:
    return Message.objects.queued().count()


def test_it_adds_to_a_short_line_only():
    make_people(40)
    started(make_broadcast())

    run(NOON, limit=4)

    assert waiting() == 12  # three batches: the line had room before the third
    assert work.work_due(now=NOON, limit=4) == 0


def test_without_room_nobody_is_looked_for_where_many_are_meant():
    make_people(40)
    broadcast = started(make_broadcast())

    run(NOON, limit=4)

    assert (waiting(), broadcast.recipients.count()) == (12, 12)


def test_a_few_among_many_are_looked_for_without_room_but_no_further_ahead_than_a_batch(monkeypatch):
    monkeypatch.setattr("messaging.broadcasts.expansion.FEW", 2)
    monkeypatch.setattr("messaging.broadcasts.audience.LOOKED_AT", 6)
    for number in range(36):
        CustomerFactory(language="th" if number % 3 else "fr")
    started(make_broadcast(rule=THAI))
    run(NOON, limit=10)
    few = started(make_broadcast(number=2, name="Summer", rule=FRENCH))

    run(NOON, limit=4)

    assert few.recipients.filter(message=None).count() == 4
    assert Message.objects.filter(recipient__broadcast=few).count() == 0


def test_it_goes_on_as_messages_leave_the_line_and_everybody_gets_one():
    people = make_people(40)
    broadcast = started(make_broadcast())

    for _ in range(12):
        run(NOON, limit=4)
        send_due(now=NOON, limit=5)
    run_and_send(NOON)

    broadcast.refresh_from_db()
    assert broadcast.state == Broadcast.State.DONE
    assert sorted(Message.objects.values_list("customer", flat=True)) == [person.pk for person in people]


def test_a_small_one_does_not_wait_for_all_of_a_huge_one():
    make_people(60, language="th")
    few = [CustomerFactory(language="en") for _ in range(3)]
    started(make_broadcast(rule=THAI))
    run(NOON, limit=5)
    small = started(make_broadcast(number=2, name="Summer", rule=ENGLISH))

    for minute in range(1, 4):
        run(later(minutes=minute), limit=5)
        send_due(now=later(minutes=minute), limit=6)

    small.refresh_from_db()
    assert Message.objects.filter(customer__in=few, state="delivered").count() == 3
    assert Message.objects.filter(customer__language="th", state="delivered").count() <= 15


def test_a_service_message_goes_before_the_rest_of_it():
    make_people(60)
    started(make_broadcast(topic=topic("promotions")))
    run(NOON, limit=5)
    customer = CustomerFactory(phone="+66812340000")
    request = MessageRequest(
        customer_id=customer.pk, channel="sms", topic="order_updates", body="Your order is on its way",
        dedupe_key="order:1",
    )  # fmt: skip
    queue_messages([request], now=later(seconds=5))

    send_due(now=later(seconds=5), limit=1)

    assert list(Message.objects.exclude(state="queued").values_list("dedupe_key", "state")) == [
        ("order:1", "delivered")
    ]


def test_a_full_line_of_one_channel_holds_nobody_up_on_another():
    make_people(20)
    CustomerFactory(phone="", email="ada@example.com", language="fr")
    ChannelSettings.objects.get_or_create(channel="email", defaults={"provider": "sandbox"})
    started(make_broadcast())
    run(NOON, limit=10)
    by_email = make_broadcast(number=2, name="Letter", channel="email", rule=FRENCH)
    by_email.variants.update(subject="Hello")
    started(by_email)

    run(NOON, limit=10)

    assert list(Message.objects.filter(channel="email").values_list("recipient__broadcast", flat=True)) == [by_email.pk]


def test_of_a_channel_with_a_limit_a_second_a_minutes_worth_is_enough(monkeypatch):
    monkeypatch.setattr("messaging.broadcasts.pace.LINE", 1_000)
    ChannelSettings.objects.filter(channel="sms").update(max_per_second=1)
    make_people(90)
    started(make_broadcast())

    run(NOON, limit=20)

    assert waiting() == 60


def test_what_is_held_until_the_morning_takes_no_room():
    make_people(30)
    started(make_broadcast())
    run(NOON, limit=10)
    Message.objects.update(due_at=later(hours=9))

    run(later(minutes=1), limit=10)

    assert waiting() == 20


def test_whoever_sends_rings_for_broadcasts_that_wait_for_room(monkeypatch, django_capture_on_commit_callbacks):
    make_people(30)
    rung: list[str] = []
    monkeypatch.setattr(bell, "_ringers", [rung.append])
    with django_capture_on_commit_callbacks(execute=True):
        started(make_broadcast())
        run(NOON, limit=10)
    rung.clear()

    with django_capture_on_commit_callbacks(execute=True):
        tasks.send_due()

    assert launch.BELL in rung


def test_nobody_is_rung_for_when_no_broadcast_is_under_way(monkeypatch, django_capture_on_commit_callbacks):
    customer = CustomerFactory(phone="+66812340000")
    request = MessageRequest(
        customer_id=customer.pk, channel="sms", topic="order_updates", body="Thank you", dedupe_key="order:1"
    )
    rung: list[str] = []
    monkeypatch.setattr(bell, "_ringers", [rung.append])
    with django_capture_on_commit_callbacks(execute=True):
        queue_messages([request], now=NOON)
    rung.clear()

    with django_capture_on_commit_callbacks(execute=True):
        tasks.send_due()

    assert Message.objects.get().state == "delivered"
    assert launch.BELL not in rung
