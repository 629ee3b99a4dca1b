import pytest

from messaging.inbound.phone import (
    NotOnThePhone,
    report_by_hand,
    reports_by_hand,
    simulate_receipt,
    write_back,
)
from messaging.models import Message, SandboxText, Suppression
from messaging.outbox.sender import send_due
from tests.factories.crm import NOON
from tests.factories.messaging import MessageFactory

pytestmark = pytest.mark.django_db


def sent() -> Message:
    message: Message = MessageFactory(queued_at=NOON)
    send_due(now=NOON, limit=10)
    return message


def test_what_its_owner_writes_is_on_the_phone_and_reaches_us() -> None:
    message = sent()
    row = write_back(address=message.address, channel="sms", body="Thanks!", now=NOON)
    assert row.customer == message.customer
    assert row.ticket is not None
    texts = SandboxText.objects.filter(address=message.address).order_by("pk").values_list("is_from_us", "body")
    assert list(texts) == [(True, "Hello"), (False, "Thanks!")]


def test_messages_are_delivered_at_once_unless_somebody_plays_the_network() -> None:
    assert not reports_by_hand()
    report_by_hand(True)
    assert reports_by_hand()
    message = sent()
    message.refresh_from_db()
    assert message.state == "sent"
    report_by_hand(False)
    assert not reports_by_hand()


@pytest.mark.parametrize(
    ("news", "state", "suppressed"),
    [("delivered", "delivered", False), ("undelivered", "failed", False), ("blocked", "failed", True)],
)
def test_the_fate_that_is_played_comes_back_as_a_receipt(news: str, state: str, suppressed: bool) -> None:
    report_by_hand(True)
    message = simulate_receipt(sent(), news, now=NOON)
    assert message.state == state
    assert message.receipts.get().news == news
    assert SandboxText.objects.get().news == news
    assert Suppression.objects.exists() is suppressed


def test_what_was_delivered_stays_delivered_but_a_block_is_remembered() -> None:
    message = simulate_receipt(sent(), "blocked", now=NOON)
    assert message.state == "delivered"
    assert Suppression.objects.get().scope == "marketing"


def test_a_message_that_never_came_there_has_no_fate_to_play() -> None:
    with pytest.raises(NotOnThePhone):
        simulate_receipt(MessageFactory(), "delivered", now=NOON)


def test_news_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="exploded"):
        simulate_receipt(sent(), "exploded", now=NOON)
