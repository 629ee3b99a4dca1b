"""From the button to the last message: everybody once, in their turn, in batches."""

from collections import Counter
from datetime import date, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.models import Customer, Segment
from messaging.broadcasts import audience, launch, work
from messaging.models import Broadcast, BroadcastRecipient, Message
from messaging.outbox.sender import send_due
from tests.factories.crm import NOON, CustomerFactory, UserFactory, later
from tests.factories.messaging import make_broadcast, make_people, make_template
from tests.messaging.broadcasts.conftest import run, run_and_send

pytestmark = pytest.mark.django_db

State = Broadcast.State
THAI = {"field": {"name": "language", "op": "eq", "value": "th"}}
Place = BroadcastRecipient.State


def started(broadcast: Broadcast) -> Broadcast:
    launch.send_broadcast(broadcast, actor=UserFactory(), now=NOON)
    return broadcast


def places(broadcast: Broadcast) -> Counter[str]:
    return Counter(broadcast.recipients.values_list("state", flat=True))


def test_everybody_in_the_audience_gets_one_message_and_nobody_else():
    inside = [CustomerFactory(language="th"), CustomerFactory(language="th")]
    CustomerFactory(language="en")
    broadcast = started(make_broadcast("Hello {{ customer.name }}", rule=THAI))

    run_and_send(NOON)

    broadcast.refresh_from_db()
    assert broadcast.state == State.DONE
    assert sorted(Message.objects.values_list("customer", "state", "body")) == [
        (customer.pk, "delivered", f"Hello {customer.name}") for customer in inside
    ]
    assert Message.objects.earliest("pk").cause == {
        "kind": "broadcast", "broadcast": str(broadcast.public_id), "name": "Spring", "variant": 1,
    }  # fmt: skip


def test_an_audience_of_nobody_is_done_at_once():
    broadcast = started(make_broadcast(rule={"field": {"name": "language", "op": "eq", "value": "fr"}}))

    run(NOON)

    broadcast.refresh_from_db()
    assert (broadcast.state, broadcast.ended_at) == (State.DONE, NOON)


def test_working_again_adds_nothing():
    make_people(5)
    started(make_broadcast())
    run_and_send(NOON)

    run_and_send(later(hours=1))

    assert Message.objects.count() == 5


def test_it_is_not_done_before_its_last_message_has_left():
    make_people(2)
    broadcast = started(make_broadcast())

    run(NOON)

    broadcast.refresh_from_db()
    assert broadcast.state == State.SENDING
    assert work.work_due(now=NOON) == 0


def test_a_batch_takes_the_same_number_of_queries_however_many_people_it_has():
    make_people(60)
    broadcast = started(make_broadcast("Hello", "Good day"))
    work.work_due(now=NOON, limit=2)
    spent = []
    for limit in (5, 50):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            work.work_due(now=NOON, limit=limit)
        spent.append(len(queries))

    assert spent[0] == spent[1] <= 27
    assert places(broadcast)[Place.QUEUED] == 57


def test_customers_are_looked_through_in_batches_and_nobody_is_left_out(monkeypatch):
    monkeypatch.setattr("messaging.broadcasts.work.audience.LOOKED_AT", 3)
    make_people(10)
    broadcast = started(make_broadcast(per_minute=20))

    batches = run(NOON)

    assert batches >= 4
    assert places(broadcast) == {Place.QUEUED: 10}


def test_whoever_comes_into_a_frozen_audience_after_the_start_gets_nothing():
    make_people(2, language="th")
    started(make_broadcast(rule=THAI, per_minute=1))
    run(NOON)
    late = CustomerFactory(language="th")

    for minute in range(1, 20):
        run_and_send(later(minutes=minute))

    assert Message.objects.count() == 2
    assert not Message.objects.filter(customer=late).exists()


def test_whoever_leaves_a_frozen_audience_after_the_start_still_gets_it():
    people = make_people(2, language="th")
    started(make_broadcast(rule=THAI, per_minute=1))
    run_and_send(NOON)
    Customer.objects.filter(pk=people[1].pk).update(language="en")

    run_and_send(later(minutes=1))

    assert Message.objects.filter(customer=people[1]).count() == 1


