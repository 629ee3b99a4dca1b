"""So many calls a minute."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache

from crm.lib import rates

NOON = datetime(2026, 4, 6, 12, 0, 10, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


def test_the_limit_counts_down_and_then_refuses() -> None:
    taken = [rates.take("key:1", limit=2, now=NOON) for _ in range(3)]

    assert [(one.remaining, one.allowed) for one in taken] == [(1, True), (0, True), (0, False)]
    assert taken[0].headers() == {"RateLimit-Limit": "2", "RateLimit-Remaining": "1", "RateLimit-Reset": "50"}


def test_the_next_minute_and_another_caller_start_afresh() -> None:
    rates.take("key:1", limit=1, now=NOON)

    assert rates.take("key:1", limit=1, now=NOON + timedelta(minutes=1)).allowed
    assert rates.take("key:2", limit=1, now=NOON).allowed


def test_without_the_cache_nobody_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise ConnectionError

    monkeypatch.setattr(rates.cache, "add", broken)

    assert [rates.take("key:1", limit=1, now=NOON).allowed for _ in range(3)] == [True] * 3
