import pytest

from messaging.models import Message
from messaging.outbox.cancel import cancel_queued
from messaging.outbox.sender import send_due
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.messaging import MessageFactory, phone_of

pytestmark = pytest.mark.django_db


def test_what_waits_for_a_customer_is_cancelled_and_not_sent() -> None:
    customer = CustomerFactory()
    MessageFactory.create_batch(2, customer=customer)
    other = MessageFactory()
    assert cancel_queued(customer_ids=[customer.pk], now=NOON) == 2
    send_due(now=NOON, limit=10)
    assert phone_of(customer) == []
    assert phone_of(other.customer) == ["Hello"]
    rows = Message.objects.filter(customer=customer)
    assert set(rows.values_list("state", "reason", "ended_at")) == {("cancelled", "stopped", NOON)}


def test_only_the_messages_of_one_enrolment_can_be_cancelled() -> None:
    customer = CustomerFactory()
    left = MessageFactory(customer=customer, cause={"kind": "flow", "enrolment": 7})
    stays = MessageFactory(customer=customer, cause={"kind": "flow", "enrolment": 77})
    own = MessageFactory(customer=customer, cause={"kind": "staff"})
    assert cancel_queued(customer_ids=[customer.pk], enrolment_ids=[7], now=NOON) == 1
    assert set(Message.objects.filter(state="queued")) == {stays, own}
    left.refresh_from_db()
    assert left.state == "cancelled"


@pytest.mark.parametrize("state", ["sent", "delivered", "failed", "withheld", "unknown"])
def test_what_has_left_or_ended_stays_as_it_is(state: str) -> None:
    message = MessageFactory(state=state)
    assert cancel_queued(customer_ids=[message.customer_id], now=NOON) == 0


def test_a_message_that_may_already_be_out_is_not_called_cancelled() -> None:
    message = MessageFactory(wire_at=NOON)
    assert cancel_queued(customer_ids=[message.customer_id], now=NOON) == 0
