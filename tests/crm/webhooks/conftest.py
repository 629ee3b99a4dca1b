"""A storefront that reports through the Segment door."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client

from crm.events.signals import customers_merged, events_recorded
from crm.models import Source

OK = (200, {"success": True})


class Storefront:
    """Posts as a client library does: JSON as text/plain, the write key in Basic auth or in the body."""

    def __init__(self, **options: Any) -> None:
        self.source = Source.objects.create(name="Web shop", slug="web", write_key="wk_test", **options)
        self.client = Client(raise_request_exception=False)

    def post(self, path: str, body: Any, key: str | None = "wk_test", **headers: str) -> HttpResponse:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            given.setdefault("Authorization", "Basic " + base64.b64encode(f"{key}:".encode()).decode())
        kind = given.pop("Content-Type", "text/plain")
        return self.client.generic("POST", path, raw, kind, headers=given)

    def send(self, *messages: dict[str, Any], **beside: Any) -> None:
        """A batch that is taken, whatever is in it."""
        response = self.post("/v1/batch", {"batch": list(messages), **beside})
        assert (response.status_code, response.json()) == OK


@pytest.fixture
def shop(db: None) -> Storefront:
    cache.clear()
    return Storefront()


@pytest.fixture(autouse=True)
def _crm_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the apps above make of the facts is their tests' matter."""
    monkeypatch.setattr(events_recorded, "receivers", {})
    monkeypatch.setattr(customers_merged, "receivers", [])
    customers_merged.sender_receivers_cache.clear()
    yield
    customers_merged.sender_receivers_cache.clear()
