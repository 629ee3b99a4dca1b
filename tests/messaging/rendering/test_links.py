import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import signing

from messaging.rendering import links

ID = uuid.UUID("01890000-0000-7000-8000-000000000001")


def token_of(url: str) -> str:
    return url.rstrip("/").rsplit("/", 1)[1]


@pytest.mark.parametrize(
    ("make", "read"),
    [(links.unsubscribe_url, links.read_unsubscribe), (links.preferences_url, links.read_preferences)],
)
class TestBoth:
    def test_what_is_signed_can_be_read_back(self, make: Any, read: Any) -> None:
        assert read(token_of(make(ID))) == ID

    def test_a_changed_or_shortened_token_is_refused(self, make: Any, read: Any) -> None:
        token = token_of(make(ID))
        flipped = token[:-1] + ("A" if token[-1] != "A" else "B")
        for bad in (token[:-1], token[1:], flipped, "2" + token[1:], "", "x", ID.hex, f"{ID.hex}."):
            with pytest.raises(links.BadLink):
                read(bad)

    def test_the_signature_has_256_bits(self, make: Any, read: Any) -> None:
        assert len(signing.b64_decode(token_of(make(ID)).rsplit(".", 1)[1].encode())) == 32

    def test_it_outlives_a_change_of_the_secret_key_that_keeps_the_old_one_as_fallback(
        self, make: Any, read: Any, settings: Any
    ) -> None:
        token = token_of(make(ID))
        settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
        settings.SECRET_KEY = "the next key, which is as long as the first one"
        assert read(token) == ID
        settings.SECRET_KEY_FALLBACKS = []
        with pytest.raises(links.BadLink):
            read(token)


def test_one_kind_of_link_does_not_open_the_other() -> None:
    with pytest.raises(links.BadLink):
        links.read_preferences(token_of(links.unsubscribe_url(ID)))
    with pytest.raises(links.BadLink):
        links.read_unsubscribe(token_of(links.preferences_url(ID)))


def test_a_preference_link_ends_after_half_a_year_and_the_way_out_never() -> None:
    with time_machine.travel("2026-01-01T00:00:00Z", tick=False) as clock:
        settings, way_out = token_of(links.preferences_url(ID)), token_of(links.unsubscribe_url(ID))
        clock.shift(timedelta(days=180))
        assert links.read_preferences(settings) == ID
        clock.shift(timedelta(seconds=1))
        with pytest.raises(links.BadLink):
            links.read_preferences(settings)
        clock.shift(timedelta(days=3650))
        assert links.read_unsubscribe(way_out) == ID


def test_links_are_absolute() -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/u/[0-9a-f]{32}\.[\w-]+/", links.unsubscribe_url(ID))


def test_the_doors_of_a_channel_stand_at_the_address_that_the_outside_sees(settings: Any) -> None:
    settings.SITE_URL = "https://crm.shop.example"
    assert [links.hook_url("t"), links.receipts_url("t"), links.inbound_url("t")] == [
        "https://crm.shop.example/hooks/messages/t/",
        "https://crm.shop.example/hooks/messages/t/receipts/",
        "https://crm.shop.example/hooks/messages/t/inbound/",
    ]
