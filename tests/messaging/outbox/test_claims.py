from datetime import timedelta
from threading import Event as Signal
from threading import Thread
from uuid import UUID

import pytest
from django.db import connection, connections, transaction

from crm.models import Customer
from messaging.models import Message
from messaging.outbox import claims
from messaging.outbox.claims import LEASE, Claim, claim, release
from messaging.outbox.sender import send_due
from tests.factories.crm import CustomerFactory
from tests.factories.messaging import MessageFactory, opt_in, states, topic
from tests.messaging.outbox.test_policy import NOON

SECOND = timedelta(seconds=1)


def take(limit: int = 100, lane: int | None = 0) -> Claim:
    return claim(channel="sms", lane=lane, provider="fake", now=NOON, limit=limit)


@pytest.mark.django_db
class TestClaiming:
    def test_a_claimed_message_is_in_one_pair_of_hands_for_a_minute(self) -> None:
        message = MessageFactory(queued_at=NOON)
        taken = take()
        assert taken.messages == [message]
        (held,) = taken.messages
        assert (held.state, held.lease_token, held.lease_until) == ("sending", taken.token, NOON + LEASE)
        assert (held.attempts, held.provider) == (1, "fake")
        assert take().messages == []

    def test_what_was_stopped_or_has_another_owner_is_not_marked(self) -> None:
        for _ in range(4):
            MessageFactory(queued_at=NOON)
        taken = take()
        going, stopped, lost, left_out = taken.messages
        Message.objects.filter(pk=stopped.pk).update(state="cancelled")
        Message.objects.filter(pk=lost.pk).update(lease_token="another")
        rows = [{"id": it.pk, "lease_token": taken.token, "body": "Going out"} for it in (lost, stopped, going)]

        assert claims.mark(rows, fields=["body"]) == {going.pk}
        assert claims.mark(rows[-1:], fields=["body"]) == {going.pk}

        said = dict(Message.objects.values_list("pk", "body"))
        assert [pk for pk, body in said.items() if body == "Going out"] == [going.pk]
        assert left_out.pk in said
        assert claims.mark([], fields=["body"]) == set()

    def test_only_the_head_of_each_line_is_taken(self) -> None:
        customer = CustomerFactory()
        first = MessageFactory(customer=customer, queued_at=NOON)
        MessageFactory(customer=customer, queued_at=NOON)
        on_another_channel = MessageFactory(customer=customer, channel="email", queued_at=NOON)
        assert take().messages == [first]
        assert claim(channel="email", lane=0, provider="x", now=NOON, limit=9).messages == [on_another_channel]

    @pytest.mark.parametrize("state", ["sending", "unknown"])
    def test_what_is_in_flight_or_unclear_keeps_its_place(self, state: str) -> None:
        ahead = MessageFactory(state=state, queued_at=NOON)
        MessageFactory(customer=ahead.customer, queued_at=NOON)
        assert take().messages == []

    @pytest.mark.parametrize("state", ["sent", "delivered", "failed", "withheld", "cancelled", "unknown_final", "dead"])
    def test_what_has_ended_holds_nobody_up(self, state: str) -> None:
        ahead = MessageFactory(state=state, queued_at=NOON)
        behind = MessageFactory(customer=ahead.customer, queued_at=NOON)
        assert take().messages == [behind]

    def test_the_oldest_are_taken_first_and_no_more_than_the_limit(self) -> None:
        rows = [MessageFactory(queued_at=NOON, due_at=NOON - number * SECOND) for number in range(5)]
        assert take(limit=3).messages == [rows[4], rows[3], rows[2]]

    def test_the_rows_come_with_all_that_is_needed(self, django_assert_num_queries: object) -> None:
        MessageFactory.create_batch(3, queued_at=NOON)
        taken = take()
        with django_assert_num_queries(0):  # type: ignore[operator]
            assert {(taken.people[m.customer_id].name[:8], m.topic.slug, m.template) for m in taken.messages} == {
                ("Customer", "order_updates", None)
            }

    def test_released_it_is_as_if_it_had_never_been_taken(self) -> None:
        message = MessageFactory(queued_at=NOON)
        taken = take()
        release(taken.messages, taken.token, due_at=NOON + SECOND)
        message.refresh_from_db()
        assert (message.state, message.attempts, message.due_at, message.lease_until) == (
            "queued",
            0,
            NOON + SECOND,
            None,
        )

    def test_a_write_with_a_lost_token_changes_nothing(self) -> None:
        taken = take_one()
        Message.objects.update(lease_token="another worker's")
        rows = [{"id": taken.messages[0].pk, "lease_token": taken.token, "state": "sent"}]
        claims.write(rows, fields=("state",))
        assert states() == ["sending"]


def take_one() -> Claim:
    MessageFactory(queued_at=NOON)
    return take()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_workers_never_decide_on_one_customers_promotions_at_once() -> None:
    """Else both would count the day's messages before the other's, and a cap of one would let two through."""
    customer = CustomerFactory()
    opt_in(customer, "promotions")
    MessageFactory(customer=customer, topic=topic("promotions"), queued_at=NOON)
    deciding, done = Signal(), Signal()

    def another_worker() -> None:
        with transaction.atomic():
            Customer.objects.select_for_update(no_key=True).get(pk=customer.pk)
            deciding.set()
            done.wait(10)
        connections.close_all()

    worker = Thread(target=another_worker)
    worker.start()
    assert deciding.wait(10)
    assert send_due(now=NOON, limit=10) == {}
    done.set()
    worker.join()
    assert states() == ["queued"]
    assert send_due(now=NOON + SECOND, limit=10) == {"delivered": 1}


@pytest.mark.postgres
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("which", "index"), [(claims._LANE, "message_due"), (claims._SUSPECTS, "message_suspect")], ids=["lane", "suspects"]
)
def test_claiming_reads_only_the_indexes_made_for_it(which: str, index: str) -> None:
    a_log_of_many_messages()
    may = f"{claims._NOT_HELD} AND {claims._SAME_BOOK}"
    sql = claims._CLAIM.format(which=which, may=may, lock="FOR UPDATE OF m SKIP LOCKED")
    values = {
        "channel": "sms", "lane": 0, "provider": "x", "limit": 9, "token": "t", "now": NOON, "until": NOON,
        "book": UUID(int=1), "beat": 0,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}", values)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert index in plan
    assert "message_line" in plan
    assert "Seq Scan on messaging_message" not in plan


def a_log_of_many_messages() -> None:
    """So many that reading all of them would be dear, most of them long ended; and the planner knows it."""
    customers, service = CustomerFactory.create_batch(20), topic("order_updates")
    Message.objects.bulk_create(
        Message(
            customer=customers[number % 20],
            dedupe_key=str(number),
            channel="sms",
            topic=service,
            lane=0,
            queued_at=NOON,
            planned_at=NOON,
            due_at=NOON - number * SECOND,
            state="queued" if number % 10 == 0 else "delivered",
            crashes=3 if number % 250 == 0 else 0,
        )
        for number in range(5_000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE messaging_message")