def test_a_live_audience_is_asked_again_when_somebodys_turn_comes():
    people = make_people(3, language="th")
    broadcast = started(make_broadcast(rule=THAI, per_minute=1, is_live=True))
    run_and_send(NOON)
    Customer.objects.filter(pk=people[2].pk).update(language="en")
    newcomer = CustomerFactory(language="th")

    for minute in range(1, 12):
        run_and_send(later(minutes=minute))

    broadcast.refresh_from_db()
    assert broadcast.state == State.DONE
    written = set(Message.objects.values_list("customer", flat=True))
    assert broadcast.recipients.get(customer=people[2]).state == Place.LEFT
    assert written == {people[0].pk, people[1].pk}
    assert newcomer.pk not in written  # it was over before the next look


def test_a_live_audience_takes_newcomers_in_until_the_end():
    make_people(8, language="th")
    started(make_broadcast(rule=THAI, per_minute=1, is_live=True))
    run_and_send(NOON)
    newcomer = CustomerFactory(language="th")

    for minute in range(1, 15):
        run_and_send(later(minutes=minute))

    assert Message.objects.filter(customer=newcomer).count() == 1
    assert Message.objects.count() == 9


def test_a_segment_is_asked_by_its_rule():
    Segment.objects.create(slug="thai", name="Thai", rule=THAI)
    inside = CustomerFactory(language="th")
    CustomerFactory(language="en")
    started(make_broadcast(rule={"segment": "thai"}))

    run(NOON)

    assert list(Message.objects.values_list("customer", flat=True)) == [inside.pk]


def test_a_segment_that_is_gone_pauses_it_and_says_why():
    segment = Segment.objects.create(slug="thai", name="Thai", rule={})
    make_people(1)
    broadcast = started(make_broadcast(rule={"segment": "thai"}))
    segment.delete()

    run(NOON)

    broadcast.refresh_from_db()
    assert (broadcast.state, broadcast.halt) == (State.PAUSED, Broadcast.Halt.BAD_RULE)
    assert Message.objects.count() == 0


def test_each_gets_the_variant_of_their_lot():
    make_people(40)
    broadcast = started(make_broadcast("One", "Two", weights=(3, 1)))

    run_and_send(NOON)

    texts = Counter(Message.objects.values_list("recipient__variant", "body"))
    assert set(texts) == {(1, "One"), (2, "Two")}
    assert texts.total() == 40
    assert texts[1, "One"] > texts[2, "Two"] > 0
    assert {message.cause["variant"] for message in Message.objects.filter(body="Two")} == {2}
    assert broadcast.recipients.filter(message=None).count() == 0


def test_a_template_of_the_library_is_sent_in_the_customers_language():
    make_template("spring", en="Spring!", th="ฤดูใบไม้ผลิ!")
    make_people(1, language="th")
    broadcast = make_broadcast("")
    broadcast.variants.update(template="spring", body="")
    started(broadcast)

    run_and_send(NOON)

    assert list(Message.objects.values_list("body", flat=True)) == ["ฤดูใบไม้ผลิ!"]


def test_with_a_limit_a_minute_messages_are_spread_evenly():
    make_people(5)
    started(make_broadcast(per_minute=2))

    run(NOON)
    assert list(Message.objects.order_by("due_at").values_list("due_at", flat=True)) == [NOON, later(seconds=30)]

    run_and_send(later(seconds=30))
    due = list(Message.objects.order_by("due_at").values_list("due_at", flat=True))
    assert due == [later(seconds=30 * place) for place in range(4)]


def test_what_could_not_leave_does_not_pile_up_behind_the_limit():
    make_people(9)
    started(make_broadcast(per_minute=2))

    for minute in range(5):  # nothing is sent meanwhile
        run(later(minutes=minute))

    assert Message.objects.count() == 2


def test_a_time_of_their_own_comes_to_each_in_their_zone():
    bangkok, berlin = CustomerFactory(time_zone="Asia/Bangkok"), CustomerFactory(time_zone="Europe/Berlin")
    broadcast = make_broadcast(timing="local", local_date=date(2026, 3, 4), local_time=time(9), expires_after=2)
    started(broadcast)

    run_and_send(later(hours=37, minutes=59))
    assert Message.objects.count() == 0
    run_and_send(later(hours=38))  # 2026-03-04 02:00 UTC
    assert list(Message.objects.values_list("customer", flat=True)) == [bangkok.pk]
    run_and_send(later(hours=44))
    assert list(Message.objects.order_by("pk").values_list("customer", flat=True)) == [bangkok.pk, berlin.pk]
    message = Message.objects.get(customer=berlin)
    assert message.expires_at == later(hours=46)
    broadcast.refresh_from_db()
    assert broadcast.state == State.DONE


