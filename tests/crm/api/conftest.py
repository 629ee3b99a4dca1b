"""A program that calls the API with a key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client

from crm.access import keys
from crm.events.signals import customers_merged, events_recorded
from crm.models import ApiKey


class Program:
    """Calls with an API key; bodies are given as Python values, or as raw bytes."""

    def __init__(self, *scopes: str, source: str = "web", **options: Any) -> None:
        made = keys.create_key(name="A program", scopes=scopes or tuple(keys.SCOPES), source=source, **options)
        self.key: ApiKey = made.key
        self.secret = made.secret
        self.client = Client(raise_request_exception=False)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        given = {"Authorization": f"Bearer {self.secret}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        kind = given.pop("Content-Type", "application/json")
        return self.client.generic(method, f"/api/v1/{path}", raw, kind, headers=given)

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.call("POST", path, body, **headers)

    def put(self, path: str, body: Any, **headers: str) -> HttpResponse:
        return self.call("PUT", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> HttpResponse:
        return self.call("PATCH", path, body, **headers)


@pytest.fixture
def api(db: None) -> Program:
    """A program whose key may do everything; what it writes is of the source "web"."""
    cache.clear()
    return Program()


def faults(response: HttpResponse) -> list[tuple[str, str]]:
    """The (place, code) of every error in a problem."""
    body = response.json()
    return [(fault.get("pointer", fault.get("parameter")), fault["code"]) for fault in body.get("errors", [])]


@pytest.fixture(autouse=True)
def _crm_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the apps above make of the facts is their tests' matter."""
    monkeypatch.setattr(events_recorded, "receivers", {})
    monkeypatch.setattr(customers_merged, "receivers", [])
    customers_merged.sender_receivers_cache.clear()
    yield
    customers_merged.sender_receivers_cache.clear()
