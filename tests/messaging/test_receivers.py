import pytest

from crm.services import merges
from messaging.models import InboundMessage, Suppression
from messaging.outbox.addresses import suppress
from tests.factories.crm import NOON, CustomerFactory
from tests.factories.messaging import MessageFactory

pytestmark = pytest.mark.django_db


def test_messages_move_with_the_survivor_and_suppression_stays_with_the_address() -> None:
    survivor, loser = CustomerFactory.create_batch(2)
    sent = MessageFactory(customer=loser)
    wrote = InboundMessage.objects.create(
        channel="sms", provider="sandbox", provider_id="1", from_address="x", body="Hi", reading="message",
        customer=loser, received_at=NOON,
    )  # fmt: skip
    suppress("sms", sent.address, scope="all", cause="stop", now=NOON)
    merges.merge_customers(survivor=survivor, loser=loser, reason="same person", actor=None, now=NOON)
    sent.refresh_from_db()
    wrote.refresh_from_db()
    assert (sent.customer, wrote.customer) == (survivor, survivor)
    assert Suppression.objects.get().address_hash == sent.address_hash
