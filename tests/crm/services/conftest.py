"""The services of crm alone: nobody above reacts to what they record."""

from collections.abc import Iterator

import pytest

from crm.events.signals import customers_merged, events_recorded


@pytest.fixture(autouse=True)
def nobody_listens(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(events_recorded, "receivers", {})
    monkeypatch.setattr(customers_merged, "receivers", [])
    customers_merged.sender_receivers_cache.clear()
    yield
    customers_merged.sender_receivers_cache.clear()