def test_for_whom_the_hour_was_over_at_the_start_it_is_that_of_the_next_day():
    CustomerFactory(time_zone="Asia/Tokyo")  # 21:00 at NOON
    broadcast = make_broadcast(timing="local", local_date=NOON.date(), local_time=time(20))
    started(broadcast)

    run(NOON)

    assert broadcast.recipients.get().due_at == later(hours=23)


def test_one_that_starts_later_waits_until_then():
    make_people(1)
    broadcast = started(make_broadcast(timing="at", starts_at=later(hours=2)))

    run(later(hours=1))
    assert Message.objects.count() == 0
    assert work.next_due_at() == later(hours=2)

    run(later(hours=2))
    assert Message.objects.count() == 1
    broadcast.refresh_from_db()
    assert broadcast.started_at == later(hours=2)


def test_merged_records_get_nothing():
    survivor, loser = make_people(2)
    started(make_broadcast())
    Customer.objects.filter(pk=loser.pk).update(merged_into=survivor)

    run(NOON)

    assert list(Message.objects.values_list("customer", flat=True)) == [survivor.pk]


def test_a_batch_that_fails_leaves_nothing_behind(monkeypatch):
    make_people(3)
    broadcast = started(make_broadcast())
    run_once = work.work_due
    run_once(now=NOON, limit=1)
    with monkeypatch.context() as patch:
        patch.setattr(Broadcast, "save", broken)
        with pytest.raises(RuntimeError):
            run_once(now=NOON, limit=1)

    run(NOON)

    assert Message.objects.count() == 3
    assert places(broadcast) == {Place.QUEUED: 3}


def broken(*args, **kwargs):
    raise RuntimeError("killed")


def test_whoever_is_on_the_list_already_gets_no_second_message():
    people = make_people(3)
    broadcast = started(make_broadcast())
    work.work_due(now=NOON, limit=1)
    # Their records became one: the place of the first is that of the last now, who is still to be looked at.
    broadcast.recipients.update(customer=people[2])

    run(NOON)

    assert list(Message.objects.order_by("pk").values_list("customer", flat=True)) == [people[0].pk, people[1].pk]
    assert sorted(broadcast.recipients.values_list("customer", "state")) == [
        (people[1].pk, Place.QUEUED), (people[2].pk, Place.QUEUED),
    ]  # fmt: skip
    broadcast.refresh_from_db()
    assert broadcast.people == 2


def test_without_approval_nobody_is_written_to_before_it_is_known_how_many_it_reaches():
    make_people(3)
    broadcast = started(make_broadcast())
    Broadcast.objects.filter(pk=broadcast.pk).update(most_people=2)

    run(NOON)

    broadcast.refresh_from_db()
    assert (broadcast.state, broadcast.halt) == (State.PAUSED, Broadcast.Halt.TOO_MANY)
    assert Message.objects.count() == 0


def test_one_that_fails_keeps_no_other_from_its_turn(monkeypatch):
    make_people(2)
    broken_one, other = started(make_broadcast(number=1)), started(make_broadcast(number=2, name="Summer"))
    look = audience.look_through

    def look_through(broadcast, **options):
        if broadcast == broken_one:
            raise RuntimeError("no more")
        return look(broadcast, **options)

    monkeypatch.setattr(audience, "look_through", look_through)
    assert work.work_due(now=NOON) == 2
    while sum(send_due(now=NOON, limit=10).values()):
        pass
    assert work.work_due(now=NOON) == 1
    with pytest.raises(RuntimeError, match="no more"):
        work.work_due(now=NOON)

    other.refresh_from_db()
    assert (other.state, places(other)) == (State.DONE, {Place.QUEUED: 2})
    assert places(broken_one) == {}


def test_two_broadcasts_take_turns():
    make_people(4)
    first, second = started(make_broadcast(number=1)), started(make_broadcast(number=2, name="Summer"))

    work.work_due(now=NOON, limit=2)

    assert places(first)[Place.QUEUED] == places(second)[Place.QUEUED] == 2


def test_what_comes_next_is_known():
    assert work.next_due_at() is None
    make_people(2)
    started(make_broadcast(timing="local", local_date=date(2026, 3, 4), local_time=time(9)))
    assert work.next_due_at() == later(hours=31)  # where the day begins first

    run(later(hours=31))

    assert work.next_due_at() == later(hours=38)


def test_the_dedupe_key_names_broadcast_and_customer():
    (person,) = make_people(1)
    broadcast = started(make_broadcast())

    run(NOON)

    assert Message.objects.get().dedupe_key == f"broadcast:{broadcast.public_id}:{person.pk}"
    assert Message.objects.get().expires_at == NOON + timedelta(hours=24)
