"""What a message's way costs the database in writes."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from messaging.models import Message
from messaging.outbox.sender import send_due
from tests.factories.messaging import MessageFactory, opt_in, topic
from tests.messaging.fakes import FakeProvider

pytestmark = pytest.mark.django_db

DAY = datetime(2026, 3, 4, 5, tzinfo=UTC)


def _updates(table: str) -> tuple[int, int]:
    """How many rows were updated so far, and how many of these in their page, without any index."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relname = %s", [table])
        found: tuple[int, int] = cursor.fetchone()
        return found


@pytest.mark.postgres
def test_marking_a_message_and_writing_down_its_attempt_tell_no_index(fake: type[FakeProvider]) -> None:
    MessageFactory.create_batch(3, queued_at=DAY - timedelta(minutes=1))
    # The server may not have counted other tests' yet.
    before = {table: _updates(table) for table in ("messaging_message", "messaging_attempt")}
    assert send_due(now=DAY, limit=10) == {"sent": 3}
    since = {
        table: tuple(now - then for now, then in zip(_updates(table), before[table], strict=True)) for table in before
    }
    # Claimed, marked, sent.
    assert since == {"messaging_message": (9, 3), "messaging_attempt": (3, 3)}


def test_a_service_message_is_cleared_as_a_promotion_is(fake: type[FakeProvider]) -> None:
    service = MessageFactory(queued_at=DAY - timedelta(minutes=1))
    promotion = MessageFactory(topic=topic("promotions"), queued_at=DAY - timedelta(minutes=1))
    opt_in(promotion.customer, "promotions")
    send_due(now=DAY, limit=10)
    assert list(Message.objects.order_by("pk").values_list("pk", "cleared_at")) == [
        (service.pk, DAY), (promotion.pk, DAY),
    ]  # fmt: skip
