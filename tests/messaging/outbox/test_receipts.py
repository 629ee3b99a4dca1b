from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.models import Event
from messaging.channels.base import News, ReceiptIn
from messaging.models import Message, Receipt, Suppression
from messaging.outbox.receipts import take_receipts
from tests.factories.crm import NOON
from tests.factories.messaging import MessageFactory

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(minutes=5)


def sent(**values: Any) -> Message:
    row = {"state": "sent", "provider": "fake", "sent_at": NOON, "wire_at": NOON}
    message: Message = MessageFactory(**{**row, **values})
    if "provider_reference" not in values:
        message.provider_reference = f"ref-{message.pk}"
        message.save()
    return message


def receipt(message: Message, news: News, event_id: str = "r1", **values: Any) -> ReceiptIn:
    fields = {"provider": "fake", "at": LATER, "reference": message.provider_reference, **values}
    return ReceiptIn(event_id=event_id, news=news, **fields)


def facts(message: Message) -> list[str]:
    return list(
        Event.objects.filter(customer=message.customer, name__startswith="Message").values_list("name", flat=True)
    )


def test_a_delivered_message_is_told_on_the_timeline_at_the_time_it_happened() -> None:
    message = sent()
    assert take_receipts([receipt(message, News.DELIVERED, raw={"status": "DELIVRD"})], now=LATER) == {"delivered": 1}
    message.refresh_from_db()
    assert (message.state, message.delivered_at, message.ended_at) == ("delivered", LATER, LATER)
    fact = Event.objects.get(name="Message Delivered")
    assert (fact.customer, fact.occurred_at, fact.object_id) == (message.customer, LATER, message.pk)
    stored = Receipt.objects.get()
    assert (stored.message, stored.news, stored.raw) == (message, "delivered", {"status": "DELIVRD"})


def test_the_same_receipt_three_times_is_one_row_and_one_fact() -> None:
    message = sent()
    again = receipt(message, News.DELIVERED)
    take_receipts([again, again], now=LATER)
    assert take_receipts([again], now=LATER) == {}
    assert Receipt.objects.count() == 1
    assert facts(message) == ["Message Delivered"]


def test_receipts_in_the_wrong_order_leave_the_furthest_state() -> None:
    message = sent()
    take_receipts([receipt(message, News.DELIVERED, "r2", at=LATER + timedelta(minutes=1))], now=LATER)
    assert take_receipts([receipt(message, News.SENT, "r1"), receipt(message, News.UNDELIVERED, "r0")], now=LATER) == {}
    message.refresh_from_db()
    assert (message.state, message.reason) == ("delivered", "")
    assert Receipt.objects.count() == 3  # all kept
    assert facts(message) == ["Message Delivered"]


def test_a_batch_is_applied_in_the_order_things_happened() -> None:
    message = sent()
    late, early = LATER + timedelta(minutes=1), LATER
    counts = take_receipts(
        [receipt(message, News.DELIVERED, "b", at=late), receipt(message, News.UNDELIVERED, "a", at=early)], now=late
    )
    message.refresh_from_db()
    assert (counts, message.state) == ({"delivered": 1}, "delivered")


def test_a_message_found_by_our_own_key() -> None:
    message = sent(provider_reference="")
    take_receipts([receipt(message, News.DELIVERED, key=message.key, reference="SM9")], now=LATER)
    message.refresh_from_db()
    assert (message.state, message.provider_reference) == ("delivered", "SM9")


def test_another_providers_reference_is_not_taken_for_ours() -> None:
    message = sent(provider="other")
    take_receipts([receipt(message, News.DELIVERED)], now=LATER)
    message.refresh_from_db()
    assert message.state == "sent"


@pytest.mark.parametrize("reference", ["never-heard-of", "x" * 300])
def test_an_unknown_reference_is_kept_and_moves_nothing(reference: str) -> None:
    take_receipts([ReceiptIn("fake", "r1", News.DELIVERED, LATER, reference=reference, key="not a key")], now=LATER)
    stored = Receipt.objects.get()
    assert (stored.message, stored.reference) == (None, reference[:200])


def test_undelivered_is_a_failure_with_its_reason() -> None:
    message = sent()
    assert take_receipts([receipt(message, News.UNDELIVERED, detail="handset off for 3 days")], now=LATER) == {
        "failed": 1
    }
    message.refresh_from_db()
    assert (message.state, message.reason, message.detail) == ("failed", "undelivered", "handset off for 3 days")
    assert facts(message) == ["Message Failed"]
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(
    ("news", "scope", "state"),
    [
        (News.BLOCKED, "marketing", "failed"),
        (News.UNKNOWN_ADDRESS, "all", "failed"),
        (News.COMPLAINED, "marketing", "delivered"),
    ],
)
def test_what_a_receipt_says_of_the_address_is_remembered(news: News, scope: str, state: str) -> None:
    message = sent()
    take_receipts([receipt(message, news), receipt(message, news, "r2")], now=LATER)
    message.refresh_from_db()
    assert message.state == state
    suppression = Suppression.objects.get()
    assert (suppression.scope, suppression.address_hash) == (scope, message.address_hash)
    assert message.address not in str(suppression.__dict__.values())


def test_a_receipt_settles_what_was_unclear() -> None:
    message = sent(state="unknown", unknown_at=NOON, sent_at=None)
    take_receipts([receipt(message, News.DELIVERED)], now=LATER)
    message.refresh_from_db()
    assert (message.state, message.unknown_at, message.sent_at) == ("delivered", None, LATER)


@pytest.mark.parametrize("state", ["withheld", "cancelled"])
def test_a_receipt_does_not_move_what_never_went_out(state: str) -> None:
    message = sent(state=state)
    take_receipts([receipt(message, News.DELIVERED)], now=LATER)
    message.refresh_from_db()
    assert message.state == state


def test_the_number_of_queries_does_not_grow_with_the_batch() -> None:
    def queries(count: int, offset: int) -> int:
        found = [receipt(sent(), News.DELIVERED, f"q{offset + index}") for index in range(count)]
        with CaptureQueriesContext(connection) as captured:
            take_receipts(found, now=LATER)
        return len(captured)

    queries(1, 1000)  # reads what is configured
    assert queries(2, 0) == queries(30, 100)


def test_no_receipts_are_no_work() -> None:
    with CaptureQueriesContext(connection) as captured:
        assert take_receipts([], now=LATER) == {}
    assert not [query for query in captured if "SAVEPOINT" not in query["sql"]]
