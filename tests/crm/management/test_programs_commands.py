"""The commands that let programs in: each prints one line."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from crm.access import keys
from crm.models import ApiKey, Source

pytestmark = pytest.mark.django_db


def printed(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def test_a_source_is_made_and_its_write_key_printed() -> None:
    assert printed("create_source", "Web Shop", "--strict", "--origin", "https://shop.example.com") == (
        f"{Source.objects.get().write_key}\n"
    )
    source = Source.objects.get()
    assert (source.slug, source.mode, source.allowed_origins) == ("web-shop", "strict", ["https://shop.example.com"])


@pytest.mark.parametrize(
    ("words", "said"),
    [(["Waymark"], "our own"), (["ร้านกาแฟ"], "--slug"), (["Web"], "slug"), (["x" * 101, "--slug", "x"], "name")],
)
def test_a_source_that_cannot_be_says_why(words: list[str], said: str) -> None:
    Source.objects.create(name="Web", slug="web")
    with pytest.raises(CommandError, match=said):
        printed("create_source", *words)
    assert Source.objects.count() == 1


def test_a_key_is_made_and_printed_once() -> None:
    secret = printed(
        "create_api_key", "Shop", "--scopes", "events:write, orders:write", "--source", "web", "--days", "30",
        "--allow-ip", "203.0.113.0/24",
    ).strip()  # fmt: skip

    key = keys.recognise(secret, address="203.0.113.7", now=timezone.now())
    assert (key.name, key.scopes, key.source) == ("Shop", ["events:write", "purchases:write"], "web")
    assert key.expires_at is not None
    assert timedelta(days=29) < key.expires_at - timezone.now() <= timedelta(days=30)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--scopes", "users:write"], "users:write"),
        (["--scopes", "events:write", "--allow-ip", "office"], "office"),
        (["--scopes", "events:write", "--source", "no spaces"], "--source"),
        (["--scopes", "events:write", "--source", "waymark"], "our own"),
    ],
)
def test_a_key_that_cannot_be_says_why(words: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        printed("create_api_key", "Shop", *words)
    assert not ApiKey.objects.exists()
