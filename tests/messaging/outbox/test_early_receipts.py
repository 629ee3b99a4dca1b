"""Receipts that come before we know what their references mean."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest

from crm.models import Event
from messaging.channels.base import Accepted, News, Parcel, ReceiptIn, Repeat, Uncertain
from messaging.models import Message, Receipt
from messaging.outbox import receipts
from messaging.outbox.reconcile import reconcile
from messaging.outbox.sender import send_due
from tests.factories.messaging import MessageFactory
from tests.messaging.fakes import FakeProvider

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 4, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def tell(news: News, event_id: str, *, at: datetime, reference: str = "SM1") -> None:
    receipts.take_receipts([ReceiptIn("fake", event_id, news, at, reference=reference)], now=at)


def facts(message: Message) -> list[str]:
    found = Event.objects.filter(customer=message.customer, name__startswith="Message").order_by("pk")
    return list(found.values_list("name", flat=True))


def test_one_that_comes_while_the_reference_is_being_written_down_is_matched(fake: type[FakeProvider]) -> None:
    message = MessageFactory(queued_at=NOON - MINUTE)

    def answer(parcel: Parcel) -> Accepted:
        tell(News.DELIVERED, "r1", at=NOON)
        return Accepted("SM1")

    fake.answers = [answer]
    # What another transaction has not committed is not seen.
    with mock.patch.object(receipts, "_early", return_value=[]):
        send_due(now=NOON, limit=10)
    message.refresh_from_db()
    assert (message.state, Receipt.objects.get().message) == ("sent", None)
    assert reconcile(now=NOON + MINUTE) == {"delivered": 1}
    message.refresh_from_db()
    assert (message.state, message.delivered_at, Receipt.objects.get().message) == ("delivered", NOON, message)
    assert facts(message) == ["Message Sent", "Message Delivered"]
    assert reconcile(now=NOON + 2 * MINUTE) == {}


def test_one_whose_reference_was_learnt_by_asking_is_matched(fake: type[FakeProvider]) -> None:
    fake.traits = replace(fake.traits, repeat=Repeat.LOOKUP)
    message = MessageFactory(queued_at=NOON - MINUTE)
    fake.answers = [Uncertain("no answer")]
    send_due(now=NOON, limit=10)
    tell(News.UNDELIVERED, "r1", at=NOON + MINUTE)
    fake.known = {message.key: "SM1"}
    assert reconcile(now=NOON + 5 * MINUTE) == {"sent": 1, "failed": 1}
    message.refresh_from_db()
    assert (message.state, message.reason) == ("failed", "undelivered")
    assert facts(message) == ["Message Sent", "Message Failed"]


def test_what_is_no_message_of_ours_stays_nobodys(fake: type[FakeProvider]) -> None:
    MessageFactory(state="sent", provider="other", provider_reference="SM1")
    MessageFactory(state="sent", provider="fake", provider_reference="SM2")
    tell(News.DELIVERED, "r1", at=NOON)
    receipts.take_receipts([ReceiptIn("fake", "r2", News.DELIVERED, NOON)], now=NOON)
    assert reconcile(now=NOON + MINUTE) == {}
    assert set(Receipt.objects.values_list("message", flat=True)) == {None}
    assert set(Message.objects.values_list("state", flat=True)) == {"sent"}


def test_one_that_is_too_old_is_an_orphan(fake: type[FakeProvider]) -> None:
    tell(News.DELIVERED, "r1", at=NOON)
    MessageFactory(state="sent", provider="fake", provider_reference="SM1")
    assert reconcile(now=NOON + timedelta(hours=73)) == {}
    assert Receipt.objects.orphaned(NOON + timedelta(hours=73)).count() == 1
