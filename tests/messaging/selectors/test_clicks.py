"""Who followed the links of a message."""

import pytest

from messaging.models import Click, ShortLink
from messaging.selectors.clicks import links_of
from tests.factories.crm import NOON, later
from tests.factories.messaging import MessageFactory

pytestmark = pytest.mark.django_db


def test_people_and_machines_are_counted_apart() -> None:
    message = MessageFactory(state="sent")
    sale = ShortLink.objects.create(token="1aaaaaaaaa", message=message, url="https://shop.example/sale")
    ShortLink.objects.create(token="1aaaaaaaab", message=message, url="https://x/u/1/", is_way_out=True)
    for at, because in ((later(hours=2), ""), (later(hours=1), ""), (NOON, "bot"), (NOON, "HEAD")):
        Click.objects.create(link=sale, at=at, bot_because=because)
    first, second = links_of(message)
    assert (first.url, first.people, first.machines, first.signs) == ("https://shop.example/sale", 2, 2, "HEAD, bot")
    assert first.first_at == later(hours=1)
    assert (second.is_way_out, second.people, second.machines, second.first_at) == (True, 0, 0, None)
