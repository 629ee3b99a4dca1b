"""Opens and clicks as email services tell of them: weak evidence, and what our own links did not note already."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from crm.models import Event
from messaging.channels.base import News, ReceiptIn
from messaging.models import Message, ShortLink
from messaging.outbox.receipts import take_receipts
from messaging.rendering import links
from tests.factories.crm import NOON
from tests.factories.messaging import MessageFactory

pytestmark = pytest.mark.django_db
URL = "https://shop.example/tea"
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def letter() -> Message:
    message: Message = MessageFactory(channel="email", state="sent", provider="anymail", provider_reference="ref-1")
    return message


def told(message: Message, news: News, at: datetime = NOON, **more: Any) -> None:
    receipt = ReceiptIn("anymail", f"{news}:{at}:{more}", news, at, key=message.key, **more)
    take_receipts([receipt], now=LATER)
    message.refresh_from_db()


def facts() -> list[tuple[str, Any]]:
    return [
        (event.name, event.properties) for event in Event.objects.filter(name__startswith="Message ").order_by("pk")
    ]


def test_an_open_is_told_once_and_marked_as_weak(letter: Message) -> None:
    told(letter, News.OPENED)
    told(letter, News.OPENED, LATER)
    ((name, said),) = facts()
    assert (name, said["evidence"], said["message"]) == ("Message Opened", "weak", str(letter.public_id))
    assert (letter.state, letter.delivered_at, letter.receipts.count()) == ("sent", None, 2)


def test_a_click_is_remembered_and_told_once(letter: Message) -> None:
    told(letter, News.CLICKED, url=URL)
    told(letter, News.CLICKED, LATER, url="https://shop.example/cups")
    ((name, said),) = facts()
    assert (name, said["url"], letter.clicked_at, letter.state) == ("Message Clicked", URL, NOON, "sent")


def test_of_two_in_one_call_the_first_counts(letter: Message) -> None:
    clicks = [
        ReceiptIn("anymail", "b", News.CLICKED, LATER, key=letter.key, url="https://shop.example/cups"),
        ReceiptIn("anymail", "a", News.CLICKED, NOON, key=letter.key, url=URL),
    ]
    take_receipts(clicks, now=LATER)
    letter.refresh_from_db()
    assert (letter.clicked_at, [said["url"] for _, said in facts()]) == (NOON, [URL])


def test_what_our_own_links_note_is_not_told_a_second_time(letter: Message) -> None:
    ShortLink.objects.create(token="1aaaaaaaaa", message=letter, url=URL)
    told(letter, News.CLICKED, url="https://go.shop.example/1aaaaaaaaa")
    assert (letter.clicked_at, facts()) == (None, [])


@pytest.mark.parametrize("news", [News.OPENED, News.CLICKED])
def test_machines_are_kept_and_say_nothing(letter: Message, news: News) -> None:
    told(letter, news, url=URL, bot_because="barracuda")
    assert (letter.clicked_at, facts(), letter.receipts.get().bot_because) == (None, [], "barracuda")


def test_the_way_out_is_no_sign_of_interest(letter: Message) -> None:
    told(letter, News.CLICKED, url=links.unsubscribe_url(letter.public_id))
    assert (letter.clicked_at, facts()) == (None, [])


def test_a_person_after_a_machine_still_counts(letter: Message) -> None:
    told(letter, News.CLICKED, url=URL, bot_because="barracuda")
    told(letter, News.CLICKED, LATER, url=URL)
    assert (letter.clicked_at, [name for name, _ in facts()]) == (LATER, ["Message Clicked"])
